"""The strip that says what the newest runs changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from pytest_accelerate.matrix.diff import Change, Changes
from pytest_accelerate.matrix.history import RunNews
from pytest_accelerate.matrix.squares import address, place
from pytest_accelerate.matrix.text import one_line

NAMED = 4
"""Cells named at most of each kind."""

_SYMBOLS = {
    "regressed": "↓",
    "fixed": "↑",
    "newly_tested": "◇",
    "changed": "↔",
    "new": "+",
    "vanished": "−",  # noqa: RUF001  # a minus, as high as the plus
    "slower": "▾",
    "faster": "▴",
}
_BAD = ("regressed", "vanished", "slower")


@dataclass(frozen=True)
class Named:
    """One changed cell."""

    text: str
    column: str
    said: str
    """``pass → error``."""
    link: str


@dataclass(frozen=True)
class Item:
    """One kind of change."""

    kind: str
    symbol: str
    is_bad: bool
    count: int
    link: str
    named: tuple[Named, ...]


def items(changes: Changes) -> Iterator[Item]:
    """The kinds of change that there are, each with where it leads."""
    for kind, each in changes.kinds():
        if each:
            yield Item(
                kind=word(kind).replace("-", " "),
                symbol=_SYMBOLS.get(kind, "·"),
                is_bad=kind in _BAD,
                count=len(each),
                link=f"#q=is%3A{word(kind)}",
                named=tuple(_named(change) for change in each[:NAMED]),
            )


def word(kind: str) -> str:
    """A kind of change as the page calls and searches it; ``is:changed`` means any kind."""
    return "other-verdict" if kind == "changed" else kind.replace("_", "-")


def compared(told: RunNews, *, alone: bool) -> str:
    """How much the comparison rests on; of several runs, which one of them, and with what."""
    if not told.since:
        return told.title
    same, left = told.changes.unchanged, told.changes.not_compared
    counts = f"{same:,} cell{'' if same == 1 else 's'} as before"
    if left:
        counts += f", {left:,} not compared: one side alone ran them or a stage"
    return counts if alone else f"{told.title}: {counts}"


def link_to(cell_address: str) -> str:
    """The fragment that opens a cell."""
    return f"#cell={quote(cell_address, safe='')}"


def _named(change: Change) -> Named:
    row, column = place(change.cell)
    link = link_to(address(change.cell))
    return Named(one_line(" ".join(row), 40), one_line(column, 40), _said(change), link)


def _said(change: Change) -> str:
    old, new = change.old, change.new
    if old is None or new is None:
        return ""
    before, after = old.result, new.result
    if before.verdict is not after.verdict:
        return f"{before.verdict} → {after.verdict}"
    slow, fast = before.measures.latency_seconds, after.measures.latency_seconds
    return f"{fast / slow:.2f} times the time" if slow and fast else ""
