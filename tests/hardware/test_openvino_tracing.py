"""Traces of models whose inputs OpenVINO could mistake for something else."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pytest_accelerate import hardware
from pytest_accelerate.zoo.specimen import Specimen


class Choosy(torch.nn.Module):
    """Uses one of its two inputs."""

    def __init__(self, used: str) -> None:
        super().__init__()
        self.used = used

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> dict[str, Any]:
        """Twice the one that is used."""
        return {"twice": 2.0 * (first if self.used == "first" else second)}


@pytest.mark.parametrize("used", ["first", "second"])
def test_an_input_that_is_not_used_shifts_no_other(used: str) -> None:
    """Each input keeps its own shape and values, also where nothing uses the one before it."""
    inputs = {"first": torch.ones(3), "second": torch.full((2, 4), 5.0)}
    specimen = Specimen("choosy", Choosy(used).eval(), inputs, ("numbers",))
    loaded = hardware.create("openvino").load(specimen, "fp32")
    assert loaded.path == "trace"
    assert torch.equal(loaded.run(inputs)["twice"], 2.0 * inputs[used])
    loaded.close()


class Cutting(torch.nn.Module):
    """Takes images of their own sizes out of a row of patches, as many models do."""

    def forward(self, patches: torch.Tensor) -> dict[str, Any]:
        """The sum of each image's patches."""
        start, sums = torch.tensor(0), []
        for height, width in torch.tensor([[1, 2], [2, 2]]):
            count = height * width
            sums.append(patches[start : start + count].sum(0))
            start += count
        return {"sums": torch.stack(sums)}


def test_a_place_that_is_changed_later_is_what_it_was() -> None:
    """What cuts a tensor enters the trace as it is then, though it is counted up in place."""
    inputs = {"patches": torch.arange(12.0).reshape(6, 2)}
    specimen = Specimen("cutting", Cutting().eval(), inputs, ("numbers",))
    loaded = hardware.create("openvino").load(specimen, "fp32")
    assert loaded.path == "trace"
    assert loaded.run(inputs)["sums"].tolist() == [[2.0, 4.0], [28.0, 32.0]]
    loaded.close()
