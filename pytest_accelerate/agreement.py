"""Agreement of outputs with their reference.

One float tensor agrees when ``max|a-b| / max|ref|`` over finite entries is within the tolerance
and infinities and NaN stand in the same places; integers and booleans agree when they are equal,
and of one dtype. The worst output counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Agreement:
    """What a comparison found over all outputs."""

    agrees: bool
    reason: str = ""
    """What differs, in one line; empty where it agrees."""
    max_relative_error: float = 0.0
    max_absolute_error: float = 0.0
    cosine: float = 1.0
    """Cosine similarity of the output with the largest relative error."""
    worst_output: str = ""
    outputs_compared: int = 0
    entries_left_out: int = 0


@dataclass(frozen=True)
class _Figures:
    relative: float
    absolute: float
    cosine: float


def compare(
    outputs: Mapping[str, torch.Tensor],
    reference: Mapping[str, torch.Tensor],
    tolerance: float,
    left_out: Mapping[str, torch.Tensor] | None = None,
) -> Agreement:
    """Compare all outputs of one forward pass with the reference's, by name.

    Args:
        outputs: CPU tensors by leaf name.
        reference: what they should be; its floats may have another width (fp64 against fp32).
        tolerance: bound on the relative error; 0 asks for equality to the bit.
        left_out: booleans of an output's shape, true where its entries are not to be compared.
    """
    if list(outputs) != list(reference):
        return Agreement(False, f"outputs {_names(outputs)} instead of {_names(reference)}")
    left_out = left_out or {}
    worst_name, worst = "", _Figures(0.0, 0.0, 1.0)
    for name, expected in reference.items():
        problem, figures = _compare_one(outputs[name], expected, left_out.get(name))
        if problem:
            return Agreement(False, f"output {name}: {problem}", worst_output=name)
        if not worst_name or figures.relative > worst.relative:
            worst_name, worst = name, figures
    agrees = worst.relative <= tolerance
    reason = (
        ""
        if agrees
        else f"output {worst_name}: relative error {worst.relative:.2g} exceeds {tolerance:g}"
    )
    return Agreement(
        agrees,
        reason,
        max_relative_error=worst.relative,
        max_absolute_error=worst.absolute,
        cosine=worst.cosine,
        worst_output=worst_name,
        outputs_compared=len(reference),
        entries_left_out=sum(int(mask.sum()) for mask in left_out.values()),
    )


def _compare_one(
    value: torch.Tensor, expected: torch.Tensor, left_out: torch.Tensor | None
) -> tuple[str, _Figures]:
    """What forbids a comparison or differs outright, and the figures."""
    equal = _Figures(0.0, 0.0, 1.0)
    if value.shape != expected.shape:
        return f"shape {list(value.shape)} instead of {list(expected.shape)}", equal
    if left_out is not None:
        value, expected = value[~left_out], expected[~left_out]
    if value.is_complex() or expected.is_complex():
        if value.is_complex() != expected.is_complex():
            return f"dtype {_dtype(value)} instead of {_dtype(expected)}", equal
        value, expected = torch.view_as_real(value), torch.view_as_real(expected)
    floats = value.is_floating_point() and expected.is_floating_point()
    if not floats and value.dtype != expected.dtype:
        return f"dtype {_dtype(value)} instead of {_dtype(expected)}", equal
    if value.numel() == 0:
        return "", equal
    if not floats:
        wrong = int((value != expected).sum())
        return (f"{wrong} of {value.numel()} integers differ" if wrong else ""), equal
    return _compare_floats(value.double(), expected.double())


def _compare_floats(value: torch.Tensor, expected: torch.Tensor) -> tuple[str, _Figures]:
    finite = torch.isfinite(expected)
    elsewhere = finite != torch.isfinite(value)
    if elsewhere.any():
        return f"{int(elsewhere.sum())} entries are finite on one side only", _Figures(0, 0, 1)
    odd_value, odd_expected = value[~finite], expected[~finite]
    if not torch.equal(torch.nan_to_num(odd_value), torch.nan_to_num(odd_expected)):
        return "infinities or NaN of another kind", _Figures(0, 0, 1)
    value, expected = value[finite], expected[finite]
    if value.numel() == 0:
        return "", _Figures(0.0, 0.0, 1.0)
    absolute = float((value - expected).abs().max())
    scale = float(expected.abs().max())
    # A reference of zeros has no scale: then the absolute error stands for the relative one.
    relative = absolute / scale if scale else absolute
    norms = float(value.norm() * expected.norm())
    cosine = float(value @ expected) / norms if norms else float(absolute == 0)
    return "", _Figures(relative, absolute, cosine)


def _names(outputs: Mapping[str, torch.Tensor]) -> str:
    shown = list(outputs)[:8]
    return ", ".join(shown) + (", …" if len(outputs) > len(shown) else "")


def _dtype(value: torch.Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")
