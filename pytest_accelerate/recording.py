"""The controller's side of a run: results are written as they come, the page at the end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_accelerate.cells import Result
from pytest_accelerate.session import AccelerateSession
from pytest_accelerate.verification import PROPERTY

if TYPE_CHECKING:
    from pytest_accelerate.matrix.store import Run, RunWriter


@dataclass(frozen=True)
class _Envelope:
    """What an item's report says of its cell."""

    result: Result
    planned: int
    """Cells that this run collected, before any were deselected."""
    replayed: bool
    """Taken from the run that is being resumed: it stands in the file already."""


class Recorder:
    """Writes one run; made in the controller alone. Writes nothing before the first result."""

    def __init__(self, session: AccelerateSession) -> None:
        self._session = session
        self._writer: RunWriter | None = None
        self._started = time.monotonic()
        self._results: list[Result] = []
        self._planned = 0
        self._summary: list[str] = []

    def take(self, report: pytest.TestReport) -> None:
        """Write the result that a ``call`` report carries, if it carries one."""
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == PROPERTY:
                self._record(_read(str(value)))

    def _record(self, envelope: _Envelope) -> None:
        self._planned = max(self._planned, envelope.planned)
        self._results.append(envelope.result)
        if not envelope.replayed:
            self._open().write(envelope.result)

    def _open(self) -> RunWriter:
        from pytest_accelerate.matrix.store import RunWriter

        if self._writer is None:
            plan, results = self._session.plan, self._session.options.matrix_dir / "results"
            if plan.resumed is not None:
                self._writer = RunWriter.resume(Path(plan.resumed))
            else:
                self._writer = RunWriter(results, describe_run(self._session, self._planned))
        return self._writer

    @property
    def partial(self) -> bool:
        """Whether cells were collected that gave no result."""
        return len({result.cell for result in self._results}) < self._planned

    def finish(self) -> None:
        """Close the run, update the expectations if asked to, and write page and badges."""
        if not self._results:
            return
        writer = self._open()
        writer.end(partial=self.partial, seconds=time.monotonic() - self._started)
        writer.close()
        from pytest_accelerate.matrix.history import read_history
        from pytest_accelerate.matrix.publish import publish
        from pytest_accelerate.matrix.summary import summarise

        options = self._session.options
        if options.update_expectations:
            self._summary += self._update_expectations()
        history = read_history(options.matrix_dir / "results", last=writer.path)
        self._summary += summarise(history, publish(options.matrix_dir, history))

    def _update_expectations(self) -> list[str]:
        from pytest_accelerate.matrix import expectations

        path = self._session.options.matrix_dir / "expectations.toml"
        return [f"{path}: {expectations.update(path, self._results)}", ""]

    def summarize(self, reporter: pytest.TerminalReporter) -> None:
        """Print the run's summary."""
        if not self._results:
            return
        reporter.section("pytest-accelerate")
        for line in self._summary:
            reporter.line(line)
        for name, reason in self._session.plan.missing.items():
            reporter.line(f"not run: hardware {name}: {reason}")


def describe_run(session: AccelerateSession, planned: int) -> Run:
    """The run's own record: its environment, and the options that shape verdicts."""
    from pytest_accelerate import environment
    from pytest_accelerate.matrix import store

    options = session.options
    return store.Run.begin(
        environment=environment.collect(),
        options={
            "hardware": list(session.plan.hardware),
            # A file of names is told by its name alone: its folder is this machine's business.
            "models": [_published(name) for name in options.models],
            "precision": list(options.precisions),
            "weights": options.weights,
            "executor": options.executor,
            "cell_timeout": options.cell_timeout,
            "cell_memory": options.cell_memory,
        },
        collected=planned,
        listed=[kind.name for kind in session.model_types],
    )


def _published(pattern: str) -> str:
    return f"@{Path(pattern[1:]).name}" if pattern.startswith("@") else pattern


def _read(text: str) -> _Envelope:
    data = json.loads(text)
    return _Envelope(Result.from_json(data["result"]), data["planned"], data["replayed"])
