"""Stage ``run``: forward passes on the hardware, finite and repeatable."""

from __future__ import annotations

import torch

from pytest_accelerate.agreement import compare
from pytest_accelerate.cells import Verdict
from pytest_accelerate.stages.base import Context, Outcome
from pytest_accelerate.tolerances import tolerance_of


def run(context: Context) -> Outcome:
    """Run the model, see that it answers with numbers, and that it answers the same again."""
    inputs = context.specimen.inputs
    outputs = context.loaded.run(inputs)
    if not outputs:
        return Outcome(Verdict.ERROR, "the forward pass returned no tensor")
    context.outputs = outputs
    if broken := [name for name, value in outputs.items() if _has_no_number(value)]:
        return Outcome(Verdict.ERROR, f"not a number in output {', '.join(broken)}")

    return _repeats(context, context.loaded.run(inputs))


def _repeats(context: Context, again: dict[str, torch.Tensor]) -> Outcome:
    # CPU and OpenVINO repeat themselves to the bit; CUDA's atomics do so within the tolerance.
    exact = context.hardware.name.split(":")[0] in ("cpu", "openvino")
    tolerance = 0.0 if exact else tolerance_of(context.cell.precision)
    difference = compare(again, context.outputs, tolerance)
    if difference.agrees:
        return Outcome()
    return Outcome(Verdict.MISMATCH, f"two runs differ: {difference.reason}")


def _has_no_number(value: torch.Tensor) -> bool:
    """Whether a float tensor holds NaN, or nothing finite at all."""
    if not value.is_floating_point() or value.numel() == 0:
        return False
    return bool(torch.isnan(value).any()) or not bool(torch.isfinite(value).any())
