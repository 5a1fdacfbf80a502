"""Stage ``construct``: build the model type and its inputs, or say why not."""

from __future__ import annotations

from dataclasses import replace

from pytest_accelerate import zoo
from pytest_accelerate.cells import Verdict
from pytest_accelerate.stages.base import Context, Outcome
from pytest_accelerate.zoo.specimen import CoveredBy, Skipped


def construct(context: Context) -> Outcome:
    """Ask the zoo for a specimen; a part is ``covered`` by the type it belongs to."""
    account = zoo.account(context.cell.model_type)
    if isinstance(account, CoveredBy):
        reason = f"covered by {account.parent}: {account.reason}"
        return Outcome(Verdict.COVERED, reason)
    if isinstance(account, Skipped):
        return Outcome(Verdict.SKIP, account.reason)
    settings = context.settings
    specimen = zoo.construct(
        context.cell.model_type, settings.weights, settings.checkpoint, settings.allow
    )
    context.specimen = specimen
    context.measures = replace(
        context.measures,
        parameters=specimen.parameters,
        modalities=specimen.modalities,
        model_class=specimen.model_class,
        weights=specimen.weights,
        loading=specimen.loading,
    )
    return Outcome()
