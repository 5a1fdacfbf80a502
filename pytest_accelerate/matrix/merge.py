"""Any number of runs become one matrix: for each cell the newest result, with its run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from packaging.version import InvalidVersion, Version

from pytest_accelerate.cells import (
    MODES,
    ONLY_TESTS,
    PRECISIONS,
    Cell,
    ModelCell,
    ProviderCell,
    Result,
    StageResult,
    Verdict,
    with_tests,
)
from pytest_accelerate.matrix.store import Run, RunRecord, read_run, run_files

UNCOUNTED = frozenset({Verdict.COVERED, Verdict.SKIP, Verdict.NOT_RUN})
"""Verdicts that say nothing of a backend: shares of passes leave them out."""

_HARDWARE_ORDER = ("cpu", "cuda", "mps", "xpu", "openvino")


@dataclass(frozen=True)
class Column:
    """One column of the models' table: a hardware at a precision."""

    hardware: str
    precision: str
    edition: str = ""
    """The release that it is of, where the matrix shows several side by side."""

    @classmethod
    def of(cls, cell: ModelCell) -> Column:
        """The column that a cell stands in."""
        return cls(cell.hardware, cell.precision, cell.edition)

    def cell(self, model_type: str) -> ModelCell:
        """The cell of a model type in this column."""
        return ModelCell(model_type, self.hardware, self.precision, self.edition)

    @property
    def name(self) -> str:
        """Such as ``openvino-fp32``, or ``openvino-fp32-5.23.0`` of one of several releases."""
        return "-".join([self.hardware, self.precision, *self.edition.split()[-1:]])

    @property
    def order(self) -> tuple[int, str, int, str, Version]:
        """Sorts the columns: known hardware first, the widest precision first, releases by age."""
        kind = self.hardware.partition(":")[0]
        return (
            _rank(kind, _HARDWARE_ORDER),
            self.hardware,
            _rank(self.precision, PRECISIONS),
            self.precision,
            _version(self.edition),
        )


@dataclass(frozen=True)
class Operation:
    """One row of the providers' table."""

    provider: str
    name: str

    @property
    def id(self) -> str:
        """Such as ``openai-chat``: that of its cells, without the mode."""
        return f"{self.provider}-{self.name}"


@dataclass(frozen=True)
class Entry:
    """One result, and the run that it is from."""

    result: Result
    run: Run


@dataclass(frozen=True)
class TestEntry:
    """What a test of people's own says of a cell, and the run that it is from."""

    __test__ = False  # not one of pytest's

    test: StageResult
    run: Run


@dataclass(frozen=True)
class Tally:
    """How many cells have which verdict."""

    verdicts: Mapping[Verdict, int]

    @property
    def total(self) -> int:
        """All cells."""
        return sum(self.verdicts.values())

    @property
    def passed(self) -> int:
        """The cells that pass."""
        return self.verdicts.get(Verdict.PASS, 0)

    @property
    def counted(self) -> int:
        """The cells that say something of the backend: all but :data:`UNCOUNTED`."""
        return sum(n for verdict, n in self.verdicts.items() if verdict not in UNCOUNTED)

    @property
    def percent(self) -> float | None:
        """Share of :attr:`passed` in :attr:`counted`, rounded down to 0.1; ``None`` without any.

        Rounded down, so that 100 means all of them.
        """
        return self.passed * 1000 // self.counted / 10 if self.counted else None


@dataclass(frozen=True)
class Matrix:
    """The newest result of every cell."""

    verified: Mapping[Cell, Entry] = field(default_factory=dict)
    """The results of cells, sorted by cell, without what tests of people's own say of them."""
    newest: Run | None = None
    """The run that started last."""
    lister: Run | None = None
    """The run that started last of those that told which model types there are."""
    operations_lister: Run | None = None
    """The run that started last of those that told which operations providers have."""
    tests: Mapping[Cell, Mapping[str, TestEntry]] = field(default_factory=dict)
    """What tests of people's own say of cells, by the test's name."""

    @cached_property
    def entries(self) -> Mapping[Cell, Entry]:
        """All cells, sorted, each with the tests of people's own as its last stages."""
        if not self.tests:
            return self.verified
        cells = sorted({*self.verified, *self.tests})
        return {cell: _with_tests(cell, self.verified.get(cell), self.tests) for cell in cells}

    def only(self, is_wanted: Callable[[Cell], bool]) -> Matrix:
        """Some of the cells alone."""
        return replace(
            self,
            verified={cell: each for cell, each in self.verified.items() if is_wanted(cell)},
            tests={cell: each for cell, each in self.tests.items() if is_wanted(cell)},
        )

    @cached_property
    def models(self) -> Mapping[ModelCell, Entry]:
        """The half about models."""
        return {cell: e for cell, e in self.entries.items() if isinstance(cell, ModelCell)}

    @cached_property
    def apis(self) -> Mapping[ProviderCell, Entry]:
        """The half about providers."""
        return {cell: e for cell, e in self.entries.items() if isinstance(cell, ProviderCell)}

    def knows(self, cell: Cell) -> bool | None:
        """Whether there is such a model type or operation; ``None`` where no run told."""
        if isinstance(cell, ModelCell):
            names, name = self._listed, cell.model_type
        else:
            names, name = self._operations, Operation(cell.provider, cell.operation).id
        return name in names if names else None

    @cached_property
    def _listed(self) -> frozenset[str]:
        return frozenset(self.lister.listed if self.lister else ())

    @cached_property
    def _operations(self) -> frozenset[str]:
        lister = self.operations_lister
        return frozenset(lister.operations if lister else ())

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the models' table, in the order in which they are shown."""
        columns = {Column.of(cell) for cell in self.models}
        return tuple(sorted(columns, key=lambda column: column.order))

    @cached_property
    def model_types(self) -> tuple[str, ...]:
        """The rows of the models' table, in the order in which they are shown."""
        return tuple(sorted({cell.model_type for cell in self.models}, key=_alphabetical))

    @cached_property
    def modes(self) -> tuple[str, ...]:
        """The columns of the providers' table, in the order in which they are shown."""
        present = {cell.mode for cell in self.apis}
        return tuple(mode for mode in MODES if mode in present)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The rows of the providers' table, in the order in which they are shown."""
        rows = {Operation(cell.provider, cell.operation) for cell in self.apis}
        return tuple(sorted(rows, key=lambda row: (row.provider, row.name)))

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """The providers that have results, in the order in which they are shown."""
        return tuple(dict.fromkeys(row.provider for row in self.operations))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs that have results in the matrix, the newest first."""
        runs = {entry.run.order: entry.run for entry in self.entries.values()}
        return tuple(runs[order] for order in sorted(runs, reverse=True))

    def tally(self, column: Column | None = None) -> Tally:
        """Count the verdicts of one column of the models' table, or of all."""
        return tally(
            entry.result
            for cell, entry in self.models.items()
            if column is None or Column.of(cell) == column
        )

    def tally_apis(self, mode: str, provider: str | None = None) -> Tally:
        """Count the verdicts of one mode, of one provider or of all: modes are never added up."""
        return tally(
            entry.result
            for cell, entry in self.apis.items()
            if cell.mode == mode and provider in (None, cell.provider)
        )


