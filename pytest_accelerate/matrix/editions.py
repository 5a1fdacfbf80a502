"""Releases of one package as columns: the same hardware under two of them, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import InvalidVersion, Version

from pytest_accelerate.cells import Cell, ModelCell, Verdict
from pytest_accelerate.errors import UsageError, nearest
from pytest_accelerate.matrix.diff import Changes, compare
from pytest_accelerate.matrix.history import RunNews, by_start
from pytest_accelerate.matrix.merge import Entry, Matrix, merge
from pytest_accelerate.matrix.store import Run, read_header, read_run, run_files


@dataclass(frozen=True)
class Editions:
    """The runs of a folder by the release that they had of one package."""

    package: str
    releases: Mapping[str, Matrix]
    """The merged results of each release, the oldest first, as a matrix of its own."""

    @property
    def matrix(self) -> Matrix:
        """All of them, a column for each hardware, precision and release."""
        labelled = [
            _labelled(matrix, self._edition(version)) for version, matrix in self.releases.items()
        ]
        verified = {cell: entry for each in labelled for cell, entry in each.verified.items()}
        return Matrix(
            {cell: verified[cell] for cell in sorted(verified)},
            newest=_newest([each.newest for each in labelled]),
            lister=_newest([each.lister for each in labelled]),
            tests={cell: tests for each in labelled for cell, tests in each.tests.items()},
        )

    @property
    def news(self) -> RunNews:
        """What the newest release changed against the one before, at the cells of the newest.

        What has vanished stands at the one before, which alone has it.
        """
        *_, old, new = self.releases
        changes = compare(self.releases[old], self.releases[new])
        moved = {
            kind: tuple(
                replace(each, cell=_at(each.cell, self._edition(new if each.new else old)))
                for each in found
            )
            for kind, found in changes.kinds()
        }
        told = Changes(**moved, unchanged=changes.unchanged, not_compared=changes.not_compared)
        return RunNews((self._edition(new),), told, since=self._edition(old))

    def _edition(self, version: str) -> str:
        return f"{self.package} {version}"


def read_editions(results_dir: Path, package: str) -> Editions:
    """Read the runs of a folder about models, and tell them apart by their release of a package.

    One run is in memory at a time, and of older ones only what newer ones of the same release do
    not supersede.

    Raises:
        UsageError: no run has the package, or all have the same release.
        MalformedFile: a results file is not what it must be, or of an unknown schema.
    """
    releases: dict[str, Matrix] = {}
    seen: set[str] = set()
    for path in by_start(run_files(results_dir)):
        packages = read_header(path).environment.packages
        seen.update(packages)
        if package not in packages:
            continue
        before = releases.get(packages[package], Matrix())
        known = {
            cell
            for cell, entry in before.verified.items()
            if entry.result.verdict is not Verdict.NOT_RUN
        }
        record = read_run(path, known)
        if ModelCell in {*record.about, *map(type, known)}:
            merged = merge([record], before).only(lambda cell: isinstance(cell, ModelCell))
            releases[packages[package]] = merged
    if not releases:
        raise UsageError(
            f"no run in {results_dir} has the package {package!r}{nearest(package, seen)}"
        )
    if len(releases) == 1:
        (version,) = releases
        raise UsageError(f"all runs in {results_dir} have {package} {version}: one release alone")
    return Editions(package, {version: releases[version] for version in sorted(releases, key=_age)})


def _labelled(matrix: Matrix, edition: str) -> Matrix:
    verified = {}
    for cell, entry in matrix.verified.items():
        moved = _at(cell, edition)
        verified[moved] = Entry(replace(entry.result, cell=moved), entry.run)
    tests = {_at(cell, edition): tests for cell, tests in matrix.tests.items()}
    return replace(matrix, verified=verified, tests=tests)


def _at(cell: Cell, edition: str) -> Cell:
    return replace(cell, edition=edition) if isinstance(cell, ModelCell) else cell


def _newest(runs: list[Run | None]) -> Run | None:
    return max((run for run in runs if run), key=lambda run: run.order, default=None)


def _age(version: str) -> tuple[Version, str]:
    try:
        return Version(version), version
    except InvalidVersion:
        return Version("0"), version
