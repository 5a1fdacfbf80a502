"""Which rows the page has, and in which order: by task, then by family, the head of each first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pytest_accelerate.cells import Cell, ProviderCell
from pytest_accelerate.matrix.merge import Matrix, Tally, tally
from pytest_accelerate.taxonomy import OTHER, Taxonomy


@dataclass(frozen=True)
class Member:
    """One row of the models' table."""

    name: str
    family: str
    is_part: bool
    """Whether it stands below the head of its family."""


@dataclass(frozen=True)
class TaskGroup:
    """The rows of one task."""

    task: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Layout:
    """A matrix with its rows in the order in which they are shown."""

    matrix: Matrix
    taxonomy: Taxonomy

    @cached_property
    def groups(self) -> tuple[TaskGroup, ...]:
        """The tasks, the one with most rows first; types of no known task at the end."""
        by_task: dict[str, list[str]] = {}
        for name in self.matrix.model_types:
            by_task.setdefault(self.taxonomy.task(name), []).append(name)
        ordered = sorted(by_task, key=lambda task: (task == OTHER, -len(by_task[task]), task))
        return tuple(TaskGroup(task, tuple(self._members(by_task[task]))) for task in ordered)

    @property
    def is_grouped(self) -> bool:
        """Whether the task of any row is known."""
        return any(group.task != OTHER for group in self.groups)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All model types, from top to bottom."""
        return tuple(member.name for group in self.groups for member in group.members)

    def model_cells(self) -> Iterator[list[Cell]]:
        """The cells of each row of the models' table, column by column."""
        for name in self.names:
            yield [column.cell(name) for column in self.matrix.columns]

    def api_cells(self) -> Iterator[list[Cell]]:
        """The same of the providers' table."""
        for row in self.matrix.operations:
            yield [ProviderCell(row.provider, row.name, mode) for mode in self.matrix.modes]

    def tallies(self, group: TaskGroup) -> Iterator[Tally]:
        """The totals of a task, column by column."""
        for column in self.matrix.columns:
            cells = (column.cell(member.name) for member in group.members)
            entries = (self.matrix.models.get(cell) for cell in cells)
            yield tally(entry.result for entry in entries if entry is not None)

    def _members(self, names: list[str]) -> Iterator[Member]:
        families: dict[str, list[str]] = {}
        for name in names:
            families.setdefault(self.taxonomy.family(name), []).append(name)
        # The model itself before its parts, whose names sort before it or after.
        for family in sorted(families, key=str.casefold):
            heads = [name for name in families[family] if name.replace("-", "_") == family]
            parts = [name for name in families[family] if name not in heads]
            for name in (*heads, *parts):
                yield Member(name, family, bool(heads) and name in parts)