def tally(results: Iterable[Result]) -> Tally:
    """Count verdicts, in the order in which :class:`Verdict` has them."""
    counts = Counter(result.verdict for result in results)
    return Tally({verdict: counts[verdict] for verdict in Verdict if counts[verdict]})


def merge(records: Iterable[RunRecord], base: Matrix | None = None) -> Matrix:
    """Merge runs, in whatever order they come, onto ``base``.

    The newest result of a cell stays, except that a cell that was not run hides none that was.
    Merging a run twice changes nothing.
    """
    base = base or Matrix()
    entries, newest = dict(base.verified), base.newest
    lister, operations_lister = base.lister, base.operations_lister
    tests = dict(base.tests)
    for record in records:
        run = record.run
        newest = _later(newest, run)
        if run.listed:
            lister = _later(lister, run)
        if run.operations:
            operations_lister = _later(operations_lister, run)
        for cell, result in record.results.items():
            entry = Entry(result, run)
            if cell not in entries or _replaces(entry, entries[cell]):
                entries[cell] = entry
        for cell, named in record.tests.items():
            tests[cell] = _newest_tests(tests.get(cell, {}), named, run)
    ordered = {cell: entries[cell] for cell in sorted(entries)}
    return Matrix(ordered, newest, lister, operations_lister, tests)


def merge_folder(results_dir: Path) -> Matrix:
    """Merge all results files of a folder, one in memory at a time.

    Raises:
        MalformedFile: one of them is not what it must be, or of an unknown schema.
    """
    return merge(map(read_run, run_files(results_dir)))


def _with_tests(
    cell: Cell, entry: Entry | None, tests: Mapping[Cell, Mapping[str, TestEntry]]
) -> Entry:
    named = tests.get(cell)
    if not named:
        assert entry is not None, "a cell without a result has tests"
        return entry
    newest = max(named.values(), key=lambda each: each.run.order)
    entry = entry or Entry(Result(cell, Verdict.NOT_RUN, reason=ONLY_TESTS), newest.run)
    stages = [named[name].test for name in sorted(named)]
    return Entry(with_tests(entry.result, stages), entry.run)


def _newest_tests(
    old: Mapping[str, TestEntry], new: Mapping[str, StageResult], run: Run
) -> Mapping[str, TestEntry]:
    """Of each test what its newest run says: one that a run did not select has not vanished."""
    merged = dict(old)
    for name, test in new.items():
        entry, known = TestEntry(test, run), merged.get(name)
        if known is None or _rank_of_test(entry) > _rank_of_test(known):
            merged[name] = entry
    return merged


def _rank_of_test(entry: TestEntry) -> tuple[tuple[str, str], str]:
    return entry.run.order, str(entry.test)


def _later(one: Run | None, other: Run) -> Run:
    return other if one is None or other.order > one.order else one


def _replaces(entry: Entry, old: Entry) -> bool:
    new_rank, old_rank = _precedence(entry), _precedence(old)
    if new_rank != old_rank:
        return new_rank > old_rank
    # Two copies of one run that differ: the text decides, so that the order of reading never does.
    return entry.result.dumps() > old.result.dumps()


def _precedence(entry: Entry) -> tuple[bool, tuple[str, str]]:
    return entry.result.verdict is not Verdict.NOT_RUN, entry.run.order


def _version(edition: str) -> Version:
    """That of ``transformers 5.23.0``; the lowest of what is no version."""
    try:
        return Version(edition.split()[-1])
    except (IndexError, InvalidVersion):
        return Version("0")


def _rank(name: str, names: tuple[str, ...]) -> int:
    return names.index(name) if name in names else len(names)


def _alphabetical(name: str) -> tuple[str, str]:
    return name.casefold(), name
