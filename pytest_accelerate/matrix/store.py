"""The results of runs on disk: one JSONL file a run, written cell by cell.

A file ``results/<run>.jsonl`` holds a line of kind ``run`` (environment, options), then one line a
cell, one of kind ``test`` for what a test of people's own says of a cell, and one of kind ``end``
for every session of the run that came to its end. Every line has ``schema`` and ``run``. A run that
was killed has no line of its end, and loses nothing it had finished.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pytest_accelerate.cells import (
    SCHEMA,
    Cell,
    Result,
    StageResult,
    Verdict,
    cell_from_json,
    cell_to_json,
)
from pytest_accelerate.environment import Environment
from pytest_accelerate.errors import MalformedFile, UnwritableMatrix
from pytest_accelerate.matrix.files import check_writable, write_whole
from pytest_accelerate.matrix.wire import read_result, read_test

__all__ = [
    "Resumable",
    "Run",
    "RunRecord",
    "RunWriter",
    "check_writable",
    "find_resumable",
    "last_verdicts",
    "newest",
    "read_header",
    "read_run",
    "run_files",
]

_RUN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


@dataclass(frozen=True)
class Run:
    """What all results of one invocation on one machine share."""

    id: str
    """Such as ``20261123T201500Z-4f1c``: sorts by start, fit for a file name."""
    started: str
    """ISO 8601 in UTC, to the second: ``2026-11-23T20:15:00Z``."""
    environment: Environment
    options: Mapping[str, Any] = field(default_factory=dict)
    """The options that shape verdicts, JSON values by name."""
    collected: int = 0
    """Number of cells that the run set out to run."""
    listed: tuple[str, ...] = ()
    """Every model type that the run knew of, selected or not: a type that a later run does not
    list has vanished, one that it did not select has not. Empty where it is not known."""
    operations: tuple[str, ...] = ()
    """The same of the providers' operations, as ``openai-chat``."""
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each model type its family, then its tasks, as the transformers that ran it has them: who
    draws the matrix may have another one, or none."""

    @classmethod
    def begin(
        cls,
        environment: Environment,
        options: Mapping[str, Any],
        collected: int,
        listed: Collection[str] = (),
        operations: Collection[str] = (),
        kinds: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Run:
        """A new run that starts now, with an id of its own."""
        now = datetime.now(UTC)
        return cls(
            id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
            started=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            environment=environment,
            # As they come back from disk: tuples are lists there.
            options=json.loads(json.dumps(dict(options))),
            collected=collected,
            listed=tuple(sorted(listed)),
            operations=tuple(sorted(operations)),
            kinds=dict(kinds or {}),
        )

    @property
    def when(self) -> str:
        """Its start for people, to the minute: ``2026-11-23 20:15``, in UTC."""
        return self.started[:16].replace("T", " ")

    @property
    def order(self) -> tuple[str, str]:
        """Sorts runs by their start."""
        return self.started, self.id

    def to_json(self) -> dict[str, Any]:
        """The run's line."""
        line: dict[str, Any] = {
            "schema": SCHEMA,
            "kind": "run",
            "run": self.id,
            "started": self.started,
            "environment": self.environment.to_json(),
            "options": dict(self.options),
            "collected": self.collected,
            "listed": list(self.listed),
        }
        more = {"operations": list(self.operations), "kinds": self.kinds}
        return {**line, **{name: value for name, value in more.items() if value}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Run:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyError, ValueError, TypeError, AttributeError: if ``data`` is not such a line.
        """
        if not _RUN_ID.fullmatch(data["run"]):
            raise ValueError(f"{data['run']!r} is not a run id")
        datetime.strptime(data["started"], "%Y-%m-%dT%H:%M:%SZ")
        return cls(
            id=data["run"],
            started=data["started"],
            environment=Environment.from_json(data["environment"]),
            options=dict(data["options"]),
            collected=int(data["collected"]),
            listed=tuple(str(name) for name in data.get("listed", ())),
            operations=tuple(str(name) for name in data.get("operations", ())),
            kinds={
                str(name): tuple(str(word) for word in words)
                for name, words in data.get("kinds", {}).items()
            },
        )


@dataclass(frozen=True)
class RunRecord:
    """A run as read from its file."""

    run: Run
    results: Mapping[Cell, Result]
    """In the order of their lines; of two lines for one cell the later."""
    ended: bool = False
    """False when the run was killed, or still goes on."""
    partial: bool = True
    """True when not everything that was collected was run: killed, ``-x``, Ctrl-C."""
    seconds: float | None = None
    """Wall time of the sessions that came to their end, added up; ``None`` when none did."""
    tests: Mapping[Cell, Mapping[str, StageResult]] = field(default_factory=dict)
    """What tests of people's own say of cells, by the test's name."""
    told: Mapping[str, int] = field(default_factory=dict)
    """How many result lines the file has of each verdict, those left out when it was read too."""

    @property
    def about(self) -> frozenset[type[Cell]]:
        """The kinds of cells that it has something to say of."""
        return frozenset(type(cell) for cell in (*self.results, *self.tests))


class RunWriter:
    """Appends results to a run's file, each on disk before the next one starts.

    The file comes into being with the first result: a run without any leaves nothing behind.
    """

    def __init__(self, results_dir: Path, run: Run) -> None:
        self.run = run
        self.path = results_dir / f"{run.id}.jsonl"
        self._exists = False
        self._stream: IO[str] | None = None

    @classmethod
    def resume(cls, path: Path) -> RunWriter:
        """Go on with a run that was cut short; a half-written last line is cut off.

        Raises:
            MalformedFile: it is not a results file.
        """
        writer = cls(path.parent, read_header(path))
        writer.path, writer._exists = path, True
        return writer

    def write(self, result: Result) -> None:
        """Append the result of one cell.

        Raises:
            UnwritableMatrix: the file system refuses, as when the disk is full.
        """
        self._append({"schema": SCHEMA, "run": self.run.id, **result.to_json()})

    def write_test(self, cell: Cell, test: StageResult) -> None:
        """Append what a test of people's own says of a cell.

        Raises:
            UnwritableMatrix: the file system refuses.
        """
        about = {"schema": SCHEMA, "kind": "test", "run": self.run.id, **cell_to_json(cell)}
        self._append({**about, "test": test.to_json()})

    def end(self, *, partial: bool, seconds: float) -> None:
        """Say that this session of the run is over; nothing is written if the run has no result.

        Args:
            partial: whether cells that were collected were not run.
            seconds: wall time of this session.
        """
        if self._exists:
            self._append(
                {
                    "schema": SCHEMA,
                    "kind": "end",
                    "run": self.run.id,
                    "partial": partial,
                    "seconds": round(seconds, 3),
                }
            )
        self.close()

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            if self._stream is None:
                self._stream = self._open()
            self._stream.write(_dumps(line))
            self._stream.flush()
        except OSError as error:
            with suppress(OSError):  # closing tries to write again what could not be written
                self.close()
            self._stream = None
            raise UnwritableMatrix(
                f"cannot write {self.path}: {error.strerror or error}"
            ) from error

    def _open(self) -> IO[str]:
        if self._exists:
            _mend_tail(self.path)
        else:
            # Whole, so that a kill never leaves a file without its first line.
            write_whole(self.path, _dumps(self.run.to_json()))
            self._exists = True
        return self.path.open("a", encoding="ascii", newline="\n")


@dataclass(frozen=True)
class Resumable:
    """The newest run in a folder, and whether a new one can go on where it stopped."""

    path: Path
    finished: frozenset[Cell]
    """The cells that need not run again."""
    complete: bool
    """True when it ran all it had collected: there is nothing to resume."""
    differences: tuple[str, ...]
    """What is not as it was (``torch: 2.12.0 then, 2.13.0 now``); empty when it can go on."""


def find_resumable(results_dir: Path, run: Run) -> Resumable | None:
    """Look whether ``run`` can go on with the newest run in ``results_dir``.

    Returns:
        ``None`` when there is no earlier run.

    Raises:
        MalformedFile: a results file is not what it must be.
    """
    path = newest(results_dir)
    if path is None:
        return None
    record = read_run(path)
    return Resumable(
        path=path,
        finished=frozenset(
            cell for cell, result in record.results.items() if result.verdict is not Verdict.NOT_RUN
        ),
        complete=not record.partial,
        differences=tuple(_differences(record.run, run)),
    )


def newest(results_dir: Path) -> Path | None:
    """The file of the run that started last, or ``None`` when there is none."""
    return max(run_files(results_dir), key=lambda path: read_header(path).order, default=None)


def last_verdicts(results_dir: Path, weights: str, runs: int = 10) -> dict[Cell, Verdict]:
    """What cells came to when they were last run, in so many of the newest runs.

    A file that cannot be read is passed over: who merges it is told.
    """
    known: dict[Cell, Verdict] = {}
    for path in run_files(results_dir)[-runs:]:
        with suppress(MalformedFile):
            record = read_run(path)
            if record.run.options.get("weights", weights) == weights:
                known |= {
                    cell: result.verdict
                    for cell, result in record.results.items()
                    if result.verdict is not Verdict.NOT_RUN
                }
    return known


def run_files(results_dir: Path) -> tuple[Path, ...]:
    """The results files in a folder, sorted by name; none when there is no such folder."""
    return tuple(sorted(results_dir.glob("*.jsonl")))


def read_header(path: Path) -> Run:
    """Read the first line of a results file alone.

    Raises:
        MalformedFile: it is not a run's line, or of an unknown schema.
    """
    for number, line in _lines(path):
        return _parse_run(path, number, line)
    raise MalformedFile(path, None, "is empty, expected the results of a run")


def read_run(path: Path, superseded: Collection[Cell] = frozenset()) -> RunRecord:
    """Read a results file; what a kill left of its last line is passed over.

    Args:
        path: the file.
        superseded: cells whose results nobody needs, as a newer run has them: they are left out,
            which takes a quarter of the time.

    Raises:
        MalformedFile: with the line that is not what it must be, or of an unknown schema.
    """
    run = read_header(path)
    results: dict[Cell, Result] = {}
    tests: dict[Cell, dict[str, StageResult]] = {}
    told: Counter[str] = Counter()
    ended, partial, seconds = False, True, None
    for number, line in _lines(path):
        if number == 1:
            continue
        if line.get("run") != run.id:
            raise MalformedFile(
                path, number, f"expected a line of the run {run.id}, found {line.get('run')!r}"
            )
        try:
            if line.get("kind") == "end":
                ended, partial = True, bool(line["partial"])
                seconds = (seconds or 0.0) + float(line["seconds"])
            elif line.get("kind") == "test":
                cell, test = read_test(line)
                tests.setdefault(cell, {})[test.stage] = test
            else:
                ended = False  # resumed since
                told[line["verdict"]] += 1
                if superseded and cell_from_json(line) in superseded:
                    continue
                result = read_result(line)
                results[result.cell] = result
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise MalformedFile(path, number, f"expected a result, {_explain(error)}") from error
    return RunRecord(run, results, ended, partial or not ended, seconds, tests, told)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with their line numbers, checked for their schema."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise MalformedFile(path, None, f"cannot be read: {error.strerror or error}") from error
    with stream:
        for number, raw in enumerate(stream, start=1):
            try:
                line = json.loads(raw, parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                if not raw.endswith(b"\n") and number > 1:
                    return  # the run was killed while it wrote this
                raise MalformedFile(path, number, f"expected one JSON object, {error}") from error
            if not isinstance(line, dict):
                raise MalformedFile(path, number, "expected one JSON object")
            if line.get("schema") != SCHEMA:
                raise MalformedFile(
                    path,
                    number,
                    f"results of schema {line.get('schema')!r}, and this version of "
                    f"pytest-accelerate reads schema {SCHEMA}",
                )
            yield number, line


def _refuse_constant(name: str) -> float:
    raise ValueError(f"found {name}, which is not JSON")


def _parse_run(path: Path, number: int, line: Mapping[str, Any]) -> Run:
    if line.get("kind") != "run":
        raise MalformedFile(path, number, 'expected the line of a run, with "kind": "run"')
    try:
        return Run.from_json(line)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise MalformedFile(path, number, f"expected a run, {_explain(error)}") from error


def _explain(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _dumps(line: Mapping[str, Any]) -> str:
    # ASCII: a lone surrogate survives, and no reader takes U+2028 for the end of a line.
    return json.dumps(line, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def _mend_tail(path: Path) -> None:
    """Make the file end with a whole line."""
    data = path.read_bytes()
    whole, newline, tail = data.rpartition(b"\n")
    if not tail:
        return
    with path.open("r+b") as stream:
        try:
            json.loads(tail)
        except ValueError:
            stream.truncate(len(whole) + len(newline))
        else:  # all of it was written but its end
            stream.seek(len(data))
            stream.write(b"\n")


def _differences(then: Run, now: Run) -> Iterator[str]:
    for what, old, new in (
        ("python", then.environment.python, now.environment.python),
        ("platform", then.environment.platform, now.environment.platform),
        ("cpu", then.environment.cpu, now.environment.cpu),
    ):
        if old != new:
            yield f"{what}: {old} then, {new} now"
    yield from _changed(then.environment.packages, now.environment.packages)
    options = dict(now.options)
    if "hardware" not in then.options:  # a run of providers alone
        options.pop("hardware", None)
    yield from _changed(then.options, options)


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield f"{name}: {_said(then.get(name))} then, {_said(now.get(name))} now"


def _said(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
