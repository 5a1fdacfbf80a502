"""The page: one self-contained HTML file that opens from disk and fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_accelerate.cells import Cell
from pytest_accelerate.errors import UnwritableMatrix
from pytest_accelerate.matrix import api_page, causes, chips, details, facts, figures, news, squares
from pytest_accelerate.matrix.blocks import pack
from pytest_accelerate.matrix.diff import Changes
from pytest_accelerate.matrix.history import RunNews
from pytest_accelerate.matrix.layout import Layout, Member
from pytest_accelerate.matrix.merge import Column, Matrix, Tally
from pytest_accelerate.matrix.past import Listed, Past
from pytest_accelerate.matrix.squares import News
from pytest_accelerate.matrix.text import one_line
from pytest_accelerate.taxonomy import Taxonomy

LARGEST = 5_000_000
"""Bytes that a page may have; one for 800 rows and 8 columns has less than 1.5 million."""

STYLES = ("page.css", "table.css", "drawer.css", "views.css", "print.css")
SCRIPTS = (
    "format.js",
    "query.js",
    "data.js",
    "table.js",
    "drawer.js",
    "charts.js",
    "benchmarks.js",
    "providers.js",
    "compare.js",
    "main.js",
)
"""In the order in which they stand in the page: each knows those before it."""

_PACKAGES_OF_MODELS = ("torch", "transformers", "openvino")
_PACKAGES_OF_APIS = ("httpx",)


@dataclass(frozen=True)
class Row:
    """One model type of the table."""

    name: str
    is_part: bool
    squares: tuple[squares.Square | None, ...]


@dataclass(frozen=True)
class Group:
    """The model types of one task."""

    task: str
    rows: tuple[Row, ...]
    tallies: tuple[Tally, ...]
    """Of each column."""


@dataclass(frozen=True)
class Failure:
    """One cell that does not pass."""

    name: str
    column: str
    verdict: str
    symbol: str
    link: str


@dataclass(frozen=True)
class Cluster:
    """The failures of one cause."""

    title: str
    sample: str
    """The reason of the first of them."""
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class RunLine:
    """One run in the list of all."""

    when: str
    link: str
    """Of its results file, beside the page."""
    cells: int
    passed: int
    partial: bool
    about: str
    versions: str
    comparison: str
    """Link to the view that compares it; empty where the page does not hold it."""


def render(
    matrix: Matrix,
    told: Sequence[RunNews] = (),
    past: Sequence[Past] = (),
    taxonomy: Taxonomy | None = None,
    runs: Sequence[Listed] = (),
    by: str = "",
) -> str:
    """Draw the matrix as an HTML page.

    Args:
        matrix: what to draw; the same matrix gives the same page.
        told: what the newest runs changed, marked on the page; nothing when none was before them.
        past: the newest runs, for the history of each cell and to compare any two.
        taxonomy: the tasks and families of model types; without one they are not grouped.
        runs: all runs, which are listed with links to their files beside the page.
        by: the package whose releases are columns, if any.

    Raises:
        UnwritableMatrix: the page would be larger than :data:`LARGEST`.
    """
    layout = Layout(matrix, taxonomy or Taxonomy())
    columns = [_shown(column) for column in matrix.columns]
    # No style attributes: the policy allows this one style sheet alone.
    counts = f"--columns: {len(columns)}; --modes: {len(matrix.modes)};"
    style = f"{''.join(map(_asset, STYLES))}:root {{ {counts} }}\n"
    script = '"use strict";\n' + "".join(map(_asset, SCRIPTS))
    changes = sum((each.changes for each in told), Changes())
    changed = squares.news_of(changes)
    strip = list(news.items(changes))
    clusters = list(_clusters(matrix))
    page = _environment().get_template("index.html.j2").render(
        style=Markup(style),  # ours, and hashed in the policy
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        newest=matrix.newest,
        when=matrix.newest.when if matrix.newest else "",
        runs=[_line(each, past) for each in runs],
        by=one_line(by, 60),
        title=_title(matrix),
        versions=[pair for pair in _versions(matrix) if pair[0] != by],
        environments=[details.environment(run) for run in matrix.runs],
        cards=[*(_card(matrix, column) for column in matrix.columns), *api_page.cards(matrix)],
        with_models=bool(matrix.models) or not matrix.apis,
        types=len(layout.names),
        columns=columns,
        is_grouped=layout.is_grouped,
        groups=list(_groups(layout, changed)),
        providers=list(api_page.groups(matrix, changed)),
        operations=len(matrix.operations),
        modes=matrix.modes,
        modes_in_words=api_page.PLAIN,
        news=strip,
        since=told[0].since if len(told) == 1 else "",
        compared=[news.compared(each, alone=len(told) == 1) for each in told],
        chips=list(chips.common(matrix, columns, layout, strip)),
        grammar=list(chips.grammar(matrix, columns)),
        clusters=clusters,
        failures=sum(len(cluster.failures) for cluster in clusters),
        facts=Markup(pack(facts.facts(layout, changed, past))),  # base64
        details=Markup(details.block(layout)),
    )  # fmt: skip
    size = len(page.encode("utf-8"))
    if size > LARGEST:
        raise UnwritableMatrix(
            f"the page of {len(matrix.entries):,} cells would have {size:,} bytes, more than the "
            f"{LARGEST:,} that a browser opens at once; spread the columns over several matrix "
            "folders with --matrix-dir"
        )
    return page


def _line(listed: Listed, past: Sequence[Past]) -> RunLine:
    run = listed.run
    hardware = run.options.get("hardware")
    names = [str(name) for name in hardware] if isinstance(hardware, list) else []
    versions = run.environment.versions(facts.TOLD)
    is_held = any(each.run == run for each in past[1:])
    return RunLine(
        when=run.when,
        link=f"results/{quote(listed.file)}",
        cells=listed.cells,
        passed=listed.passed,
        partial=listed.partial,
        about=one_line(", ".join(names) or "API providers", 120),
        versions=one_line(", ".join(" ".join(each) for each in versions), 200),
        comparison=f"#view=compare&old={quote(run.id)}" if is_held else "",
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_accelerate.matrix"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment


def _title(matrix: Matrix) -> str:
    if matrix.apis:
        return "Compatibility matrix" if matrix.models else "API provider matrix"
    return "Model compatibility matrix"


def _groups(layout: Layout, changed: Mapping[Cell, News]) -> Iterator[Group]:
    for group in layout.groups:
        rows = tuple(_row(layout.matrix, member, changed) for member in group.members)
        yield Group(group.task, rows, tuple(layout.tallies(group)))


def _row(matrix: Matrix, member: Member, changed: Mapping[Cell, News]) -> Row:
    cells = (column.cell(member.name) for column in matrix.columns)
    return Row(
        one_line(member.name, details.NAME),
        member.is_part,
        tuple(squares.square(matrix, cell, changed) for cell in cells),
    )


def _clusters(matrix: Matrix) -> Iterator[Cluster]:
    for title, cells in causes.clusters(matrix).items():
        reason = matrix.entries[cells[0]].result.reason if cells else ""
        yield Cluster(title, one_line(reason), tuple(_failure(matrix, cell) for cell in cells))


def _failure(matrix: Matrix, cell: Cell) -> Failure:
    verdict = matrix.entries[cell].result.verdict
    row, column = squares.place(cell)
    return Failure(
        one_line(" · ".join(row), details.NAME),
        one_line(column, 60),
        verdict,
        figures.SYMBOLS[verdict],
        news.link_to(squares.address(cell)),
    )


def _card(matrix: Matrix, column: Column) -> squares.Card:
    devices = {
        entry.result.measures.device
        for cell, entry in matrix.models.items()
        if Column.of(cell) == column
    }
    shown = _shown(column)
    return squares.card(
        name=shown.name,
        title=shown.hardware,
        subtitle=f"{shown.precision} {shown.edition}".rstrip(),
        passes="pass",
        tally=matrix.tally(column),
        note=", ".join(sorted(devices - {""})),
    )


def _shown(column: Column) -> Column:
    names = (column.hardware, column.precision, column.edition)
    return Column(*(one_line(name, 60) for name in names))


def _versions(matrix: Matrix) -> list[tuple[str, str]]:
    """What a reader asks first: the versions that the newest run had."""
    if matrix.newest is None:
        return []
    environment = matrix.newest.environment
    names = [
        *(_PACKAGES_OF_MODELS if matrix.models else ()),
        *(_PACKAGES_OF_APIS if matrix.apis else ()),
    ]
    python = [("Python", environment.python)] if environment.python else []
    return [*environment.versions(names), *python]


def _breakable(name: str) -> Markup:
    """A model type that a narrow window may break after an underscore."""
    return Markup.escape(name).replace("_", Markup("_<wbr>"))


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
