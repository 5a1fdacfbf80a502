"""The newest run, all that was known before it, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_accelerate.matrix.diff import Changes, compare
from pytest_accelerate.matrix.merge import Matrix, merge
from pytest_accelerate.matrix.store import RunRecord, newest, read_run, run_files


@dataclass(frozen=True)
class History:
    """All runs of a folder, told from the newest."""

    newest: RunRecord | None
    """``None`` where there is no run."""
    before: Matrix
    """The results of all other runs, merged."""

    @cached_property
    def matrix(self) -> Matrix:
        """All runs, merged."""
        return merge([self.newest] if self.newest else [], self.before)

    @cached_property
    def changes(self) -> Changes | None:
        """What the newest run changed: each of its cells against the newest result before it.

        ``None`` where there is nothing before it.
        """
        if self.newest is None or self.before.newest is None:
            return None
        return compare(self.before, merge([self.newest]))

    @property
    def since(self) -> str:
        """What the changes are compared with, in words; empty where there are none."""
        run = self.before.newest
        return f"the run of {run.started[:16].replace('T', ' ')} UTC" if run else ""


def read_history(results_dir: Path, last: Path | None = None) -> History:
    """Read all runs of a folder.

    Args:
        results_dir: the folder; none or an empty one has an empty history.
        last: the file of the run to tell the history from, instead of the one that started last.

    Raises:
        MalformedFile: a results file is not what it must be, or of an unknown schema.
    """
    last = last or newest(results_dir)
    others = (path for path in run_files(results_dir) if path != last)
    return History(read_run(last) if last else None, merge(map(read_run, others)))
