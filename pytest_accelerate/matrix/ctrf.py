"""The newest run in the Common Test Report Format, specification 0.0.0 (https://ctrf.io)."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from importlib import metadata
from typing import Any

from pytest_accelerate.cells import ModelCell, Result, StageResult, Verdict
from pytest_accelerate.matrix.history import History
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


def report(history: History) -> str:
    """The report of the newest run, as JSON text; an empty one where there is none."""
    record = history.newest
    results = list(record.results.values()) if record else []
    tests = [_test(result) for result in results]
    counts = Counter(test["status"] for test in tests)
    summary = {name: counts[name] for name in ("passed", "failed", "skipped", "pending", "other")}
    start, stop = _span(record)
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
            "environment": _environment(record),
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


def _span(record: RunRecord | None) -> tuple[int, int]:
    """Milliseconds since 1970 of the start and of the end, as far as it is known."""
    if record is None:
        return 0, 0
    start = datetime.fromisoformat(record.run.started)
    stop = start + timedelta(seconds=record.seconds or 0.0)
    return _milliseconds(start.timestamp()), _milliseconds(stop.timestamp())


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
