"""Outputs that hang on a tie: on which of nearly equal numbers a top-k or an argmax takes.

What is nearly equal a correct backend may order in any way, and everything that is picked by that
order comes out otherwise. Which entries these are the reference tells: run again with noise of
that size in what its choosing functions compare, and nowhere else, those move that hang on a tie.

Nearly equal is what the tolerance of fp32 does not tell apart, at every precision: what a lower one
mixes up beyond is what it does to a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import torch

from pytest_accelerate.agreement import Agreement, compare
from pytest_accelerate.tolerances import tolerance_of
from pytest_accelerate.zoo.answering import Answering

Outputs = Mapping[str, torch.Tensor]

NEARLY = tolerance_of("fp32")
"""How near numbers are that tie, as a share of those that are taken."""
RUNS = 8
"""Runs with noise: a tie of two goes unseen in one of 256."""

_DIMENSION = {"argmax": 1, "argmin": 1, "argsort": 1, "topk": 2, "sort": 1, "max": 1, "min": 1}
"""The functions that choose, and where their ``dim`` stands among their arguments."""
_FUNCTIONS = {getattr(of, name): name for of in (torch, torch.Tensor) for name in _DIMENSION}


def compare_beyond_ties(
    outputs: Outputs, reference: Outputs, tolerance: float, run: Callable[[], Outputs]
) -> Agreement:
    """Compare outputs, and leave out what hangs on a tie where they would not agree otherwise.

    An output all of which hangs on ties is compared whole: nothing would be left of it.

    Args:
        outputs: CPU tensors by leaf name.
        reference: what they should be.
        tolerance: bound on the relative error.
        run: the model that gave the reference, eager and on the CPU, on the same inputs.
    """
    found = compare(outputs, reference, tolerance)
    if found.agrees:
        return found
    tied = tied_entries(reference, tolerance, run)
    return compare(outputs, reference, tolerance, left_out=tied) if tied else found


def tied_entries(
    reference: Outputs, tolerance: float, run: Callable[[], Outputs]
) -> dict[str, torch.Tensor]:
    """Which entries of a model's outputs hang on a tie, as booleans by leaf name.

    Args:
        reference: the outputs, without noise.
        tolerance: what an entry that is a float moves by at least, as a share of the largest.
        run: gives the outputs again.

    Returns:
        Of those outputs alone that have such entries, and others too.
    """
    moved = {name: torch.zeros(value.shape, dtype=torch.bool) for name, value in reference.items()}
    for seed in range(RUNS):
        noise = _Noise(seed)
        with Answering(noise.answer):
            again = run()
        if not noise.chose:
            return {}
        for name, value in reference.items():
            moved[name] |= _moved(again.get(name), value, tolerance)
    return {name: mask for name, mask in moved.items() if mask.any() and not mask.all()}


def _moved(again: torch.Tensor | None, value: torch.Tensor, tolerance: float) -> torch.Tensor:
    if again is None or again.shape != value.shape:
        return torch.ones(value.shape, dtype=torch.bool)
    if not (value.is_floating_point() or value.is_complex()):
        return again != value
    finite = value[torch.isfinite(value)]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    # What is infinite on both sides differs by what is not a number, which is beyond no bound.
    return ((again - value).abs() > tolerance * scale) | (again.isfinite() != value.isfinite())


class _Noise:
    """Makes choosing functions of torch choose by what is nearly equal to what they are given."""

    def __init__(self, seed: int) -> None:
        self.chose = False
        """Whether there was anything to choose by floats."""
        self._generator = torch.Generator().manual_seed(seed)

    def answer(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """The function's choice by other numbers; what it takes from there are the true ones."""
        name = _FUNCTIONS.get(function)
        numbers = args[0] if args else kwargs.get("input")
        if name is None or not _are_ranked(numbers):
            return NotImplemented
        plain = function(*args, **kwargs)
        if isinstance(plain, torch.Tensor) and plain.is_floating_point():
            return plain  # the largest of all, or of each pair: that names no place
        self.chose = True
        dim = _dim_of(name, args, kwargs)
        rest = {key: value for key, value in kwargs.items() if key not in ("input", "out")}
        places = _places(plain)
        noisy = function(self._disturbed(numbers, _taken(numbers, places, dim)), *args[1:], **rest)
        if isinstance(plain, torch.Tensor):
            return noisy
        taken = _taken(numbers, noisy[1], dim).reshape(noisy[1].shape)
        return type(plain)((taken, noisy[1]))

    def _disturbed(self, numbers: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
        # By the size of what is taken: among the others are what a mask puts out of the question.
        finite = taken[torch.isfinite(taken)].abs()
        scale = float(finite.median()) if finite.numel() else 0.0
        # Zeros tie with zeros alone.
        amplitude = NEARLY * scale or torch.finfo(numbers.dtype).tiny
        drawn = torch.rand(numbers.shape, generator=self._generator, dtype=torch.float64)
        return numbers + ((drawn - 0.5) * 2 * amplitude).to(numbers)


def _are_ranked(numbers: Any) -> TypeGuard[torch.Tensor]:
    """Whether these are numbers that rounding can bring into another order."""
    return (
        isinstance(numbers, torch.Tensor)
        and numbers.is_floating_point()
        and numbers.dim() > 0
        and numbers.numel() > 0
    )


def _dim_of(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | None:
    """The dimension along which is chosen; ``None`` where it is the whole tensor."""
    position = _DIMENSION[name]
    whole = None if name in ("argmax", "argmin") else -1
    found = args[position] if len(args) > position else kwargs.get("dim", whole)
    return None if found is None else int(found)


def _places(chosen: Any) -> torch.Tensor:
    places: torch.Tensor = chosen if isinstance(chosen, torch.Tensor) else chosen[1]
    return places


def _taken(numbers: torch.Tensor, places: torch.Tensor, dim: int | None) -> torch.Tensor:
    """The numbers in the places that were chosen."""
    if dim is None:
        return numbers.flatten()[places]
    if places.dim() < numbers.dim():
        places = places.unsqueeze(dim)
    return numbers.gather(dim, places)
