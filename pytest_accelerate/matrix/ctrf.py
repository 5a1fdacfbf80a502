"""The newest run, or the whole matrix, in the Common Test Report Format, specification 0.0.0 (https://ctrf.io)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from typing import Any

from pytest_accelerate.cells import ModelCell, Result, StageResult, Verdict
from pytest_accelerate.matrix.history import History, results_of
from pytest_accelerate.matrix.store import RunRecord
from pytest_accelerate.matrix.text import visible

MESSAGE, TRACE = 2_000, 16_000
"""Characters at most."""

_STATUS = {
    Verdict.PASS: "passed",
    Verdict.COVERED: "skipped",
    Verdict.SKIP: "skipped",
    Verdict.NOT_RUN: "skipped",
}
"""Every other verdict is ``failed``; the verdict itself is the raw status."""


def report(history: History, *, whole: bool = False) -> str:
    """A report as JSON text; an empty one where there is no run.

    Args:
        history: the newest run, and all that was known before it.
        whole: tell of the newest run about each column instead; the environment is the newest's.
    """
    records, _ = history.told(whole=whole)
    tests = [_test(result) for result in results_of(records)]
    counts = Counter(test["status"] for test in tests)
    summary = {name: counts[name] for name in ("passed", "failed", "skipped", "pending", "other")}
    start, stop = _span(records)
    document = {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "generatedBy": "pytest-accelerate",
        "results": {
            "tool": {
                "name": "pytest-accelerate",
                "version": metadata.version("pytest-accelerate"),
            },
            "summary": {"tests": len(tests), **summary, "start": start, "stop": stop},
            "tests": tests,
            "environment": _environment(history.newest),
        },
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _test(result: Result) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": result.cell.id,
        "status": _STATUS.get(result.verdict, "failed"),
        "rawStatus": str(result.verdict),
        "duration": _milliseconds(sum(stage.seconds for stage in result.stages)),
        "suite": _suite(result),
        "steps": [_step(stage) for stage in result.stages],
        "extra": {"command": result.command, "measures": result.to_json()["measures"]},
    }
    trace = "\n".join(stage.traceback for stage in result.stages if stage.traceback)
    if result.reason:
        test["message"] = visible(result.reason, MESSAGE)
    if trace:
        test["trace"] = visible(trace, TRACE)
    if result.measures.unsteady:
        test["flaky"] = True
    return test


def _suite(result: Result) -> list[str]:
    cell = result.cell
    if isinstance(cell, ModelCell):
        return ["models", cell.hardware, cell.precision]
    return ["providers", cell.provider, cell.mode]


def _step(stage: StageResult) -> dict[str, Any]:
    return {"name": str(stage.stage), "status": _STATUS.get(stage.verdict, "failed")}


def _environment(record: RunRecord | None) -> dict[str, Any]:
    if record is None:
        return {}
    environment = record.run.environment
    return {
        "buildId": record.run.id,
        "osPlatform": environment.platform,
        "extra": {"python": environment.python, "cpu": environment.cpu, **environment.packages},
    }


def _span(records: Sequence[RunRecord]) -> tuple[int, int]:
    """Milliseconds since 1970 of the first start and of the last end, as far as it is known."""
    starts = [datetime.fromisoformat(record.run.started).timestamp() for record in records]
    took = [record.seconds or 0.0 for record in records]
    stops = [start + seconds for start, seconds in zip(starts, took, strict=True)]
    return _milliseconds(min(starts, default=0.0)), _milliseconds(max(stops, default=0.0))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
