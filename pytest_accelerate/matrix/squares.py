"""What both tables of the page are made of: squares with their news, and cards with totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_accelerate.cells import Cell, ModelCell, ProviderCell, Result, Verdict
from pytest_accelerate.matrix import details, figures
from pytest_accelerate.matrix.diff import Changes
from pytest_accelerate.matrix.merge import Column, Matrix, Tally
from pytest_accelerate.matrix.text import one_line, visible


@dataclass(frozen=True)
class News:
    """What is not as it was of one cell."""

    kind: str = ""
    """``regressed``, ``fixed``, ``changed``, ...; empty for no news."""
    said: str = ""
    """The news in words: ``was pass``, ``new``."""


@dataclass(frozen=True)
class Mark:
    """One stage of a square."""

    verdict: Verdict
    symbol: str
    said: str
    """Such as ``retry: error``."""


@dataclass(frozen=True)
class Square:
    """One cell of a table."""

    verdict: Verdict
    symbol: str
    mode: str
    """``mock``, ``server`` or ``live``; empty for a model, which is always real."""
    figure: str
    news: News
    marks: tuple[Mark, ...]
    """The stages of a provider's operation; none for a model, whose funnel its verdict tells."""


@dataclass(frozen=True)
class Segment:
    """One verdict in a card's bar and legend."""

    verdict: Verdict
    symbol: str
    count: int
    start: int
    """Cells left of it in the bar."""


@dataclass(frozen=True)
class Card:
    """The totals of one column."""

    name: str
    """As the filter knows the column."""
    title: str
    subtitle: str
    passes: str
    """What a pass is called here."""
    tally: Tally
    segments: tuple[Segment, ...]
    note: str


_TOLD_BY_VERDICT = ("regressed", "fixed", "newly_tested", "changed")
"""The news that are told by what a cell was before."""


def news_of(changes: Changes) -> dict[Cell, News]:
    """The news of each changed cell."""
    news: dict[Cell, News] = {}
    for kind, each in changes.kinds():
        for change in each:
            old = change.old if kind in _TOLD_BY_VERDICT else None
            news[change.cell] = News(kind, f"was {old.result.verdict}" if old else kind)
    return news


def square(matrix: Matrix, cell: Cell, news: Mapping[Cell, News]) -> Square | None:
    """The square of a cell; ``None`` where it has no result."""
    entry = matrix.entries.get(cell)
    if entry is None:
        return None
    result = entry.result
    mode = cell.mode if isinstance(cell, ProviderCell) else ""
    return Square(
        verdict=result.verdict,
        symbol=figures.SYMBOLS[result.verdict],
        mode=mode,
        figure=figures.beside(result),
        news=news.get(cell, News()),
        marks=_marks(result) if mode else (),
    )


def card(name: str, title: str, subtitle: str, passes: str, tally: Tally, note: str) -> Card:
    """A card with its bar."""
    segments, start = [], 0
    for verdict, count in tally.verdicts.items():
        segments.append(Segment(verdict, figures.SYMBOLS[verdict], count, start))
        start += count
    shown = visible(note, 3 * details.NAME)
    return Card(name, title, subtitle, passes, tally, tuple(segments), shown)


def place(cell: Cell) -> tuple[tuple[str, ...], str]:
    """Row and column of a cell; an operation's row has two names: ``("openai", "chat")``."""
    if isinstance(cell, ModelCell):
        return (cell.model_type,), Column.of(cell).name
    return (cell.provider, cell.operation), cell.mode


def address(cell: Cell) -> str:
    """A cell's id as the page shows and links it: ``bert-openvino-fp32``, ``openai-chat-mock``."""
    if isinstance(cell, ModelCell):
        return f"{one_line(cell.model_type, details.NAME)}-{one_line(Column.of(cell).name, 120)}"
    return f"{one_line(f'{cell.provider}-{cell.operation}', details.NAME)}-{cell.mode}"


def _marks(result: Result) -> tuple[Mark, ...]:
    return tuple(
        Mark(stage.verdict, figures.SYMBOLS[stage.verdict], f"{stage.stage}: {stage.verdict}")
        for stage in result.stages
    )
