"""Stage ``agree``: compare the outputs with the reference.

The reference of every cell is the same specimen, eager on the CPU in fp32. The cell cpu-fp32 is
that reference itself, so it is compared with the same weights in float64; a model that cannot run
in float64 has nothing to be compared with, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from pytest_accelerate.cells import Verdict
from pytest_accelerate.stages.base import Context, Outcome, reason_of, verdict_of
from pytest_accelerate.stages.hearing import hear
from pytest_accelerate.stages.reference import is_reference, reference
from pytest_accelerate.ties import compare_beyond_ties
from pytest_accelerate.tolerances import tolerance_of
from pytest_accelerate.zoo.specimen import Specimen


def agree(context: Context) -> Outcome:
    """Compare all outputs, and refuse to call it agreement where a modality was not fed."""
    cell = context.cell
    of_itself = is_reference(cell)
    reference_precision = "fp64" if of_itself else "fp32"

    def answer() -> Mapping[str, torch.Tensor]:
        with reference(context.specimen, reference_precision) as loaded:
            return loaded.run(context.specimen.inputs)

    try:
        expected = answer()
    except Exception as error:
        if not of_itself or verdict_of(error) is Verdict.OOM:
            raise
        return _nothing_to_compare(context, reason_of(error))
    if of_itself and (broken := _not_numbers(expected)):
        return _nothing_to_compare(context, f"not a number in {broken}")

    tolerance = tolerance_of(cell.precision)
    agreement = compare_beyond_ties(context.outputs, expected, tolerance, answer)
    context.measures = replace(
        context.measures,
        max_relative_error=agreement.max_relative_error,
        max_absolute_error=agreement.max_absolute_error,
        cosine=agreement.cosine,
        tolerance=tolerance,
        reference=f"cpu-{reference_precision}",
        outputs_compared=agreement.outputs_compared,
        worst_output=agreement.worst_output,
        entries_tied=agreement.entries_left_out or None,
    )
    if not agreement.agrees:
        return Outcome(Verdict.MISMATCH, agreement.reason)
    # The bounds of low precisions are wide, and no place for a graph that is wrong to hide in.
    if fault := getattr(context.loaded, "fault", ""):
        return Outcome(Verdict.MISMATCH, f"in fp32 already: {fault}")
    return _heard(context) or Outcome()


def _nothing_to_compare(context: Context, why: str) -> Outcome:
    return _heard(context) or Outcome(Verdict.NOT_RUN, f"is the reference; in float64: {why}")


def _heard(context: Context) -> Outcome | None:
    """``insensitive`` where an agreement is empty; ``None`` where it is not.

    The model is the same on each hardware, so what it hears is asked on the CPU alone.
    """
    specimen = context.specimen
    if specimen.unfed:
        return _not_fed(specimen)
    if specimen.weights != "tiny":
        return None  # trained weights are what they are, and large ones take minutes
    hearing = hear(specimen, tolerance_of("fp32"))
    context.measures = replace(
        context.measures,
        weights_heard=hearing.heard,
        weight_tensors=hearing.tensors,
        unheard=tuple(f"{count}: {why}" for why, count in sorted(hearing.excused.items())),
    )
    if hearing.complaint:
        return Outcome(Verdict.INSENSITIVE, hearing.complaint)
    return None


def _not_numbers(outputs: Mapping[str, torch.Tensor]) -> str:
    # Some models add up masks of the dtype's lowest value, which overflow in float64 alone.
    floats = {name: value for name, value in outputs.items() if value.is_floating_point()}
    return ", ".join(name for name, value in floats.items() if not torch.isfinite(value).all())


def _not_fed(specimen: Specimen) -> Outcome:
    return Outcome(Verdict.INSENSITIVE, f"runs, but was not fed: {', '.join(specimen.unfed)}")
