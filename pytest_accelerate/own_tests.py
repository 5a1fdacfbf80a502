"""People's own tests over ``endpoint`` or ``provider``: each is one more stage of its cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_accelerate.fixtures import CELL
from pytest_accelerate.provider_fixtures import LENT
from pytest_accelerate.session import session_of
from pytest_accelerate.vocabulary import OWN_TEST, PROPERTY

if TYPE_CHECKING:
    from pytest_accelerate.cells import Cell, StageResult

REASON, TRACEBACK = 300, 8000
"""Characters kept at most."""


@dataclass(frozen=True)
class OwnTest:
    """What one test said of the cells that it used, on its way to the process that writes."""

    cells: tuple[Cell, ...]
    stage: StageResult
    """Named after the test's function."""
    planned: int = 0
    """Cells that this run collected to be verified."""

    def dumps(self) -> str:
        """As the value of the user property :data:`~pytest_accelerate.vocabulary.OWN_TEST`."""
        from pytest_accelerate.cells import cell_to_json

        cells = [cell_to_json(cell) for cell in self.cells]
        fields = {"cells": cells, "stage": self.stage.to_json(), "planned": self.planned}
        return json.dumps(fields, allow_nan=False)

    @classmethod
    def loads(cls, text: str) -> OwnTest:
        """Read :meth:`dumps`."""
        from pytest_accelerate.cells import StageResult, cell_from_json

        data = json.loads(text)
        cells = tuple(cell_from_json(cell) for cell in data["cells"])
        return cls(cells, StageResult.from_json(data["stage"]), data["planned"])


def attach(item: pytest.Item, report: pytest.TestReport) -> None:
    """Put on the report of a test over ``endpoint`` or ``provider`` what it says of its cells.

    A test that asks ``cell.verify()`` says it with a result of its own.
    """
    if report.when == "teardown" or (report.when == "setup" and report.passed):
        return
    if any(name == PROPERTY for name, _ in report.user_properties):
        return
    cells = tuple(_cells(item))
    if cells:
        planned = len(session_of(item.config).planned)
        said = OwnTest(cells, _stage(item, report), planned).dumps()
        report.user_properties.append((OWN_TEST, said))


def _cells(item: pytest.Item) -> Iterator[Cell]:
    parameters: Mapping[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    if CELL in parameters:
        yield parameters[CELL]
    lent = getattr(item, "funcargs", {}).get(LENT)
    if lent is not None:
        yield from _operations_called(lent)


def _operations_called(lent: Any) -> Iterator[Cell]:
    """The operations that a test's client has called: it says nothing of the others."""
    from pytest_accelerate.cells import ProviderCell

    client = lent.client
    mode = "mock" if client.implementation_type == "MOCK" else "live"
    for operation, counts in sorted(client.metrics.items()):
        if counts.sent:
            yield ProviderCell(client.name, operation, mode)


def _stage(item: pytest.Item, report: pytest.TestReport) -> StageResult:
    from pytest_accelerate.cells import StageResult, Verdict

    verdicts = {"passed": Verdict.PASS, "failed": Verdict.ERROR, "skipped": Verdict.SKIP}
    failed = report.outcome == "failed"
    return StageResult(
        stage=getattr(item, "originalname", None) or item.name,
        verdict=verdicts[report.outcome],
        seconds=report.duration,
        reason=_reason(report)[:REASON],
        traceback=_relative(report.longreprtext)[-TRACEBACK:] if failed else "",
    )


def _reason(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}" if report.wasxfail else "expected to fail"
    if isinstance(report.longrepr, tuple):  # of a skip: path, line, what was said
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    said = crash.message if crash is not None else report.longreprtext
    return _relative(next(iter(said.strip().splitlines()), ""))


def _relative(text: str) -> str:
    from pytest_accelerate.stages.tracebacks import relative_paths

    return relative_paths(text)
