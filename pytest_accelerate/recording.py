"""The controller's side of a run: results are written as they come, the page at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_accelerate.cells import Cell, ModelCell, ProviderCell, Result
from pytest_accelerate.envelope import Envelope
from pytest_accelerate.options import is_used
from pytest_accelerate.own_tests import OwnTest
from pytest_accelerate.session import AccelerateSession
from pytest_accelerate.vocabulary import OWN_TEST, PROPERTY

if TYPE_CHECKING:
    from pytest_accelerate.matrix.store import Run, RunWriter


class Recorder:
    """Writes one run; made in the controller alone, for the first result."""

    def __init__(self, session: AccelerateSession, started: float) -> None:
        self._session = session
        self._writer: RunWriter | None = None
        self._started = started
        self._results: list[Result] = []
        self._tests: list[OwnTest] = []
        self._planned = 0
        self._about: set[type[Cell]] = set()
        """The kinds of cells that the run is about."""
        self._summary: list[str] = []

    def take(self, report: pytest.TestReport) -> None:
        """Write what a report carries."""
        for name, value in report.user_properties:
            if name == PROPERTY:
                self._record(Envelope.loads(str(value)))
            elif name == OWN_TEST:
                self._record_test(OwnTest.loads(str(value)))

    def _record(self, envelope: Envelope) -> None:
        self._planned = max(self._planned, envelope.planned)
        if envelope.models:
            self._about.add(ModelCell)
        if envelope.planned > envelope.models:
            self._about.add(ProviderCell)
        self._results.append(envelope.result)
        if not envelope.replayed:
            self._open().write(envelope.result)

    def _record_test(self, test: OwnTest) -> None:
        """Keep what a test of people's own says, where the run asks for a matrix at all."""
        if not (self._results or is_used(self._session.config)):
            return
        self._planned = max(self._planned, test.planned)
        self._about |= {type(cell) for cell in test.cells}
        self._tests.append(test)
        for cell in test.cells:
            self._open().write_test(cell, test.stage)

    def _open(self) -> RunWriter:
        from pytest_accelerate.matrix.store import RunWriter

        if self._writer is None:
            options = self._session.options
            # The plan looks for hardware, which a run of providers alone does not need.
            has_models = ModelCell in self._about
            resumed = self._session.plan.resumed if options.resume and has_models else None
            if resumed is not None:
                self._writer = RunWriter.resume(Path(resumed))
            else:
                run = describe_run(self._session, self._planned, self._about)
                self._writer = RunWriter(options.matrix_dir / "results", run)
        return self._writer

    @property
    def _has_news(self) -> bool:
        return bool(self._results or self._tests)

    @property
    def partial(self) -> bool:
        """Whether cells were collected that gave no result."""
        return len({result.cell for result in self._results}) < self._planned

    def finish(self) -> None:
        """Close the run, update the expectations if asked to, and write page and badges."""
        if not self._has_news:
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
        if not self._has_news:
            return
        reporter.section("pytest-accelerate")
        for line in self._summary:
            reporter.line(line)
        if self._tests:
            reporter.line(f"own tests: {_counted(self._tests)}, shown as stages of their cells")
        missing = self._session.plan.missing if ModelCell in self._about else {}
        for name, reason in missing.items():
            reporter.line(f"not run: hardware {name}: {reason}")


def _counted(tests: Sequence[OwnTest]) -> str:
    counts = Counter(test.stage.verdict for test in tests)
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))


def describe_run(
    session: AccelerateSession, planned: int, about: Collection[type[Cell]] = (ModelCell,)
) -> Run:
    """The run's own record: its environment, and the options that shape verdicts.

    Args:
        session: this process's part of the run.
        planned: cells that the run collected.
        about: the kinds of cells that it is about; without models no hardware is looked for.
    """
    from pytest_accelerate import environment
    from pytest_accelerate.matrix import store

    options = session.options
    asked: dict[str, Any] = {
        # A file of names is told by its name alone: its folder is this machine's business.
        "models": [_published(name) for name in options.models],
        "precision": list(options.precisions),
        "weights": options.weights,
        "executor": options.executor,
        "stages": list(options.stages),
        "batch_size": options.batch_size,
        "cell_timeout": options.cell_timeout,
        "cell_memory": options.cell_memory,
    }
    if ModelCell in about:
        asked["hardware"] = list(session.plan.hardware)
    if options.providers:
        asked["providers"] = list(options.providers)
    return store.Run.begin(
        environment=environment.collect(),
        options=asked,
        collected=planned,
        listed=[kind.name for kind in session.model_types] if ModelCell in about else (),
        operations=list(_operations()) if ProviderCell in about else (),
        kinds=_kinds() if ModelCell in about else None,
    )


def _kinds() -> dict[str, tuple[str, ...]]:
    """Family and tasks of each model type."""
    from pytest_accelerate import taxonomy

    kinds = taxonomy.installed().kinds
    return {name: (kind.family, *kind.tasks) for name, kind in kinds.items()}


def _operations() -> Iterator[str]:
    """All operations that there are, selected or not: ``openai-chat``."""
    from pytest_accelerate import providers

    for name in providers.names():
        for operation in providers.provider_class(name).operations():
            yield f"{name}-{operation}"


def _published(pattern: str) -> str:
    return f"@{Path(pattern[1:]).name}" if pattern.startswith("@") else pattern
