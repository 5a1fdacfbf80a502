"""The object behind the ``cell`` fixture: runs its cell and turns the verdict into an outcome."""

from __future__ import annotations

import json

import pytest

from pytest_accelerate.cells import GREEN, ModelCell, Result, Verdict
from pytest_accelerate.session import AccelerateSession

PROPERTY = "accelerate_result"
"""Name of the report's user property that carries a result to the controller."""


class CellUnderTest:
    """One cell of the matrix, in a test: ``cell.verify()`` is all that a test needs to call."""

    def __init__(self, cell: ModelCell, session: AccelerateSession, item: pytest.Item) -> None:
        self.cell = cell
        self._session = session
        self._item = item
        self._result: Result | None = None

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

    def __repr__(self) -> str:
        return f"<cell {self.cell.id}>"

    def run(self) -> Result:
        """Run the cell, once, and put its result on the report.

        Raises:
            ExecutorFailed: the machinery is broken; that says nothing about the model.
        """
        if self._result is None:
            finished = self._session.finished.get(self.cell)
            self._result = finished or self._session.run(self.cell)
            self._attach(self._result, replayed=finished is not None)
        return self._result

    def verify(self) -> Result:
        """Run the cell and hold its verdict against the expected one.

        Passes, skips, fails or xfails the test; returns the result where it passes.
        """
        result = self.run()
        if result.verdict is Verdict.NOT_RUN:
            pytest.skip(result.reason)
        expected = self._session.expectations.expected(self.cell)
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
        # One JSON string: a float subclass such as numpy.float64 in a property kills xdist.
        envelope = {
            "result": result.to_json(),
            "planned": len(self._session.planned),
            "replayed": replayed,
        }
        text = json.dumps(envelope, allow_nan=False)
        self._item.user_properties.append((PROPERTY, text))
        self._item.add_report_section("call", "stages", _stages(result))


def _command(result: Result) -> str:
    return result.cell.command(result.measures.weights or "tiny")


def _stages(result: Result) -> str:
    return "\n".join(
        f"{stage.stage:<10} {stage.verdict:<12} {stage.seconds:7.3f} s  {stage.reason}".rstrip()
        for stage in result.stages
    )


def _failure(result: Result) -> str:
    lines = [f"{result.cell.id}: {result.verdict}: {result.reason}"]
    lines += [stage.traceback.rstrip() for stage in result.stages if stage.traceback]
    lines.append(f"reproduce: {_command(result)}")
    lines.append(f"known and accepted: {_command(result)} --update-expectations")
    return "\n".join(lines)


def _unexpected(result: Result, expected: Verdict, reason: str) -> str:
    got = f"{result.verdict}: {result.reason}" if result.reason else str(result.verdict)
    return (
        f"{result.cell.id}: {got}\n"
        f"expected {expected}: {reason}\n"
        f"if that is right: {_command(result)} --update-expectations"
    )
