"""Builders of runs and results to store, merge, compare and draw."""

from __future__ import annotations

from dataclasses import replace

from pytest_accelerate.cells import (
    LIVE_STAGES,
    MODEL_STAGES,
    PROVIDER_STAGES,
    Measures,
    ModelCell,
    ProviderCell,
    Result,
    Stage,
    StageResult,
    Verdict,
)
from pytest_accelerate.environment import Environment
from pytest_accelerate.matrix.diff import compare
from pytest_accelerate.matrix.history import RunNews
from pytest_accelerate.matrix.merge import Matrix, merge
from pytest_accelerate.matrix.store import Run, RunRecord

ENVIRONMENT = Environment(
    python="3.11.2",
    platform="Linux x86_64",
    cpu="A Processor",
    cores=2,
    memory_bytes=2**34,
    packages={"torch": "2.13.0", "transformers": "5.23.0"},
)


def make_run(day: int = 1, **fields: object) -> Run:
    """A run that started on that day of November."""
    defaults: dict[str, object] = {
        "id": f"202611{day:02d}T080000Z-{day:04x}",
        "started": f"2026-11-{day:02d}T08:00:00Z",
        "environment": ENVIRONMENT,
        "options": {"weights": "tiny"},
        "collected": 2,
    }
    return Run(**{**defaults, **fields})  # type: ignore[arg-type]


def make_result(
    name: str = "bert",
    verdict: Verdict = Verdict.PASS,
    hardware: str = "cpu",
    reason: str = "",
    traceback: str = "",
    **measured: object,
) -> Result:
    """A result whose last stage has the verdict."""
    measures: dict[str, object] = {
        "parameters": 12345,
        "latency_seconds": 0.012,
        "max_relative_error": 3.1e-07,
        "tolerance": 1e-4,
        "reference": "cpu-fp64",
        "modalities": ("text",),
        "weights": "tiny",
    }
    last = StageResult(Stage.AGREE, verdict, 0.5, reason, traceback)
    return Result(
        cell=ModelCell(name, hardware),
        verdict=verdict,
        stages=(*(StageResult(s, Verdict.PASS, 0.25) for s in MODEL_STAGES[:-1]), last),
        measures=Measures(**{**measures, **measured}),  # type: ignore[arg-type]
        reason=reason,
    )


def make_staged(name: str = "bert", hardware: str = "cpu", **stages: Verdict) -> Result:
    """A result with these stages after ``agree``, as ``generate=Verdict.MISMATCH``: partial where
    one of them fails."""
    later = [StageResult(Stage(stage), verdict) for stage, verdict in stages.items()]
    wrong = [each for each in later if each.verdict not in (Verdict.PASS, Verdict.NOT_RUN)]
    result = make_result(name, Verdict.PARTIAL if wrong else Verdict.PASS, hardware)
    run = [StageResult(stage, Verdict.PASS) for stage in MODEL_STAGES[:4]]
    reason = f"{wrong[0].stage}: {wrong[0].verdict}" if wrong else ""
    return replace(result, stages=(*run, *later), reason=reason)


def make_api_result(
    operation: str = "chat",
    verdict: Verdict = Verdict.PASS,
    mode: str = "mock",
    provider: str = "openai",
    reason: str = "",
    traceback: str = "",
    **measured: object,
) -> Result:
    """A result of a provider's operation whose last stage has the verdict."""
    cell = ProviderCell(provider, operation, mode)
    stages = PROVIDER_STAGES if mode == "mock" else LIVE_STAGES
    measures: dict[str, object] = {
        "implementation_type": cell.implementation_type,
        "effect": "infer",
        "latency_seconds": 0.25,
        "requests": 3,
        "input_tokens": 1234,
        "output_tokens": 5,
    }
    last = StageResult(stages[-1], verdict, 0.5, reason, traceback)
    return Result(
        cell=cell,
        verdict=verdict,
        stages=(*(StageResult(stage, Verdict.PASS, 0.25) for stage in stages[:-1]), last),
        measures=Measures(**{**measures, **measured}),  # type: ignore[arg-type]
        reason=reason,
    )


def make_record(run: Run, *results: Result, partial: bool = False) -> RunRecord:
    """A run with its results, as if read from disk."""
    return RunRecord(run, {result.cell: result for result in results}, True, partial, 12.0)


def make_news(old: Matrix, new: Matrix) -> RunNews:
    """What is told of two matrices."""
    return RunNews(("cpu-fp32",), compare(old, new), "the run of yesterday")


def make_matrix(*results: Result, day: int = 1, **fields: object) -> Matrix:
    """The matrix of one run."""
    return merge([make_record(make_run(day, **fields), *results)])
