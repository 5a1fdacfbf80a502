"""``run_provider_cell``: the stages of one operation in order, and what they add up to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pytest_accelerate.cells import (
    LIVE_STAGES,
    PROVIDER_STAGES,
    Measures,
    ProviderCell,
    Result,
    Stage,
    StageResult,
    Verdict,
)
from pytest_accelerate.errors import BudgetExceeded, UnsupportedOperation
from pytest_accelerate.guard import offline
from pytest_accelerate.providers import provider_class
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.examples import examples
from pytest_accelerate.providers.stages.auth import auth
from pytest_accelerate.providers.stages.base import Context, Failed, StageFunction
from pytest_accelerate.providers.stages.cancel import cancel
from pytest_accelerate.providers.stages.rate_limit import rate_limit
from pytest_accelerate.providers.stages.request import request
from pytest_accelerate.providers.stages.response import response
from pytest_accelerate.providers.stages.retry import retry
from pytest_accelerate.providers.stages.stream import stream
from pytest_accelerate.providers.stages.timeout import timeout
from pytest_accelerate.stages.base import Outcome, reason_of, shorten
from pytest_accelerate.stages.tracebacks import publishable, relative_paths

_STAGES: Mapping[Stage, StageFunction] = {
    Stage.REQUEST: request,
    Stage.RESPONSE: response,
    Stage.STREAM: stream,
    Stage.RETRY: retry,
    Stage.RATE_LIMIT: rate_limit,
    Stage.TIMEOUT: timeout,
    Stage.AUTH: auth,
    Stage.CANCEL: cancel,
}
_FOUNDATIONS = frozenset({Stage.REQUEST, Stage.RESPONSE})
"""What all other stages stand on."""


def run_provider_cell(
    cell: ProviderCell,
    client: Provider | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Result:
    """Run the stages of one operation in this process; what fails becomes the verdict.

    Args:
        cell: the provider, the operation, and whether it is mocked.
        client: the client of the real API or server, for a cell that is not; it is closed.
        parameters: in place of the example's.

    Raises:
        BudgetExceeded: a live call would cost more than is left; that says nothing of the cell.
    """
    kind = provider_class(cell.provider)
    found = examples(cell.provider).get(cell.operation)
    measures = Measures(
        implementation_type=cell.implementation_type,
        effect=str(kind.operations()[cell.operation].declaration.effect),
    )
    if found is None:
        reason = "there is no example of it, so nothing is known to send"
        return Result(cell, Verdict.NOT_RUN, measures=measures, reason=reason)
    if parameters is not None:
        found = replace(found, parameters=parameters)
    with asyncio.Runner() as runner, TemporaryDirectory() as folder:
        context = Context(kind, kind.operations()[cell.operation], found, runner, client)
        context.folder = Path(folder)
        if client is not None:
            try:
                results = _run(context, LIVE_STAGES)
            finally:
                runner.run(client.aclose())
        else:
            with offline():
                results = _run(context, PROVIDER_STAGES)
    failed = next((each for each in results if each.verdict not in _FINE), None)
    return Result(
        cell,
        failed.verdict if failed else Verdict.PASS,
        stages=tuple(results),
        measures=_measured(measures, context),
        reason=f"{failed.stage}: {failed.reason}" if failed else "",
    )


_FINE = frozenset({Verdict.PASS, Verdict.NOT_RUN})
"""A stage that has nothing to look at takes nothing from its cell."""


def _run(context: Context, stages: tuple[Stage, ...]) -> list[StageResult]:
    results = []
    for stage in stages:
        results.append(_run_stage(stage, context))
        if stage in _FOUNDATIONS and results[-1].verdict not in _FINE:
            break
    return results


_OF_REQUESTS = frozenset({Stage.RETRY, Stage.RATE_LIMIT, Stage.TIMEOUT, Stage.CANCEL})
"""What there is nothing to see of where nothing is sent."""


def _outcome(stage: Stage, context: Context) -> Outcome:
    if stage in _OF_REQUESTS and not context.declared.sends:
        return Outcome(Verdict.NOT_RUN, "it sends nothing")
    return _STAGES[stage](context)


def _run_stage(stage: Stage, context: Context) -> StageResult:
    started = time.perf_counter()
    trace = ""
    try:
        outcome = _outcome(stage, context)
    except BudgetExceeded:
        raise
    except Exception as error:
        outcome = Outcome(_verdict_of(error), _shown(context, relative_paths(_reason_of(error))))
        trace = _shown(context, publishable(error))
    seconds = time.perf_counter() - started
    return StageResult(stage, outcome.verdict, seconds, shorten(outcome.reason), trace)


def _verdict_of(error: Exception) -> Verdict:
    if isinstance(error, Failed):
        return Verdict.MISMATCH
    if isinstance(error, UnsupportedOperation):
        return Verdict.UNSUPPORTED
    return Verdict.TIMEOUT if isinstance(error, TimeoutError) else Verdict.ERROR


def _reason_of(error: Exception) -> str:
    return str(error) if isinstance(error, Failed) else reason_of(error)


def _shown(context: Context, text: str) -> str:
    """A text without the keys of a live client."""
    return context.client.shared.redact(text) if context.client is not None else text


def _measured(measures: Measures, context: Context) -> Measures:
    if context.client is None:
        return replace(measures, requests=context.requests)
    counts = context.client.metrics.get(context.operation.name)
    if counts is None:
        return replace(measures, latency_seconds=context.seconds)
    return replace(
        measures,
        latency_seconds=context.seconds,
        requests=counts.sent,
        input_tokens=counts.input_tokens or None,
        output_tokens=counts.output_tokens or None,
        # Without a token nothing was told, and 0 would be taken for known.
        cost_usd=counts.cost_usd if counts.input_tokens or counts.output_tokens else None,
    )
