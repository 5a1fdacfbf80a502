"""What changed between two matrices, said only where it can be known.

A cell is compared where both sides ran it with the same kind of weights, and by the stages that
both ran: a pass that fails in a stage which the old side did not have has not regressed, it is
newly tested, and so is what was skipped or covered before. A model type or a provider's operation
has vanished when the new side's runs no longer knew of it, and is new when the old side's did not:
that a run did not select it, or was cut short, is no news. Latencies of models are compared where
both were taken with nothing else running, on like machines; those of providers are the network's.
A mock is compared with a mock, and live with live.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from pytest_accelerate.cells import GREEN, Cell, ModelCell, Result, Verdict
from pytest_accelerate.errors import UsageError, nearest
from pytest_accelerate.matrix.merge import UNCOUNTED, Column, Entry, Matrix, merge, merge_folder
from pytest_accelerate.matrix.store import read_run, run_files
from pytest_accelerate.matrix.text import one_line

NOTICEABLE = 1.25
"""A latency is slower or faster from this ratio on, either way."""


@dataclass(frozen=True)
class Change:
    """One cell that is not as it was."""

    cell: Cell
    old: Entry | None
    new: Entry | None


@dataclass(frozen=True)
class Changes:
    """All that changed, each sorted by cell; empty fields are no news."""

    regressed: tuple[Change, ...] = ()
    """Passed then, not green now."""
    fixed: tuple[Change, ...] = ()
    """Not green then, passes now."""
    newly_tested: tuple[Change, ...] = ()
    """Skipped or covered then and not now, or passed then and fails in a stage not run then."""
    changed: tuple[Change, ...] = ()
    """Any other verdict than before."""
    new: tuple[Change, ...] = ()
    """Of a model type, an operation or a column that was not known before."""
    vanished: tuple[Change, ...] = ()
    slower: tuple[Change, ...] = ()
    faster: tuple[Change, ...] = ()
    unchanged: int = 0
    """Cells with the same verdict on both sides."""
    not_compared: int = 0
    """Cells that one side alone ran, or that were run with other weights or fewer stages."""

    def __add__(self, other: Changes) -> Changes:
        """The changes of two comparisons of different cells."""
        changes = {
            kind: tuple(sorted(mine + theirs, key=lambda change: change.cell))
            for (kind, mine), (_, theirs) in zip(self.kinds(), other.kinds(), strict=True)
        }
        return Changes(
            **changes,
            unchanged=self.unchanged + other.unchanged,
            not_compared=self.not_compared + other.not_compared,
        )

    def __bool__(self) -> bool:
        return any(changes for _, changes in self.kinds())

    def kinds(self) -> Iterator[tuple[str, tuple[Change, ...]]]:
        """Each kind of change by its name, in the order of their weight."""
        for spec in fields(self):
            value = getattr(self, spec.name)
            if isinstance(value, tuple):
                yield spec.name, value


def compare(old: Matrix, new: Matrix, *, known: Collection[Column] = ()) -> Changes:
    """Compare two matrices cell by cell.

    Args:
        old: what was.
        new: what is.
        known: the columns that were known before, where ``old`` tells it: a cell of another is new.
    """
    kinds: dict[str, list[Change]] = {}
    unchanged = not_compared = 0
    for cell in sorted({*old.entries, *new.entries}):
        change = Change(cell, old.entries.get(cell), new.entries.get(cell))
        kind = _presence(change, old, new, known) or _verdicts(change)
        if kind == "not compared":
            not_compared += 1
        elif kind == "unchanged":
            unchanged += 1
            if pace := _pace(change):
                kinds.setdefault(pace, []).append(change)
        else:
            kinds.setdefault(kind, []).append(change)
    return Changes(
        **{kind: tuple(changes) for kind, changes in kinds.items()},
        unchanged=unchanged,
        not_compared=not_compared,
    )


def resolve(argument: str, matrix_dir: Path = Path("matrix")) -> Matrix:
    """The results that ``argument`` names: a results file, a matrix folder, or a run's id.

    The id may be cut short, as far as it is that of one run in ``matrix_dir`` alone.

    Raises:
        UsageError: there is no such thing; the message names the newest runs.
        MalformedFile: a results file is not what it must be.
    """
    path = Path(argument)
    if path.is_dir():
        folder = path / "results" if (path / "results").is_dir() else path
        if not run_files(folder):
            raise UsageError(f"{path} has no results: expected results/*.jsonl in a matrix folder")
        return merge_folder(folder)
    if path.is_file():
        return merge([read_run(path)])
    known = {file.stem: file for file in run_files(matrix_dir / "results")}
    matches = [file for run_id, file in known.items() if run_id.startswith(argument)]
    if argument and len(matches) == 1:
        return merge([read_run(matches[0])])
    if argument and matches:
        raise UsageError(f"{argument!r} is the start of {len(matches)} runs in {matrix_dir}")
    newest = f"; the newest are {', '.join(sorted(known)[-3:])}" if known else ""
    raise UsageError(
        f"{argument!r} is no results file, no matrix folder, and no run in {matrix_dir}"
        f"{nearest(argument, known) or newest}"
    )


def render_text(changes: Changes, limit: int | None = None) -> list[str]:
    """Lines for a terminal: a count of each kind, then its cells, at most ``limit`` of each."""
    lines = [headline(changes)]
    for kind, each in changes.kinds():
        if each:
            lines += ["", f"{said(kind)}:"]
            lines += [f"  {describe(change)}" for change in each[:limit]]
            if limit is not None and len(each) > limit:
                lines.append(f"  ... and {len(each) - limit} more")
    return lines


def headline(changes: Changes) -> str:
    """One line: ``2 regressed, 1 fixed, 1650 unchanged``."""
    counts = [f"{len(each)} {said(kind)}" for kind, each in changes.kinds() if each]
    counts.append(f"{changes.unchanged} unchanged")
    if changes.not_compared:
        counts.append(f"{changes.not_compared} not compared")
    return ", ".join(counts)


def said(kind: str) -> str:
    """A kind of change in words: ``newly tested``."""
    return kind.replace("_", " ")


def describe(change: Change) -> str:
    """One line about one cell: what it was, what it is, and why."""
    name = one_line(change.cell.id, 120)
    old, new = change.old, change.new
    if old is None or new is None:
        present = new or old
        return f"{name}: {present.result.verdict}" if present else name
    if old.result.verdict is new.result.verdict:
        before, after = _latency(old), _latency(new)
        return f"{name}: {before * 1e3:.2f} ms -> {after * 1e3:.2f} ms"
    reason = one_line(new.result.reason)
    text = f"{name}: {old.result.verdict} -> {new.result.verdict}"
    return f"{text}: {reason}" if reason else text


def _presence(change: Change, old: Matrix, new: Matrix, known: Collection[Column]) -> str | None:
    """What it is that one side alone has the cell; ``None`` when both do."""
    was_listed, is_listed = old.knows(change.cell), new.knows(change.cell)
    if change.new is None:
        return "vanished" if was_listed is not False and is_listed is False else "not compared"
    if change.old is None:
        is_column_new = (
            isinstance(change.cell, ModelCell)
            and bool(known)
            and Column.of(change.cell) not in known
        )
        if is_column_new:
            return "new"
        return "new" if was_listed is False and is_listed is not False else "not compared"
    return None


def _verdicts(change: Change) -> str:
    assert change.old is not None
    assert change.new is not None
    old, new = change.old.result, change.new.result
    if Verdict.NOT_RUN in (old.verdict, new.verdict) or _weights(change.old) != _weights(
        change.new
    ):
        return "not compared"
    if old.verdict is new.verdict:
        return "unchanged"
    if old.verdict is Verdict.PASS and new.verdict not in GREEN:
        return "newly_tested" if fails_only_beyond(new, old) else "regressed"
    if new.verdict is Verdict.PASS and old.verdict not in GREEN:
        return "not compared" if fails_only_beyond(old, new) else "fixed"
    if old.verdict in UNCOUNTED and new.verdict not in UNCOUNTED:
        return "newly_tested"
    return "changed"


def fails_only_beyond(result: Result, other: Result) -> bool:
    """Whether all that fails in a result are stages that the other did not run."""
    return are_all_beyond(failed_stages(result), ran_stages(other))


def are_all_beyond(failed: frozenset[str], ran: frozenset[str]) -> bool:
    """Whether there are stages that failed, and none of them is among those that ran."""
    return bool(failed) and not failed & ran


def failed_stages(result: Result) -> frozenset[str]:
    """The stages that failed, those of people's own tests too."""
    return frozenset(
        stage.stage
        for stage in result.stages
        if stage.verdict not in GREEN and stage.verdict is not Verdict.NOT_RUN
    )


