"""The objects behind ``cell`` and ``provider_cell``: from a cell's verdict to its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Generic, TypeVar

import pytest

from pytest_accelerate.cells import (
    GREEN,
    Cell,
    ModelCell,
    ProviderCell,
    Result,
    Verdict,
    cell_to_json,
)
from pytest_accelerate.envelope import Envelope
from pytest_accelerate.matrix.text import one_line
from pytest_accelerate.session import AccelerateSession
from pytest_accelerate.vocabulary import PROPERTY

C = TypeVar("C", bound=Cell)


class CellUnderTest(Generic[C]):
    """One cell of the matrix, in a test: ``cell.verify()`` is all that a test needs to call."""

    def __init__(self, cell: C, session: AccelerateSession, item: pytest.Item) -> None:
        self.cell = cell
        self._session = session
        self._item = item
        self._result: Result | None = None

    def __repr__(self) -> str:
        return f"<cell {self.cell.id}>"

    def run(self) -> Result:
        """Run the cell, once, and put its result on the report.

        Raises:
            ExecutorFailed: the machinery is broken; that says nothing about the cell.
        """
        if self._result is None:
            finished = self._session.finished.get(self.cell)
            self._result = finished or self._run()
            self._attach(self._result, replayed=finished is not None)
        return self._result

    def _run(self) -> Result:
        """Run the cell, and once more where it fails and passed before: a regression is no chance.

        A live API is not called again: that costs, and says nothing of a verdict's cause.
        """
        result = self._session.run(self.cell)
        live = isinstance(self.cell, ProviderCell) and self.cell.mode == "live"
        if live or result.verdict in GREEN or result.verdict is Verdict.NOT_RUN:
            return result
        if self._session.previous.get(self.cell) not in GREEN:
            return result
        again = self._session.run(self.cell)
        if again.verdict is result.verdict:
            return again
        first = f"{result.verdict}: {result.reason}".rstrip(": ")
        return replace(again, measures=replace(again.measures, unsteady=first))

    def verify(self) -> Result:
        """Run the cell and hold its verdict against the expected one.

        Passes, skips, fails or xfails the test; returns the result where it passes.
        """
        result = self.run()
        if result.verdict is Verdict.NOT_RUN:
            pytest.skip(result.reason)
        expected = self._session.expectations.expected(self.cell)
        if expected is not None and expected.is_untouched_by(result):
            expected = None
        updating = self._session.options.update_expectations
        if expected is not None and expected.verdict is not result.verdict and not updating:
            pytest.fail(_unexpected(result, expected.verdict, expected.reason), pytrace=False)
        if result.verdict is Verdict.PASS:
            return result
        if result.verdict in GREEN:
            pytest.skip(f"{result.verdict}: {result.reason}")
        if expected is not None or updating:
            pytest.xfail(f"{result.verdict}: {result.reason}")
        pytest.fail(_failure(result), pytrace=False)

    def _attach(self, result: Result, replayed: bool) -> None:
        text = Envelope.of(result, self._session.planned, replayed).dumps()
        self._item.user_properties.append((PROPERTY, text))
        self._item.user_properties += _for_people(result)
        self._item.add_report_section("call", "stages", _stages(result))


class ModelCellUnderTest(CellUnderTest[ModelCell]):
    """One cell of a model type."""

    @property
    def model_type(self) -> str:
        """The cell's model type."""
        return self.cell.model_type

    @property
    def hardware(self) -> str:
        """The cell's hardware."""
        return self.cell.hardware

    @property
    def precision(self) -> str:
        """The cell's precision."""
        return self.cell.precision


class ProviderCellUnderTest(CellUnderTest[ProviderCell]):
    """One cell of a provider's operation."""

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.cell.provider

    @property
    def operation(self) -> str:
        """The operation's name."""
        return self.cell.operation

    @property
    def mode(self) -> str:
        """Who answers: ``mock``, ``server`` or ``live``."""
        return self.cell.mode


def _for_people(result: Result) -> Iterator[tuple[str, object]]:
    """What a JUnit report shows of a result: text alone, which xdist hands on as it is."""
    yield "verdict", str(result.verdict)
    if result.reason:
        yield "reason", one_line(result.reason)
    yield from cell_to_json(result.cell).items()
    for name in ("max_relative_error", "latency_seconds", "quantized_share", "unsteady"):
        value = getattr(result.measures, name)
        if value not in (None, ""):
            yield name, str(value)


def _stages(result: Result) -> str:
    return "\n".join(
        f"{stage.stage:<10} {stage.verdict:<12} {stage.seconds:7.3f} s  {stage.reason}".rstrip()
        for stage in result.stages
    )


def _failure(result: Result) -> str:
    lines = [f"{result.cell.id}: {result.verdict}: {result.reason}"]
    lines += [stage.traceback.rstrip() for stage in result.stages if stage.traceback]
    lines.append(f"reproduce: {result.command}")
    lines.append(f"known and accepted: {result.command} --update-expectations")
    return "\n".join(lines)


def _unexpected(result: Result, expected: Verdict, reason: str) -> str:
    got = f"{result.verdict}: {result.reason}" if result.reason else str(result.verdict)
    return (
        f"{result.cell.id}: {got}\n"
        f"expected {expected}: {reason}\n"
        f"if that is right: {result.command} --update-expectations"
    )
