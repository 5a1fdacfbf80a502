"""Generation on OpenVINO: graphs answer to what they are given, not to what made them."""

from __future__ import annotations

import openvino
import pytest
import torch

from pytest_accelerate.hardware.leaves import filled, leaves
from pytest_accelerate.hardware.openvino_calls import (
    Outcome,
    Signature,
    WatchedCall,
    change,
    groups_of,
)
from pytest_accelerate.hardware.openvino_generation import _graphs


def test_a_tensor_alone_is_filled_under_the_name_that_it_has() -> None:
    """A module that returns one bare tensor hands out what was computed, not what was recorded."""
    recorded, computed = torch.zeros(2, 3), torch.ones(2, 3)
    (name,) = leaves(recorded)
    assert filled(recorded, {name: computed}) is computed


def test_calls_of_other_grids_are_of_other_graphs() -> None:
    """Grids are constants of a graph of fixed sizes, so another grid of as many patches is told."""
    pixels = torch.zeros(8, 4)
    wide, high = (
        {"pixel_values": pixels, "grid_thw": torch.tensor([grid])}
        for grid in ([1, 2, 4], [1, 4, 2])
    )
    assert Signature.of(wide, {}, sized=True) != Signature.of(high, {}, sized=True)
    assert Signature.of(wide, {}, sized=False) == Signature.of(high, {}, sized=False)


def test_a_value_is_changed_in_place() -> None:
    """Whoever holds the value, or the tensor that it is, sees what became of it."""
    tensor, other = torch.zeros(2), torch.ones(2)
    given = {"pair": (tensor, tensor.clone()), "list": [tensor.clone()], "plain": 1}
    change(given, {"pair": (other.clone(), other), "list": [other, other], "plain": 2})
    change(given["pair"], (torch.full((2,), 2.0), other))
    assert leaves(given)["pair.0"].tolist() == [2.0, 2.0]
    assert len(leaves(given)) == 4
    assert given["plain"] == 2
    change(tensor, other * 3)
    assert torch.equal(tensor, other * 3)


class Waiting(torch.nn.Module):
    """Doubles what is positive, and does nothing at all where nothing is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (rows, columns)."""
        return x + 0.0 if bool((x < 0).all()) else torch.where(x < 0, x, x * 2)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # that the branch becomes a constant
def test_a_branch_that_skips_work_is_not_what_is_traced() -> None:
    """Where the first call skips what another does, the other is what the graph is made from."""
    module = Waiting()
    given = [torch.full((2, 3), -1.0), torch.tensor([[1.0, -2.0, 3.0]] * 2)]
    calls = [WatchedCall(module, {"x": x}, {}, False, Outcome(module(x), {}, {})) for x in given]
    (group,) = groups_of(calls)
    (graph,) = _graphs(group, lambda model: openvino.compile_model(model, "CPU"), 1e-4).values()
    assert (graph.path, graph.disagreement) == ("trace", "")
    assert all(graph.agreement(call, 1e-4).agrees for call in calls)
