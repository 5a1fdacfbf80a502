"""The figures of agreement, by the formula that the documentation states."""

from __future__ import annotations

import math

import pytest
import torch

from pytest_accelerate.agreement import compare

INF, NAN = math.inf, math.nan


def figures(value: list[float], reference: list[float], tolerance: float = 1e-4) -> object:
    """Compare two vectors."""
    return compare({"x": torch.tensor(value)}, {"x": torch.tensor(reference)}, tolerance)


def test_the_error_is_relative_to_the_largest_reference() -> None:
    """max|a-b| over max|ref|, so that small entries do not count more than large ones."""
    found = figures([1.0, 100.5], [1.0, 100.0], 1e-2)
    assert found.max_relative_error == pytest.approx(0.005)
    assert found.max_absolute_error == pytest.approx(0.5)
    assert found.agrees
    assert not figures([1.0, 100.5], [1.0, 100.0], 1e-3).agrees


def test_the_worst_output_counts() -> None:
    """One output that differs is enough, and is named."""
    one = torch.ones(2)
    found = compare({"a": one, "b": one * 1.1}, {"a": one, "b": one}, 1e-4)
    assert not found.agrees
    assert found.worst_output == "b"
    assert found.outputs_compared == 2


@pytest.mark.parametrize(
    ("value", "reference", "agrees"),
    [
        ([INF, 1.0], [INF, 1.0], True),
        ([-INF, 1.0], [INF, 1.0], False),
        ([NAN, 1.0], [NAN, 1.0], True),
        ([NAN, 1.0], [INF, 1.0], False),
        ([1.0, 1.0], [INF, 1.0], False),
        ([INF, 1.0], [1.0, 1.0], False),
        ([0.0, 0.0], [0.0, 0.0], True),
        ([1e-3, 0.0], [0.0, 0.0], False),
    ],
)
def test_infinities_and_nan_stand_in_the_same_places(
    value: list[float], reference: list[float], agrees: bool
) -> None:
    """What is not finite must be so on both sides, in the same places and of the same kind."""
    assert figures(value, reference).agrees is agrees


def test_integers_and_booleans_are_equal_or_not() -> None:
    """No tolerance applies to what is counted."""
    ids = torch.tensor([1, 2, 3])
    assert compare({"x": ids}, {"x": ids.clone()}, 0.5).agrees
    found = compare({"x": ids + 1}, {"x": ids}, 0.5)
    assert found.reason == "output x: 3 of 3 integers differ"
    assert not compare({"x": torch.tensor([True])}, {"x": torch.tensor([False])}, 0.5).agrees


def test_shapes_kinds_and_names_must_match() -> None:
    """Another shape, another kind of number or a lost output is no matter of tolerance."""
    one = torch.ones(2)
    assert "shape [1, 2] instead of [2]" in compare({"x": one[None]}, {"x": one}, 1).reason
    assert "dtype int64 instead of float32" in compare({"x": one.long()}, {"x": one}, 1).reason
    assert "dtype int32 instead of int64" in compare({"x": one.int()}, {"x": one.long()}, 1).reason
    assert "dtype int64 instead of bool" in compare({"x": one.long()}, {"x": one.bool()}, 1).reason
    assert compare({"x": one}, {"x": one.double()}, 1).agrees  # the reference may be wider
    assert compare({"x": one}, {"x": one, "y": one}, 1).reason == "outputs x instead of x, y"


def test_zero_tolerance_asks_for_equality_to_the_bit() -> None:
    """Two runs are the same or they are not."""
    assert figures([1.0], [1.0], 0.0).agrees
    assert not figures([1.0000001], [1.0], 0.0).agrees
