"""Stage ``load``: bring the model onto the hardware."""

from __future__ import annotations

from dataclasses import replace

from pytest_accelerate.stages.base import Context, Outcome


def load(context: Context) -> Outcome:
    """Load the specimen and record the path that it took."""
    context.loaded = context.hardware.load(context.specimen, context.cell.precision)
    context.measures = replace(context.measures, path=context.loaded.path)
    return Outcome()
