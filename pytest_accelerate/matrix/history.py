"""The newest run about each column, all that was known before them, and what they changed.

A run is about some columns of the models' table, about some modes of the providers', or about
both. What changed is told column by column, by the newest run about it: a run of providers hides no
regression of models, nor one of OpenVINO that of the CPU beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, TypeVar

from pytest_accelerate.cells import Cell, ModelCell, Result, Verdict
from pytest_accelerate.errors import UsageError
from pytest_accelerate.matrix.diff import Changes, compare
from pytest_accelerate.matrix.merge import Column, Matrix, merge
from pytest_accelerate.matrix.past import RUNS, Listed, Past, listed_of, past_of
from pytest_accelerate.matrix.store import Run, RunRecord, read_header, read_run, run_files
from pytest_accelerate.matrix.text import one_line

T = TypeVar("T")
Place: TypeAlias = Column | str
"""A column of the models' table, or a mode of the providers'."""


@dataclass(frozen=True)
class RunNews:
    """What one run changed, in the columns that no later run is about."""

    columns: tuple[str, ...]
    """Their names, in the order in which they are shown."""
    changes: Changes
    since: str
    """What was before, in words; empty where these columns had not been run."""
    run_id: str = ""

    @property
    def title(self) -> str:
        """Such as ``cpu-fp32, openvino-fp32 since the run of 2026-11-01 08:00 UTC``."""
        columns = ", ".join(one_line(column, 60) for column in self.columns)
        return f"{columns} since {self.since}" if self.since else f"{columns} for the first time"


@dataclass(frozen=True)
class History:
    """All runs of a folder, told from the newest."""

    newest: RunRecord | None
    """``None`` where there is no run."""
    latest: tuple[RunRecord, ...]
    """The newest run about each column, the newest first, each with those columns alone."""
    before: Matrix
    """All other results, merged."""
    past: tuple[Past, ...] = ()
    """The newest runs, as far as the page shows old ones."""
    runs: tuple[Listed, ...] = ()
    """All runs, the newest first."""

    @cached_property
    def matrix(self) -> Matrix:
        """All runs, merged."""
        return merge(self.latest, self.before)

    @cached_property
    def news(self) -> tuple[RunNews, ...]:
        """What the newest runs changed, the newest first; without those before which was none."""
        found: list[RunNews] = []
        before = self.before
        for record in reversed(self.latest):
            if earlier := self._earlier(record.run):
                found.append(_news(before, earlier, record))
            before = merge([record], before)
        return tuple(reversed(found))

    def _earlier(self, run: Run) -> list[Run]:
        """The runs before it, the newest first; all others are before the one told from."""
        is_newest = self.newest is not None and run.id == self.newest.run.id
        others = (each.run for each in self.runs if each.run.id != run.id)
        return [each for each in others if is_newest or each.order < run.order]

    def told(self, *, whole: bool) -> tuple[Sequence[RunRecord], Sequence[RunNews]]:
        """The newest run and what it changed, or all those that are the newest about a column."""
        if whole or self.newest is None:
            return self.latest, self.news
        return [self.newest], [each for each in self.news if each.run_id == self.newest.run.id]


def _news(before: Matrix, earlier: Sequence[Run], record: RunRecord) -> RunNews:
    places = places_of(record)
    old = replace(
        before.only(lambda cell: _place(cell) in places),
        # What there was to know before the run is not what it says itself of other columns.
        lister=next((run for run in earlier if run.listed), None),
        operations_lister=next((run for run in earlier if run.operations), None),
    )
    new = merge([record])
    since = f"the run of {old.runs[0].when} UTC" if old.runs else ""
    columns = (*(column.name for column in new.columns), *new.modes)
    return RunNews(columns, compare(old, new, known=before.columns), since, record.run.id)


def results_of(records: Iterable[RunRecord]) -> list[Result]:
    """The results of several runs, in the order of the runs."""
    return [result for record in records for result in record.results.values()]


def places_of(record: RunRecord) -> frozenset[Place]:
    """The columns and modes that a run has something to say of."""
    return frozenset(_place(cell) for cell in (*record.results, *record.tests))


def _place(cell: Cell) -> Place:
    return Column.of(cell) if isinstance(cell, ModelCell) else cell.mode


def _parted(record: RunRecord, places: frozenset[Place]) -> tuple[RunRecord, RunRecord]:
    """What a run says of some columns, and what of all others."""

    def part(is_inside: bool) -> RunRecord:
        def of(cells: Mapping[Cell, T]) -> dict[Cell, T]:
            return {
                cell: said for cell, said in cells.items() if (_place(cell) in places) == is_inside
            }

        return replace(record, results=of(record.results), tests=of(record.tests))

    return part(True), part(False)


def read_history(results_dir: Path, last: Path | None = None) -> History:
    """Read all runs of a folder, one in memory at a time.

    Args:
        results_dir: the folder; none or an empty one has an empty history.
        last: the file of the run to tell the history from, instead of the one that started last.

    Raises:
        MalformedFile: a results file is not what it must be, or of an unknown schema.
    """
    files = by_start(run_files(results_dir))
    last = last or next(iter(files), None)
    if last is None:
        return History(None, (), Matrix())
    past: list[Past] = []
    runs: list[Listed] = []
    newest: list[RunRecord] = []
    latest: list[RunRecord] = []

    def others() -> Iterator[RunRecord]:
        for number, (path, record, places) in enumerate(
            read_newest_first([last, *(each for each in files if each != last)])
        ):
            runs.append(listed_of(record, path.name))
            if number < RUNS:
                past.append(past_of(record))
            if number == 0:
                newest.append(record)
            if places:
                told, record = _parted(record, places)
                latest.append(told)
            yield record

    before = merge(others())
    runs.sort(key=lambda each: each.run.order, reverse=True)
    return History(newest[0], tuple(latest), before, tuple(past), tuple(runs))


def by_start(files: Iterable[Path]) -> list[Path]:
    """Results files, the one of the run that started last at the head.

    Raises:
        MalformedFile: one of them is not what it must be, or of an unknown schema.
    """
    return sorted(files, key=lambda path: read_header(path).order, reverse=True)


def read_newest_first(files: Iterable[Path]) -> Iterator[tuple[Path, RunRecord, frozenset[Place]]]:
    """Read files that stand in the order of :func:`by_start`, one in memory at a time.

    Of older ones only what newer ones do not supersede is read in full: of 100 runs of 5,000 cells
    a fifth of the time.

    Yields:
        Each file, its run, and the columns that it is the newest about.

    Raises:
        MalformedFile: a results file is not what it must be, or of an unknown schema.
    """
    known: set[Cell] = set()
    told: set[Place] = set()
    for number, path in enumerate(files):
        record = read_run(path) if number < RUNS else read_run(path, known)
        places = places_of(record) - told
        told |= places
        # The newest of each column is compared with what all others say.
        known.update(cell for cell, result in record.results.items()
                     if result.verdict is not Verdict.NOT_RUN
                     and _place(cell) not in places)  # fmt: skip
        yield path, record, places


def read_results(matrix_dir: Path) -> History:
    """The history of a matrix folder that has results.

    Raises:
        UsageError: it has none.
        MalformedFile: a results file is not what it must be, or of an unknown schema.
    """
    check_results(matrix_dir)
    return read_history(matrix_dir / "results")


def check_results(matrix_dir: Path) -> None:
    """Find out whether a matrix folder has results.

    Raises:
        UsageError: it has none.
    """
    results = matrix_dir / "results"
    if not run_files(results):
        raise UsageError(
            f"no results in {results}: run pytest with --hardware first, or name the folder "
            "with --matrix-dir"
        )
