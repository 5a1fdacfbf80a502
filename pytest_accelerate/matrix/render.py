"""The page: one self-contained HTML file that opens from disk and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_accelerate.cells import Cell, ModelCell, Verdict
from pytest_accelerate.matrix import api_page, details, figures, squares
from pytest_accelerate.matrix.diff import Changes
from pytest_accelerate.matrix.merge import UNCOUNTED, Column, Matrix
from pytest_accelerate.matrix.squares import News
from pytest_accelerate.matrix.text import one_line

_PACKAGES_OF_MODELS = ("torch", "transformers", "openvino")
_PACKAGES_OF_APIS = ("httpx",)


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
    counts = f"--columns: {len(columns)}; --modes: {len(matrix.modes)};"
    style = f"{_asset('page.css')}:root {{ {counts} }}\n"
    script = _asset("page.js")
    changed = squares.news_of(changes)
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
        title=_title(matrix),
        versions=_versions(matrix),
        environments=[details.environment(run) for run in matrix.runs],
        cards=[*(_card(matrix, column) for column in matrix.columns), *api_page.cards(matrix)],
        with_models=bool(matrix.models) or not matrix.apis,
        columns=columns,
        rows=list(_rows(matrix, changed)),
        groups=list(api_page.groups(matrix, changed)),
        operations=len(matrix.operations),
        modes=matrix.modes,
        modes_in_words=api_page.PLAIN,
        news=news,
        since=since,
        chips=list(_chips(matrix, columns, news)),
        details=Markup(details.block(matrix)),  # base64
        symbols={str(verdict): symbol for verdict, symbol in figures.SYMBOLS.items()},
        uncounted=[str(verdict) for verdict in Verdict if verdict in UNCOUNTED],
    )


def _title(matrix: Matrix) -> str:
    if matrix.apis:
        return "Compatibility matrix" if matrix.models else "API provider matrix"
    return "Model compatibility matrix"


def _rows(
    matrix: Matrix, news: Mapping[Cell, News]
) -> Iterator[tuple[str, list[squares.Square | None]]]:
    for name in matrix.model_types:
        cells = (ModelCell(name, column.hardware, column.precision) for column in matrix.columns)
        yield one_line(name, details.NAME), [squares.square(matrix, cell, news) for cell in cells]


def _card(matrix: Matrix, column: Column) -> squares.Card:
    devices = {
        entry.result.measures.device
        for cell, entry in matrix.models.items()
        if (cell.hardware, cell.precision) == (column.hardware, column.precision)
    }
    shown = _shown(column)
    return squares.card(
        name=shown.name,
        title=shown.hardware,
        subtitle=shown.precision,
        passes="pass",
        tally=matrix.tally(column),
        note=", ".join(sorted(devices - {""})),
    )


def _shown(column: Column) -> Column:
    return Column(one_line(column.hardware, 60), one_line(column.precision, 60))


def _versions(matrix: Matrix) -> list[tuple[str, str]]:
    """What a reader asks first: the versions that the newest run had."""
    if matrix.newest is None:
        return []
    environment = matrix.newest.environment
    names = [
        *(_PACKAGES_OF_MODELS if matrix.models else ()),
        *(_PACKAGES_OF_APIS if matrix.apis else ()),
    ]
    named = [(name, environment.packages.get(name, "")) for name in names]
    return [
        (name, version) for name, version in [*named, ("Python", environment.python)] if version
    ]


def _chips(
    matrix: Matrix, columns: list[Column], news: list[tuple[str, int]]
) -> Iterator[tuple[str, str]]:
    """Labels and queries of the common filters."""
    yield "all", ""
    if matrix.apis and matrix.models:
        yield "models", "is:model"
        yield "API providers", "is:api"
    yield "failing anywhere", "is:failing"
    names = {column.name for column in columns}
    for column in columns:
        if column.name != "cpu-fp32" and "cpu-fp32" in names:
            yield f"{column.name} fails, cpu passes", f"{column.name}:failing cpu-fp32:pass"
    for mode in matrix.modes:
        yield f"{mode} fails", f"{mode}:failing"
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
