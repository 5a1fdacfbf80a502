"""What the newest runs said, cell by cell: for the history of a cell and to compare any two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_accelerate.cells import Cell, ModelCell, Result, Verdict
from pytest_accelerate.matrix.store import Run, RunRecord

RUNS = 8
"""Runs that the page holds: each is some 20 kB of a page with 6,400 cells."""


@dataclass(frozen=True)
class Said:
    """What one run said of one cell."""

    verdict: Verdict
    latency_seconds: float | None = None
    """Of a model, where the run took it with nothing else running; a hint is no history."""


@dataclass(frozen=True)
class Past:
    """One run, as far as the page shows old ones."""

    run: Run
    partial: bool
    """Whether it was cut short, or ran a part of what it collected."""
    cells: Mapping[Cell, Said]


def past_of(record: RunRecord) -> Past:
    """What is kept of a run."""
    cells = {cell: _said(result) for cell, result in record.results.items()}
    return Past(record.run, record.partial, cells)


def newest_first(past: Iterable[Past]) -> tuple[Past, ...]:
    """Sorted by start."""
    return tuple(sorted(past, key=lambda each: each.run.order, reverse=True))


def _said(result: Result) -> Said:
    measures = result.measures
    timed = isinstance(result.cell, ModelCell) and not measures.latency_is_hint
    return Said(result.verdict, measures.latency_seconds if timed else None)
