"""Operators that OpenVINO lacks or gets wrong: what stands for them answers as torch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pytest_accelerate import hardware
from pytest_accelerate.agreement import compare
from pytest_accelerate.zoo.specimen import Specimen

Function = Callable[[torch.Tensor], torch.Tensor]

WHOLE = torch.tensor([[-9, -8, -1, 0], [40, 39, 63, 7]])
REAL = torch.tensor([[[4.0, 1.0, -2.0], [0.5, 3.0, 1.0], [1.0, -1.0, 2.0]]] * 2)


def _complex(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x[..., :2].contiguous())


PLACES = torch.randn(2, 4, 4, 16, generator=torch.Generator().manual_seed(0))
"""Two rows, four heads, four places."""


def _attention(x: torch.Tensor) -> torch.Tensor:
    scores = torch.nn.functional.normalize(x, dim=-1) @ x.flip(2).transpose(-2, -1)
    return (scores.softmax(-1) @ x.flip(1)).transpose(1, 2)


def _set(x: torch.Tensor, index: object, given: object) -> torch.Tensor:
    changed = x * 2
    changed[index] = given  # type: ignore[index, assignment]
    return changed


def _written(x: torch.Tensor) -> torch.Tensor:
    row = x[:, 1]
    row.copy_((row.float() + 1).to(row.dtype))
    return x


PER_ROW = torch.tensor([1.0, 20.0, 300.0])
REDUCTIONS: tuple[Function, ...] = (
    lambda x: x.sum(-1),
    lambda x: torch.mean(x, dim=2),
    lambda x: x.amax((-1,)),
    lambda x: torch.amin(x, dim=[2]),
)


class _Doubled(torch.autograd.Function):
    """Has a gradient of its own, and takes what is no tensor."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, layers: tuple[Function, ...]) -> torch.Tensor:
        """Twice as much."""
        ctx.save_for_backward(x)
        ctx.layers = layers
        return layers[0](x) if ctx.needs_input_grad[0] else layers[1](x)


