"""``run_cell``: the stages of one cell in order, and the verdict they add up to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from pytest_accelerate import hardware, zoo
from pytest_accelerate.cells import (
    MODEL_STAGES,
    OPTIONAL_STAGES,
    CellSettings,
    Measures,
    ModelCell,
    Result,
    Stage,
    StageResult,
    Verdict,
)
from pytest_accelerate.stages.agree import agree
from pytest_accelerate.stages.base import (
    Context,
    Outcome,
    StageFunction,
    reason_of,
    shorten,
    verdict_of,
)
from pytest_accelerate.stages.batch import batch
from pytest_accelerate.stages.benchmark import benchmark
from pytest_accelerate.stages.construct import construct
from pytest_accelerate.stages.generate import generate
from pytest_accelerate.stages.load import load
from pytest_accelerate.stages.run import run
from pytest_accelerate.stages.tracebacks import publishable, relative_paths

_STAGES: Mapping[Stage, StageFunction] = {
    Stage.CONSTRUCT: construct,
    Stage.LOAD: load,
    Stage.RUN: run,
    Stage.AGREE: agree,
    Stage.BATCH: batch,
    Stage.GENERATE: generate,
    Stage.BENCHMARK: benchmark,
}


def run_cell(
    cell: ModelCell,
    settings: CellSettings,
    on_stage: Callable[[Stage], None] | None = None,
    on_result: Callable[[StageResult], None] | None = None,
) -> Result:
    """Run one cell in this process; what the model does never raises, it becomes the verdict.

    Args:
        cell: what to run.
        settings: how; limits of time and memory are the executor's business, not this function's.
        on_stage: told before each stage, so that a crash can be placed.
        on_result: told after each stage, so that a crash loses nothing that was finished.
    """
    zoo.register(settings.recipe_modules)
    context = Context(
        cell=cell,
        settings=settings,
        hardware=hardware.create(cell.hardware, settings.hardware_plugins),
        measures=Measures(implementation_type="REAL", threads=settings.threads),
    )
    results: list[StageResult] = []
    outcome = Outcome()
    try:
        for stage in MODEL_STAGES:
            if stage in OPTIONAL_STAGES and stage not in settings.stages:
                continue
            if on_stage is not None:
                on_stage(stage)
            ran = _run_stage(stage, context)
            if ran is None:
                continue
            found, result = ran
            results.append(result)
            if on_result is not None:
                on_result(result)
            outcome = _sum(outcome, found, stage)
            if found.verdict is not Verdict.PASS and stage in _FOUNDATIONS:
                break
    finally:
        context.close()
    # agree: not-run means that nothing is there to compare with: the funnel itself was passed.
    verdict = Verdict.PASS if outcome.verdict is Verdict.NOT_RUN else outcome.verdict
    library_seconds = sum(result.seconds for result in results)
    return Result(
        cell=cell,
        verdict=verdict,
        stages=tuple(results),
        measures=replace(context.measures, library_seconds=library_seconds),
        reason=outcome.reason,
    )


_FOUNDATIONS = frozenset({Stage.CONSTRUCT, Stage.LOAD, Stage.RUN})
"""What all later stages stand on."""


def _sum(so_far: Outcome, found: Outcome, stage: Stage) -> Outcome:
    """The first thing that is wrong is the cell's; after an agreement, the cell is ``partial``."""
    if found.verdict is Verdict.PASS or so_far.verdict not in (Verdict.PASS, Verdict.NOT_RUN):
        return so_far
    if stage in OPTIONAL_STAGES:
        if found.verdict is Verdict.NOT_RUN:
            return so_far  # nothing was found wrong; the stage itself says why it did not run
        return Outcome(Verdict.PARTIAL, f"{stage}: {found.verdict}: {found.reason}")
    return found


def _run_stage(stage: Stage, context: Context) -> tuple[Outcome, StageResult] | None:
    started = time.perf_counter()
    trace = ""
    try:
        outcome = _STAGES[stage](context)
    except Exception as error:
        outcome = Outcome(verdict_of(error), relative_paths(reason_of(error)))
        trace = publishable(error)
    if outcome is None:
        return None
    seconds = time.perf_counter() - started
    outcome = replace(outcome, reason=shorten(outcome.reason))
    return outcome, StageResult(stage, outcome.verdict, seconds, outcome.reason, trace)
