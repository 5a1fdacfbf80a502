"""``matrix/expectations.toml``: the cells known not to pass, as a ratchet.

::

    [openvino-fp32]
    mra = { verdict = "unsupported", reason = "aten::histc has no translator" }

    [provider-openai-live]
    images_edit = { verdict = "error", reason = "the answer has no b64_json" }

A table a column, a line a model type or an operation, both sorted. A verdict that is not the
expected one fails, an unexpected pass too: what was gained is not lost again unseen. The reason of
a ``partial`` begins with the stage that does not hold; a run without that stage says nothing of it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_accelerate.cells import (
    GREEN,
    MODES,
    OPTIONAL_STAGES,
    PRECISIONS,
    Cell,
    ModelCell,
    ProviderCell,
    Result,
    Verdict,
)
from pytest_accelerate.errors import MalformedFile
from pytest_accelerate.matrix.files import write_whole
from pytest_accelerate.matrix.text import one_line

HEADER = """\
# The cells known not to pass, by hardware and precision, or by provider and mode. A cell with
# another verdict than the one here fails, and so does one that passes.
# Rewritten by: pytest --update-expectations
# A reason written by hand stays for as long as its verdict does; comments do not stay.
"""

_PROVIDER = "provider-"
"""Starts the name of a provider's table; no hardware has it, as hardware contains no ``-``."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Expectation:
    """What a cell is known to come to."""

    verdict: Verdict
    reason: str = ""

    def is_untouched_by(self, result: Result) -> bool:
        """Whether a cell passes only because the stage that does not hold was not asked for."""
        stage = self.reason.partition(":")[0]
        return (
            self.verdict is Verdict.PARTIAL
            and result.verdict is Verdict.PASS
            and stage in OPTIONAL_STAGES
            and stage not in {ran.stage for ran in result.stages}
        )


@dataclass(frozen=True)
class Expectations:
    """All cells known not to pass."""

    cells: Mapping[Cell, Expectation] = field(default_factory=dict)

    def expected(self, cell: Cell) -> Expectation | None:
        """What ``cell`` is known to come to; ``None`` where a green verdict is expected."""
        return self.cells.get(cell)


@dataclass(frozen=True)
class Updated:
    """What an update changed, each sorted."""

    added: tuple[Cell, ...] = ()
    changed: tuple[Cell, ...] = ()
    removed: tuple[Cell, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        return f"{len(self.added)} added, {len(self.changed)} changed, {len(self.removed)} removed"


def load(path: Path) -> Expectations:
    """Read the file; where there is none, every cell is expected to be green.

    Raises:
        MalformedFile: with the line that is not what it must be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Expectations()
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedFile(path, None, f"cannot be read: {error}") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))  # or "(at end of document)"
        line = int(at[1]) if at else len(text.splitlines())
        raise MalformedFile(path, line, f"not TOML: {error}") from error
    try:
        return Expectations(dict(_cells(tables)))
    except _MisplacedError as error:
        raise MalformedFile(path, _line_of(text, error.keys), str(error)) from error


def update(path: Path, results: Iterable[Result]) -> Updated:
    """Write down what these results came to; cells that have no result here keep their line.

    A verdict that is not green is set, a line whose cell became green goes. The reason of a line
    stays if its verdict did. A cell that was not run is left alone, and so is a ``partial`` whose
    stage was not.

    Raises:
        MalformedFile: the present file cannot be read.
        UnwritableMatrix: the file system refuses.
    """
    cells = dict(load(path).cells)
    added: set[Cell] = set()
    changed: set[Cell] = set()
    removed: set[Cell] = set()
    for result in results:
        cell, old = result.cell, cells.get(result.cell)
        if result.verdict is Verdict.NOT_RUN or (old and old.is_untouched_by(result)):
            continue
        if result.verdict in GREEN:
            if old is not None:
                removed.add(cell)
                del cells[cell]
        elif old is None or old.verdict is not result.verdict:
            (added if old is None else changed).add(cell)
            cells[cell] = Expectation(result.verdict, one_line(result.reason))
    updated = Updated(*(tuple(sorted(each)) for each in (added, changed, removed)))
    if updated:
        write_whole(path, dumps(cells))
    return updated


def dumps(cells: Mapping[Cell, Expectation]) -> str:
    """The text of the file: one line a cell, sorted, so that a change reads well as a diff."""
    columns: dict[str, list[str]] = {}
    for cell, expectation in sorted(cells.items()):
        table, name = _address(cell)
        fields = f"verdict = {_quoted(expectation.verdict)}"
        if expectation.reason:
            fields += f", reason = {_quoted(expectation.reason)}"
        columns.setdefault(table, []).append(f"{_key(name)} = {{ {fields} }}\n")
    tables = (f"\n[{_key(name)}]\n{''.join(columns[name])}" for name in sorted(columns))
    return HEADER + "".join(tables)


class _MisplacedError(Exception):
    """Something that does not belong where it stands, below these keys."""

    def __init__(self, expected: str, *keys: str) -> None:
        self.keys = keys
        super().__init__(expected)


def _cells(tables: Mapping[str, Any]) -> Iterator[tuple[Cell, Expectation]]:
    for column, table in tables.items():
        if _cell(column, "") is None or not isinstance(table, dict):
            raise _MisplacedError(
                f"expected a table named HARDWARE-PRECISION, such as [openvino-fp32], "
                f"or provider-NAME-MODE, such as [provider-openai-mock], found {column!r}",
                column,
            )
        for name, value in table.items():
            cell = _cell(column, name)
            assert cell is not None
            yield cell, _expectation(value, column, name)


def _address(cell: Cell) -> tuple[str, str]:
    """The table and the key of a cell's line."""
    if isinstance(cell, ProviderCell):
        return f"{_PROVIDER}{cell.provider}-{cell.mode}", cell.operation
    return f"{cell.hardware}-{cell.precision}", cell.model_type


def _cell(table: str, key: str) -> Cell | None:
    """The cell of a line; ``None`` where a table cannot have this name."""
    first, _, last = table.rpartition("-")
    provider = first.removeprefix(_PROVIDER)
    if provider != first:
        return ProviderCell(provider, key, last) if provider and last in MODES else None
    return ModelCell(key, first, last) if first and last in PRECISIONS else None


def _expectation(value: Any, *keys: str) -> Expectation:
    if not isinstance(value, dict) or not {"verdict"} <= value.keys() <= {"verdict", "reason"}:
        raise _MisplacedError(f'{keys[-1]}: expected {{ verdict = "...", reason = "..." }}', *keys)
    verdict, reason = value["verdict"], value.get("reason", "")
    known = [str(known) for known in Verdict if known not in {*GREEN, Verdict.NOT_RUN}]
    if verdict not in known:
        raise _MisplacedError(
            f"{keys[-1]}: unknown verdict {verdict!r}; expected one of {', '.join(known)} "
            "(a green cell needs no line)",
            *keys,
        )
    if not isinstance(reason, str):
        raise _MisplacedError(f"{keys[-1]}: expected a reason in quotes", *keys)
    return Expectation(Verdict(verdict), reason)


def _line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """The line where the last of ``keys`` stands below the others, as people write such files."""
    wanted = list(keys)
    for number, line in enumerate(text.splitlines(), start=1):
        start = line.lstrip(" \t[\"'")
        if start.startswith(wanted[0]):
            wanted.pop(0)
            if not wanted:
                return number
    return None


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    # JSON's strings are TOML's but for DEL, which TOML wants escaped, and for lone surrogates,
    # which neither TOML nor UTF-8 can hold.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