class _Tripled(torch.autograd.Function):
    """As torch has had them since 2.0: apart from what is kept."""

    @staticmethod
    def forward(x: torch.Tensor, by: int) -> torch.Tensor:
        """Three times as much."""
        return x * by

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing."""


def _drawn(x: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(7)
    return x + torch.randn(3, dtype=x.dtype) * torch.randn((2, 1, 3))


def _begun(x: torch.Tensor, index: Any) -> torch.Tensor:
    """A part of zeros is what it is in x."""
    changed = torch.zeros_like(x)
    changed[index] = x[index]
    return changed


def _groups(x: torch.Tensor) -> torch.Tensor:
    """Whether places are in a group, and in the same one, as a mask of blocks has it."""
    is_in = (x > 6).int()
    starts = torch.nn.functional.pad(is_in[:, :-1], (1, 0)) < is_in
    groups = torch.where(is_in.bool(), starts.int().cumsum(1) - 1, -1)
    rows, places = torch.arange(x.shape[0])[:, None], torch.arange(x.shape[1])
    found = groups[rows[:, None], places[:, None]]
    return (found == groups[rows[:, None], places[None]]) & (found >= 0)


def _as_many_as_found(x: torch.Tensor) -> torch.Tensor:
    """The places of what is positive in each, and how many there are, among as many as x tells."""
    found = [torch.nonzero(item.flatten() > 0)[:, 0].float() for item in (x[0, 1:], x[1])]
    changed = x.new_zeros(2, found[1].shape[0])
    counted = torch.zeros(2, found[1].shape[0], dtype=torch.int)
    for number, places in enumerate(found):
        changed[number, : places.shape[0]] = places
        counted[number, : places.shape[0]] = 1
    return torch.stack([changed, counted.float()])


def _up_to(extreme: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    """Ones for as many as the most, or the fewest, that are positive in an item; at least two."""
    found = [torch.nonzero(item.flatten() > 0).shape[0] for item in x]
    return torch.ones(max(extreme(found), 2), extreme(count for count in found))


CASES: dict[str, tuple[torch.Tensor, Function]] = {
    "floor division": (WHOLE, lambda x: x // 2),
    "floor division after an addition": (WHOLE, lambda x: (x.sum(-1) - 1) // 2 + 1),
    "floor division by what is traced": (WHOLE, lambda x: 40 // (x * x + 1)),
    "division rounded down": (WHOLE, lambda x: torch.div(x - 1, 2, rounding_mode="floor")),
    "division rounded to zero": (WHOLE, lambda x: torch.div(x - 1, 2, rounding_mode="trunc")),
    "division of real numbers": (REAL, lambda x: torch.div(x, 2.0) + x // 2.0),
    "differences": (REAL, lambda x: x.diff() + torch.diff(x, dim=-1)),
    "no number": (
        REAL,
        lambda x: torch.nan_to_num(torch.where(x > 1, torch.nan, x), nan=7.0),
    ),
    "conjugate": (
        REAL,
        lambda x: torch.view_as_real(_complex(x) * torch.conj(_complex(x.flip(0)))),
    ),
    "spectrum of a signal with zeros behind": (
        REAL,
        lambda x: torch.view_as_real(torch.fft.rfft(x, n=8, dim=1, norm="ortho")),
    ),
    "signal of a spectrum with zeros behind": (
        REAL,
        lambda x: torch.fft.irfft(_complex(x), n=9, dim=1),
    ),
    "lower triangle": (REAL, lambda x: torch.linalg.solve_triangular(x, x + 1, upper=False)),
    "upper triangle": (REAL, lambda x: torch.linalg.solve_triangular(x, x + 1, upper=True)),
    "triangle of ones": (
        REAL,
        lambda x: torch.linalg.solve_triangular(x, x + 1, upper=False, unitriangular=True),
    ),
    "differences after a first value": (
        REAL,
        lambda x: torch.diff(x, prepend=torch.zeros(2, 3, 1)),
    ),
    "cross entropy": (
        WHOLE,
        lambda x: torch.nn.functional.cross_entropy(
            x[:, :4].float().repeat(2, 1) / 40, torch.tensor([1, -100, 3, 0]) + 0 * x[0]
        )[None],
    ),
    "conversion to Python's bool": (
        WHOLE,
        lambda x: torch.where((x % 2).to(dtype=bool), x, -x),
    ),
    "writing into a conversion that is none": (REAL, lambda x: _written(x * 2)),
    "one row where a mask selects": (REAL, lambda x: _set(x, x[..., 0] > 1, x[0, 0])),
    "one row of one where a mask selects": (REAL, lambda x: _set(x, x[..., 0] > 1, x[:1, 0])),
    "rows where a mask selects": (REAL, lambda x: _set(x, x[:, 0, 1] > 0, x.flip(-1))),
    "numbers where a mask selects": (REAL, lambda x: _set(x, x > 1, -7.0)),
    "a number at places of the last axis": (
        REAL,
        lambda x: _set(x, (slice(None), slice(None), [0, 2]), -7.0),
    ),
    "putting": (REAL, lambda x: x.index_put((torch.tensor([1]),), torch.zeros(3, 3)) + x),
    "members": (WHOLE, lambda x: torch.isin(x, torch.tensor([0, 63, -8])) ^ torch.isin(x, 40)),
    "all but members": (
        WHOLE,
        lambda x: torch.isin(x, torch.tensor([[7], [0]]), invert=True),
    ),
    "largest so far": (WHOLE, lambda x: x.cummax(dim=1)[0] + torch.cummin(x, 0).values),
    "place of the largest so far": (
        REAL,
        lambda x: torch.cummax(x, dim=1).indices + 10 * x.abs().cummin(-1).indices,
    ),
    "groups that were counted": (WHOLE, lambda x: _groups(x).float()),
    "booleans of a piece": (
        REAL,
        lambda x: (
            (x + 1).split([2, 1], -1)[1].to(torch.bool) ^ x.relu().split([1, 2], -1)[1].bool()
        ),
    ),
    "each as often as told": (
        WHOLE,
        lambda x: torch.repeat_interleave(x.float(), x[1] % 4 + x[0] % 2, dim=1),
    ),
    "all of several as often as told": (
        WHOLE,
        lambda x: x.repeat_interleave((x > 6).flatten().long()).float()[None],
    ),
    "padding": (
        REAL,
        lambda x: torch.nn.utils.rnn.pad_sequence([x[0], x[1, :2]], True, padding_value=-1.0),
    ),
    "padding at the left": (
        REAL,
        lambda x: torch.nn.utils.rnn.pad_sequence([x[0], x[1, :2]], padding_side="left"),
    ),
    "first places of the last axis": (
        REAL,
        lambda x: _begun(x, (..., slice(None, x.shape[1] - 1))),
    ),
    "first rows of the second": (REAL, _as_many_as_found),
    "the most of what is counted": (WHOLE, lambda x: _up_to(max, x)),
    "the fewest of what is counted": (WHOLE, lambda x: _up_to(min, x)),
    "attention of as many heads as places": (PLACES, _attention),
    "a number for each sum of a row": (
        REAL,
        lambda x: torch.stack([each(x * x) + PER_ROW for each in REDUCTIONS]),
    ),
    "what has a gradient of its own": (
        REAL,
        lambda x: (
            _Doubled.apply(x, (lambda x: x, lambda x: x * 2))  # type: ignore[no-untyped-call]
            - _Tripled.apply(x, 3)  # type: ignore[no-untyped-call]
        ),
    ),
    "what is drawn from a seed of the model's own": (REAL, _drawn),
    "the order of equals": (
        WHOLE,
        lambda x: torch.cat([(x > 0).int().argsort(dim=-1), (x > 3).int().sort(-1)[1]], -1),
    ),
    "windows": (REAL, lambda x: x.unfold(-1, 2, 1) + x.unfold(1, 2, 1).transpose(1, 2)),
}


class Applied(torch.nn.Module):
    """One function as a model."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        return self.function(x)


@pytest.mark.parametrize("case", CASES)
def test_a_substitute_answers_as_the_operator_does(case: str) -> None:
    """OpenVINO answers by the trace what torch does, for the traced numbers and for others."""
    x, function = CASES[case]
    model = Applied(function).eval()
    loaded = hardware.create("openvino").load(Specimen("own", model, {"x": x}, ("text",)), "fp32")
    assert loaded.path == "trace"
    for given in (x, x.flip(0) + x.new_ones(())):
        assert compare(loaded.run({"x": given}), {"output": model(given)}, 1e-5).agrees


def test_torch_is_as_it_was_after_a_trace() -> None:
    """What is replaced within torch and Python for the time of a trace is put back."""
    kept = vars(torch.autograd.Function)["apply"]
    before = torch._C._nn.pad_sequence, max, min
    _, function = CASES["padding"]
    specimen = Specimen("own", Applied(function).eval(), {"x": REAL}, ("text",))
    hardware.create("openvino").load(specimen, "fp32")
    assert (torch._C._nn.pad_sequence, max, min) == before
    assert vars(torch.autograd.Function)["apply"] is kept
