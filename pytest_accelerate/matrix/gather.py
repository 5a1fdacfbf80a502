"""Bringing the runs of other machines, versions and parts together in one matrix folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_accelerate.errors import UsageError
from pytest_accelerate.matrix.files import write_whole
from pytest_accelerate.matrix.history import by_start, read_newest_first
from pytest_accelerate.matrix.store import run_files


@dataclass(frozen=True)
class Gathered:
    """What came in, by the ids of runs."""

    added: tuple[str, ...] = ()
    continued: tuple[str, ...] = ()
    """Known before, and longer now."""
    known: tuple[str, ...] = ()


def gather(sources: Iterable[Path], results_dir: Path) -> Gathered:
    """Copy the runs of ``sources`` into ``results_dir``; twice, or in another order, is the same.

    Everything is read before anything is written, so that one bad file changes nothing.

    Args:
        sources: results files, or matrix folders, or folders of results files.
        results_dir: where they come; made where it is not there.

    Raises:
        UsageError: a source is not there or has no results, or two files tell one run differently.
        MalformedFile: one of them is not what it must be, or of an unknown schema; names it.
        UnwritableMatrix: the file system refuses.
    """
    known = {path.stem: path for path in run_files(results_dir)}
    longest: dict[str, Path] = {}
    for path, record, _ in read_newest_first(by_start(_files(sources))):
        run = record.run.id
        longest[run] = _longer(run, longest.get(run, known.get(run, path)), path)
    added = sorted(run for run in longest if run not in known)
    continued = sorted(run for run in longest if run in known and longest[run] != known[run])
    for run in (*added, *continued):
        write_whole(results_dir / f"{run}.jsonl", longest[run].read_text(encoding="ascii"))
    return Gathered(
        tuple(added), tuple(continued), tuple(sorted({*longest} - {*added, *continued}))
    )


def _files(sources: Iterable[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_file():
            yield source
            continue
        if not source.is_dir():
            raise UsageError(f"{source} is neither a results file nor a folder with results")
        folder = source / "results" if (source / "results").is_dir() else source
        files = run_files(folder)
        if not files:
            raise UsageError(f"{source} has no results: expected *.jsonl, or results/*.jsonl")
        yield from files


def _longer(run: str, one: Path, other: Path) -> Path:
    """Of two files of one run the one that goes on where the other stops, or the first."""
    if one == other:
        return one
    first, second = one.read_bytes(), other.read_bytes()
    if first.startswith(second):
        return one
    if second.startswith(first):
        return other
    raise UsageError(
        f"{one} and {other} tell the run {run} differently, and neither goes on where the other "
        "stops: leave one of them out"
    )
