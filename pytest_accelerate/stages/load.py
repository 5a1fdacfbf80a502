"""Stage ``load``: bring the model onto the hardware."""

from __future__ import annotations

from dataclasses import replace

from pytest_accelerate.stages.base import Context, Outcome
from pytest_accelerate.stages.tracebacks import relative_paths


def load(context: Context) -> Outcome:
    """Load the specimen and record the path that it took."""
    context.loaded = context.hardware.load(context.specimen, context.cell.precision)
    context.measures = replace(
        context.measures,
        path=context.loaded.path,
        path_reason=relative_paths(context.loaded.path_reason),
    )
    return Outcome()
