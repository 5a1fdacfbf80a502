"""What the terminal says after a run: counts, the slowest cells, what changed, the page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pytest_accelerate.cells import Result, Verdict
from pytest_accelerate.matrix import figures
from pytest_accelerate.matrix.diff import render_text
from pytest_accelerate.matrix.history import History, results_of
from pytest_accelerate.matrix.merge import Matrix, Tally, merge
from pytest_accelerate.matrix.store import RunRecord
from pytest_accelerate.matrix.text import one_line

SLOWEST = 10
NEWS = 10
"""Cells named at most of each kind of change."""


def summarise(history: History, page: Path | None = None, *, whole: bool = False) -> list[str]:
    """Lines of plain text about the newest run.

    Args:
        history: the run, and all that was known before it.
        page: the page that shows it.
        whole: tell of the newest run about each column instead.
    """
    records, news = history.told(whole=whole)
    if not records:
        return ["no results"]
    lines = [*_counts(merge(records)), "", *_slowest(records)]
    lines += [line for record in records for line in _totals(record)]
    for each in news:
        headline, *kinds = render_text(each.changes, NEWS)
        lines += ["", f"{each.title}: {headline}", *kinds]
    if page is not None:
        lines += ["", f"page: {page}"]
    return lines


def tallies(matrix: Matrix) -> dict[str, Tally]:
    """The totals of all columns by name: of each hardware, and of each provider and mode."""
    found = {column.name: matrix.tally(column) for column in matrix.columns}
    for provider in matrix.providers:
        for mode in matrix.modes:
            tally = matrix.tally_apis(mode, provider)
            if tally.total:
                found[f"{one_line(provider, 60)}-{mode}"] = tally
    return found


def verdicts_in(rows: Collection[Tally]) -> list[Verdict]:
    """The verdicts that any of these totals has, in their order."""
    return [verdict for verdict in Verdict if any(row.verdicts.get(verdict) for row in rows)]


def _counts(matrix: Matrix) -> Iterator[str]:
    rows = tallies(matrix)
    verdicts = verdicts_in(rows.values())
    width = max([len("column"), *map(len, rows)])
    yield "  ".join([f"{'column':{width}}", *verdicts, "share"])
    for name, tally in rows.items():
        counts = (f"{tally.verdicts.get(v, 0):>{len(v)}}" for v in verdicts)
        yield "  ".join([f"{name:{width}}", *counts, share(tally)])


def share(tally: Tally) -> str:
    """How many of the cells that count pass: ``94.0 % of 750 tested``."""
    if tally.percent is None:
        return "-"
    return f"{tally.percent} % of {tally.counted} tested"


def _slowest(records: Sequence[RunRecord]) -> Iterator[str]:
    slowest = sorted(results_of(records), key=_seconds, reverse=True)[:SLOWEST]
    if not slowest:
        return
    yield "slowest cells:"
    for result in slowest:
        line = f"  {figures.seconds(_seconds(result)):>12}  {one_line(result.cell.id, 60)}"
        if result.stages:
            stage = max(result.stages, key=lambda stage: stage.seconds)
            line += f"  ({stage.stage} {figures.seconds(stage.seconds)})"
        yield line
    yield ""


def _totals(record: RunRecord) -> Iterator[str]:
    results = record.results.values()
    cells, stages = sum(map(_seconds, results)), sum(map(_stage_seconds, results))
    wall = f" in {figures.seconds(record.seconds)}" if record.seconds is not None else ""
    partial = f", partial: {record.run.collected} were collected" if record.partial else ""
    yield f"{len(record.results)} cells{wall}{partial}"
    if cells:
        took = f"cells took {figures.seconds(cells)}, their stages {figures.seconds(stages)}"
        yield f"{took}: {max(0.0, 1 - stages / cells):.0%} outside them"


def _seconds(result: Result) -> float:
    measured = result.measures.cell_seconds
    return _stage_seconds(result) if measured is None else measured


def _stage_seconds(result: Result) -> float:
    return sum(stage.seconds for stage in result.stages)
