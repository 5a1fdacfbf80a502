"""What hangs on a tie in a top-k or an argmax is no mismatch, and nothing else is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch

from pytest_accelerate.agreement import Agreement
from pytest_accelerate.ties import compare_beyond_ties, tied_entries

SCORES = torch.tensor([[0.1, 0.9, 0.90001, 0.2, 0.7, 0.5], [3.0, 0.0, 1.0, 0.0, 2.0, -1.0]])
"""The first two of the first row tie, and the zeros that the second has at its fourth place."""
ROWS = torch.arange(12.0).reshape(6, 2)

Outputs = dict[str, torch.Tensor]


def retrieve(scores: torch.Tensor) -> Outputs:
    """The four best of each row, what is looked up there, and a number that no choice moves."""
    values, places = scores.topk(4)
    return {"values": values, "places": places, "rows": ROWS[places], "mean": scores.mean(-1)}


def compared(outputs: Outputs) -> Agreement:
    """How they agree with what the scores give."""
    return compare_beyond_ties(outputs, retrieve(SCORES), 1e-4, lambda: retrieve(SCORES))


def with_exchanged(row: int, *, at: tuple[int, int] = (0, 1)) -> Outputs:
    """What a backend gives that takes two of a row's places the other way around."""
    outputs = {name: value.clone() for name, value in retrieve(SCORES).items()}
    one, other = at
    for name in ("places", "rows"):
        outputs[name][row, [one, other]] = outputs[name][row, [other, one]]
    return outputs


def test_entries_that_hang_on_a_tie_are_left_out() -> None:
    """Places and what is looked up there may be exchanged where the scores are nearly equal."""
    found = compared(with_exchanged(0))
    assert found.agrees, found.reason
    assert found.entries_left_out == (2 + 1) + (4 + 2)
    assert compared(retrieve(SCORES)).entries_left_out == 0


def test_what_does_not_tie_is_wrong() -> None:
    """An order that the scores do not leave open is a mismatch, beside ties too."""
    assert compared(with_exchanged(0, at=(2, 3))).reason == "output places: 2 of 5 integers differ"
    assert not compared(with_exchanged(1)).agrees


def test_beside_a_tie_all_else_is_compared() -> None:
    """A fault in an entry that no choice moves is found, though others are left out."""
    outputs = with_exchanged(0)
    outputs["mean"] = outputs["mean"] * 1.01
    found = compared(outputs)
    assert found.worst_output == "mean"
    assert not found.agrees


def test_an_output_of_ties_alone_is_compared_whole() -> None:
    """Were nothing left of an output, its agreement would be empty."""
    equal = torch.zeros(1, 8)
    reference = {"places": equal.argmax(-1)}
    found = compare_beyond_ties(
        {"places": reference["places"] + 1}, reference, 1e-4, lambda: {"places": equal.argmax(-1)}
    )
    assert found.reason == "output places: 1 of 1 integers differ"


@dataclass(frozen=True)
class Choice:
    """A function that chooses, and the places that it takes."""

    name: str
    places: Callable[[torch.Tensor], torch.Tensor]


CHOICES = [
    Choice("torch.topk", lambda x: torch.topk(x, 2, dim=1).indices),
    Choice("topk of the smallest", lambda x: (-x).topk(2, largest=False).indices),
    Choice("argmax", lambda x: x.argmax(dim=-1, keepdim=True)),
    Choice("torch.argmax of negatives", lambda x: torch.argmin(-x, -1)),
    Choice("sort", lambda x: x.sort(descending=True)[1]),
    Choice("torch.sort, stable", lambda x: torch.sort(x, stable=True, dim=-1).indices),
    Choice("argsort", lambda x: x.argsort(-1)),
    Choice("max along a dimension", lambda x: x.max(1).indices),
    Choice("max with keepdim", lambda x: torch.max(x, dim=1, keepdim=True)[1]),
]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_every_function_that_chooses_is_asked(choice: Choice) -> None:
    """Two equal numbers are a tie to each, and numbers that are apart are none."""
    tied = torch.tensor([[1.0, 5.0, 5.0, 2.0], [4.0, 1.0, 3.0, 2.0]])

    def run() -> Outputs:
        return {"places": choice.places(tied)}

    masks = tied_entries(run(), 1e-4, run)
    assert masks["places"][0].any()
    assert not masks["places"][1].any()


def test_what_a_mask_hides_makes_no_ties() -> None:
    """The lowest number of the dtype is out of the question: noise of its size would move all."""
    scores = torch.tensor([[1.0, 2.0, torch.finfo(torch.float32).min], [0.5, 0.1, -1e9]])

    def run() -> Outputs:
        return {"best": scores.argmax(-1), "largest": scores.max(-1).values, "all": scores.max()}

    assert tied_entries(run(), 1e-4, run) == {}


def test_a_shape_that_hangs_on_a_tie_is_not_forgiven() -> None:
    """Of an output that has other shapes by the order of ties no entry can be told from others."""
    equal = torch.zeros(6)

    def run() -> Outputs:
        return {"before": torch.arange(int(equal.argmax()))}

    found = compare_beyond_ties({"before": torch.arange(9)}, run(), 1e-4, run)
    assert found.reason.startswith("output before: shape [9]")