def ran_stages(result: Result) -> frozenset[str]:
    """The stages that came to a verdict."""
    return frozenset(stage.stage for stage in result.stages if stage.verdict is not Verdict.NOT_RUN)


def _weights(entry: Entry) -> object:
    """What weights a model had; nothing for a provider."""
    is_model = isinstance(entry.result.cell, ModelCell)
    return entry.run.options.get("weights") if is_model else None


def _pace(change: Change) -> str | None:
    assert change.old is not None
    assert change.new is not None
    if not isinstance(change.cell, ModelCell):
        return None
    before, after = _latency(change.old), _latency(change.new)
    if not before or not after or _machine(change.old) != _machine(change.new):
        return None
    if after / before >= NOTICEABLE:
        return "slower"
    return "faster" if before / after >= NOTICEABLE else None


def _latency(entry: Entry) -> float:
    """Seconds of one forward pass, 0 where it was not measured or is a hint."""
    measures = entry.result.measures
    return 0.0 if measures.latency_is_hint else (measures.latency_seconds or 0.0)


def _machine(entry: Entry) -> tuple[object, ...]:
    environment, measures = entry.run.environment, entry.result.measures
    return (
        environment.platform,
        environment.cpu,
        environment.cores,
        measures.device,
        measures.threads,
    )
