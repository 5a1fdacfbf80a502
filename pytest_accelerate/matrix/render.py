"""The page: one self-contained HTML file that opens from disk and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_accelerate.cells import ModelCell, Verdict
from pytest_accelerate.matrix import details, figures
from pytest_accelerate.matrix.diff import Changes
from pytest_accelerate.matrix.merge import UNCOUNTED, Column, Matrix, Tally
from pytest_accelerate.matrix.text import one_line, visible

_PACKAGES_IN_SHORT = ("torch", "transformers", "openvino")


@dataclass(frozen=True)
class _Square:
    """One cell of the table."""

    verdict: Verdict
    symbol: str
    figure: str
    news: str
    """``regressed``, ``fixed`` or ``changed``; empty for no news."""
    said: str
    """The news in words: ``was pass``, ``new``."""


@dataclass(frozen=True)
class _Segment:
    """One verdict in a column's bar and legend."""

    verdict: Verdict
    symbol: str
    count: int
    start: int
    """Cells left of it in the bar."""


@dataclass(frozen=True)
class _Card:
    """The totals of one column."""

    name: str
    hardware: str
    precision: str
    device: str
    tally: Tally
    segments: tuple[_Segment, ...]


def render(matrix: Matrix, changes: Changes | None = None, since: str = "") -> str:
    """Draw the matrix as an HTML page.

    Args:
        matrix: what to draw; the same matrix gives the same page.
        changes: what is not as it was, marked on the page; ``None`` when there is nothing before.
        since: what ``changes`` is compared with, in words.
    """
    environment = Environment(
        loader=PackageLoader("pytest_accelerate.matrix"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    columns = [_shown(column) for column in matrix.columns]
    # No style attributes: the policy allows this one style sheet alone.
    style = f"{_asset('page.css')}:root {{ --columns: {len(columns)}; }}\n"
    script = _asset("page.js")
    news = [(kind, len(each)) for kind, each in changes.kinds() if each] if changes else []
    return environment.get_template(
        "index.html.j2"
    ).render(
        style=Markup(style),  # ours, and hashed in the policy
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        newest=matrix.newest,
        when=matrix.newest.started.replace("T", " ")[:16] if matrix.newest else "",
        versions=_versions(matrix),
        environments=[details.environment(run) for run in matrix.runs],
        cards=[_card(matrix, column) for column in matrix.columns],
        columns=columns,
        rows=list(_rows(matrix, changes)),
        news=news,
        since=since,
        chips=list(_chips(columns, news)),
        details=Markup(details.block(matrix)),  # base64
        symbols={str(verdict): symbol for verdict, symbol in figures.SYMBOLS.items()},
        uncounted=[str(verdict) for verdict in Verdict if verdict in UNCOUNTED],
    )


def _rows(matrix: Matrix, changes: Changes | None) -> Iterator[tuple[str, list[_Square | None]]]:
    news = _news(changes)
    for name in matrix.model_types:
        squares: list[_Square | None] = []
        for column in matrix.columns:
            cell = ModelCell(name, column.hardware, column.precision)
            entry = matrix.entries.get(cell)
            if entry is None:
                squares.append(None)
                continue
            verdict = entry.result.verdict
            kind, said = news.get(cell, ("", ""))
            figure = figures.beside(entry.result)
            squares.append(_Square(verdict, figures.SYMBOLS[verdict], figure, kind, said))
        yield one_line(name, details.NAME), squares


def _news(changes: Changes | None) -> dict[ModelCell, tuple[str, str]]:
    """The kind of change of each changed cell, and the words for it."""
    news = {}
    for kind, each in changes.kinds() if changes else ():
        for change in each:
            old = change.old if kind in ("regressed", "fixed", "changed") else None
            news[change.cell] = kind, f"was {old.result.verdict}" if old else kind
    return news


def _card(matrix: Matrix, column: Column) -> _Card:
    tally = matrix.tally(column)
    segments, start = [], 0
    for verdict, count in tally.verdicts.items():
        segments.append(_Segment(verdict, figures.SYMBOLS[verdict], count, start))
        start += count
    devices = sorted(
        {
            entry.result.measures.device
            for cell, entry in matrix.entries.items()
            if (cell.hardware, cell.precision) == (column.hardware, column.precision)
        }
        - {""}
    )
    shown = _shown(column)
    return _Card(
        shown.name,
        shown.hardware,
        shown.precision,
        visible(", ".join(devices), details.NAME),
        tally,
        tuple(segments),
    )


def _shown(column: Column) -> Column:
    return Column(one_line(column.hardware, 60), one_line(column.precision, 60))


def _versions(matrix: Matrix) -> list[tuple[str, str]]:
    """What a reader asks first: the versions that the newest run had."""
    if matrix.newest is None:
        return []
    environment = matrix.newest.environment
    named = [(name, environment.packages.get(name, "")) for name in _PACKAGES_IN_SHORT]
    return [
        (name, version) for name, version in [*named, ("Python", environment.python)] if version
    ]


def _chips(columns: list[Column], news: list[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """Labels and queries of the common filters."""
    yield "all", ""
    yield "failing anywhere", "is:failing"
    names = {column.name for column in columns}
    for column in columns:
        if column.name != "cpu-fp32" and "cpu-fp32" in names:
            yield f"{column.name} fails, cpu passes", f"{column.name}:failing cpu-fp32:pass"
    if news:
        yield "changed", "is:news"


def _breakable(name: str) -> Markup:
    """A model type that a narrow window may break after an underscore."""
    return Markup.escape(name).replace("_", Markup("_<wbr>"))


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
