"""The newest runs, all that was known before them, and what they changed.

A run is about models, about providers, or about both; often one comes after the other. What
changed is told of the newest run about each: one of providers hides no regression of models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_accelerate.cells import Cell, Verdict
from pytest_accelerate.errors import UsageError
from pytest_accelerate.matrix.diff import Changes, compare
from pytest_accelerate.matrix.merge import Matrix, merge
from pytest_accelerate.matrix.past import RUNS, Listed, Past, listed_of, past_of
from pytest_accelerate.matrix.store import RunRecord, read_header, read_run, run_files


@dataclass(frozen=True)
class History:
    """All runs of a folder, told from the newest."""

    newest: RunRecord | None
    """``None`` where there is no run."""
    other: RunRecord | None
    """The newest run about the half of the matrix that :attr:`newest` is not about."""
    before: Matrix
    """The results of all other runs, merged."""
    past: tuple[Past, ...] = ()
    """The newest runs, as far as the page shows old ones."""
    runs: tuple[Listed, ...] = ()
    """All runs, the newest first."""

    @cached_property
    def matrix(self) -> Matrix:
        """All runs, merged."""
        return merge(self._last, self.before)

    @property
    def _last(self) -> list[RunRecord]:
        return [record for record in (self.newest, self.other) if record is not None]

    @cached_property
    def changes(self) -> Changes | None:
        """What the newest runs changed: each of their cells against the newest result before.

        ``None`` where there is nothing before them.
        """
        if self.before.newest is None:
            return None
        found = Changes()
        for record in self._last:
            about = record.about
            found += compare(self.before.only(about), merge([record]).only(about), whole=True)
        return found

    @property
    def since(self) -> str:
        """What the changes are compared with, in words; empty where there are none."""
        run = self.before.newest
        return f"the run of {run.when} UTC" if run else ""


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
        return History(None, None, Matrix())
    past: list[Past] = []
    runs: list[Listed] = []
    news: list[RunRecord] = []

    def others() -> Iterator[RunRecord]:
        for number, (path, record, is_news) in enumerate(
            read_newest_first([last, *(each for each in files if each != last)])
        ):
            runs.append(listed_of(record, path.name))
            if number < RUNS:
                past.append(past_of(record))
            if is_news and len(news) < 2:
                news.append(record)
            else:
                yield record

    before = merge(others())
    newest, *other = news
    runs.sort(key=lambda each: each.run.order, reverse=True)
    return History(newest, next(iter(other), None), before, tuple(past), tuple(runs))


def by_start(files: Iterable[Path]) -> list[Path]:
    """Results files, the one of the run that started last at the head.

    Raises:
        MalformedFile: one of them is not what it must be, or of an unknown schema.
    """
    return sorted(files, key=lambda path: read_header(path).order, reverse=True)


def read_newest_first(files: Iterable[Path]) -> Iterator[tuple[Path, RunRecord, bool]]:
    """Read files that stand in the order of :func:`by_start`, one in memory at a time.

    Of older ones only what newer ones do not supersede is read in full: of 100 runs of 5,000 cells
    a fifth of the time.

    Yields:
        Each file, its run, and whether that is the newest about models or about providers.

    Raises:
        MalformedFile: a results file is not what it must be, or of an unknown schema.
    """
    known: set[Cell] = set()
    told: set[type[Cell]] = set()
    for number, path in enumerate(files):
        record = read_run(path) if number < RUNS else read_run(path, known)
        is_news = number == 0 or bool(record.about - told)
        told |= record.about
        if not is_news:  # the newest are compared with what all others say
            known.update(cell for cell, result in record.results.items()
                         if result.verdict is not Verdict.NOT_RUN)  # fmt: skip
        yield path, record, is_news


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
