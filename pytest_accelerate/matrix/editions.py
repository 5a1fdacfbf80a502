"""Releases of one package as columns: the same hardware under two of them, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from packaging.version import InvalidVersion, Version

from pytest_accelerate.cells import Cell, ModelCell
from pytest_accelerate.errors import UsageError, nearest
from pytest_accelerate.matrix.diff import Change, Changes, compare
from pytest_accelerate.matrix.merge import Matrix, merge
from pytest_accelerate.matrix.store import RunRecord, read_run, run_files

T = TypeVar("T")


@dataclass(frozen=True)
class Editions:
    """The runs of a folder by the release that they had of one package."""

    package: str
    releases: Mapping[str, Matrix]
    """The merged results of each release, the oldest first, as a matrix of its own."""
    matrix: Matrix
    """All of them, a column for each hardware, precision and release."""

    @property
    def changes(self) -> Changes:
        """What the newest release changed against the one before, at the cells of the newest."""
        *_, old, new = self.releases
        return _at(compare(self.releases[old], self.releases[new]), self._edition(new))

    @property
    def since(self) -> str:
        """What the changes are compared with: ``transformers 5.22.0``."""
        *_, old, _ = self.releases
        return self._edition(old)

    def _edition(self, version: str) -> str:
        return f"{self.package} {version}"


def read_editions(results_dir: Path, package: str) -> Editions:
    """Read all runs of a folder, and tell them apart by the version that they had of a package.

    Raises:
        UsageError: no run has the package, or all have the same release.
        MalformedFile: a results file is not what it must be, or of an unknown schema.
    """
    records: dict[str, list[RunRecord]] = {}
    seen: set[str] = set()
    for path in run_files(results_dir):
        record = read_run(path)
        packages = record.run.environment.packages
        seen.update(packages)
        if ModelCell in record.about and package in packages:
            records.setdefault(packages[package], []).append(record)
    if not records:
        raise UsageError(
            f"no run in {results_dir} has the package {package!r}{nearest(package, seen)}"
        )
    if len(records) == 1:
        (version,) = records
        raise UsageError(f"all runs in {results_dir} have {package} {version}: one release alone")
    releases = {version: merge(records[version]) for version in sorted(records, key=_age)}
    labelled = [
        _labelled(record, f"{package} {version}")
        for version, each in records.items()
        for record in each
    ]
    return Editions(package, releases, merge(labelled))


def _labelled(record: RunRecord, edition: str) -> RunRecord:
    results = {
        cell: replace(result, cell=cell)
        for cell, result in _of_models(record.results, edition).items()
    }
    return replace(record, results=results, tests=_of_models(record.tests, edition))


def _of_models(values: Mapping[Cell, T], edition: str) -> dict[Cell, T]:
    return {
        replace(cell, edition=edition): value
        for cell, value in values.items()
        if isinstance(cell, ModelCell)
    }


def _at(changes: Changes, edition: str) -> Changes:
    """The changes of models, at the cells of one release."""

    def of_models(each: tuple[Change, ...]) -> tuple[Change, ...]:
        return tuple(
            replace(change, cell=replace(change.cell, edition=edition))
            for change in each
            if isinstance(change.cell, ModelCell)
        )

    moved = {kind: of_models(each) for kind, each in changes.kinds()}
    return Changes(**moved, unchanged=changes.unchanged, not_compared=changes.not_compared)


def _age(version: str) -> tuple[Version, str]:
    try:
        return Version(version), version
    except InvalidVersion:
        return Version("0"), version
