"""Stage ``load``: bring the model onto the hardware."""

from __future__ import annotations

from dataclasses import replace

from pytest_accelerate.cells import Verdict
from pytest_accelerate.hardware.base import LoadedModel
from pytest_accelerate.hardware.quantized import QUANTIZED_PRECISIONS, Quantized
from pytest_accelerate.stages.base import Context, Outcome
from pytest_accelerate.stages.tracebacks import relative_paths


def load(context: Context) -> Outcome:
    """Load the specimen; record the path that it took, and what of it is in the precision."""
    loaded = context.loaded = context.hardware.load(context.specimen, context.cell.precision)
    context.measures = replace(
        context.measures,
        path=loaded.path,
        path_reason=relative_paths(loaded.path_reason),
        executed=getattr(loaded, "executed", ""),
    )
    if context.cell.precision not in QUANTIZED_PRECISIONS:
        return Outcome()
    return _say_what_was_quantized(context, loaded)


def _say_what_was_quantized(context: Context, loaded: LoadedModel) -> Outcome:
    quantized: Quantized | None = getattr(loaded, "quantized", None)  # an outside plugin's may lack
    if quantized is None or not quantized.modules:
        cell = context.cell
        return Outcome(
            Verdict.UNSUPPORTED,
            f"{cell.hardware} does not say what it quantized to {cell.precision}",
        )
    context.measures = replace(
        context.measures,
        quantized_modules=quantized.modules,
        quantizable_modules=quantized.of_modules,
        quantized_share=quantized.share,
        quantization=quantized.how,
    )
    return Outcome()
