"""What the newest runs said, cell by cell: for the history of a cell and to compare any two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_accelerate.cells import Cell, ModelCell, Result, Verdict
from pytest_accelerate.matrix.diff import are_all_beyond, failed_stages, ran_stages
from pytest_accelerate.matrix.store import Run, RunRecord

RUNS = 8
"""Runs that the page holds: each is some 20 kB of a page with 6,400 cells."""


@dataclass(frozen=True)
class Said:
    """What one run said of one cell."""

    verdict: Verdict
    latency_seconds: float | None = None
    """Of a model, where the run took it with nothing else running; a hint is no history."""
    failed: frozenset[str] = frozenset()
    """The stages that failed."""
    ran: frozenset[str] = frozenset()
    """The stages that came to a verdict."""

    def fails_only_beyond(self, other: Said) -> bool:
        """Whether all that fails here are stages that the other did not run."""
        return are_all_beyond(self.failed, other.ran)


@dataclass(frozen=True)
class Past:
    """One run, as far as the page shows old ones."""

    run: Run
    partial: bool
    """Whether it was cut short, or ran a part of what it collected."""
    cells: Mapping[Cell, Said]


@dataclass(frozen=True)
class Listed:
    """One run in the list of all that there are."""

    run: Run
    file: str
    """The name of its file in the folder of results."""
    partial: bool
    cells: int
    """Results that it has, of cells that were run."""
    passed: int


def listed_of(record: RunRecord, file: str) -> Listed:
    """What the list says of a run."""
    ran = sum(count for verdict, count in record.told.items() if verdict != Verdict.NOT_RUN)
    return Listed(record.run, file, record.partial, ran, record.told.get(Verdict.PASS, 0))


def past_of(record: RunRecord) -> Past:
    """What is kept of a run."""
    # A run has thousands of cells and a handful of sets of stages.
    sets: dict[frozenset[str], frozenset[str]] = {}
    cells = {cell: _said(result, sets) for cell, result in record.results.items()}
    return Past(record.run, record.partial, cells)


def newest_first(past: Iterable[Past]) -> tuple[Past, ...]:
    """Sorted by start."""
    return tuple(sorted(past, key=lambda each: each.run.order, reverse=True))


def _said(result: Result, sets: dict[frozenset[str], frozenset[str]]) -> Said:
    failed, ran = failed_stages(result), ran_stages(result)
    measures = result.measures
    timed = isinstance(result.cell, ModelCell) and not measures.latency_is_hint
    latency = measures.latency_seconds if timed else None
    return Said(result.verdict, latency, sets.setdefault(failed, failed), sets.setdefault(ran, ran))
