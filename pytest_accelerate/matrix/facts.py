"""What the page's script knows of all cells at once: to search, sort, compare and draw them.

Cells are counted row by row. A verdict is one letter, so a whole run is one short text.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.cells import Cell, Measures, Verdict
from pytest_accelerate.matrix import api_page, causes, details, figures
from pytest_accelerate.matrix.layout import Layout
from pytest_accelerate.matrix.merge import UNCOUNTED, Column
from pytest_accelerate.matrix.news import word
from pytest_accelerate.matrix.past import Past, newest_first
from pytest_accelerate.matrix.squares import News
from pytest_accelerate.matrix.text import one_line

LETTERS = dict(zip(Verdict, string.ascii_lowercase, strict=False))
NOTHING = "."
"""In place of a letter where there is no result."""

TOLD = ("torch", "transformers", "openvino", "httpx")
"""Packages whose versions a run is told apart by."""


@dataclass(frozen=True)
class Measure:
    """A figure that cells can be shown, searched and sorted by."""

    key: str
    """As the search knows it."""
    label: str
    unit: str
    """``s``, ``B``, or empty for a mere number."""
    read: Callable[[Measures], float | None]
    more_is_better: bool | None = False
    """``None`` where it is neither good nor bad."""


MEASURES: tuple[Measure, ...] = (
    Measure("latency", "latency", "s", lambda m: m.latency_seconds),
    Measure("p90", "latency, nine of ten", "s", lambda m: m.latency_p90_seconds),
    Measure("error", "relative error", "", lambda m: m.max_relative_error),
    Measure("memory", "peak memory", "B", lambda m: m.peak_memory_bytes),
    Measure("device-memory", "device memory", "B", lambda m: m.device_memory_bytes),
    Measure("tokens", "tokens a second", "", lambda m: m.tokens_per_second, True),
    Measure("items", "items a second", "", lambda m: m.items_per_second, True),
    Measure("generated", "generated a second", "", lambda m: m.generated_tokens_per_second, True),
    Measure("batch-error", "error in a batch", "", lambda m: m.batch_relative_error),
    Measure("quantized", "share quantized", "", lambda m: m.quantized_share, None),
    Measure("parameters", "parameters", "", lambda m: m.parameters, None),
    Measure("time", "time of the cell", "s", lambda m: m.cell_seconds),
)


def facts(layout: Layout, news: Mapping[Cell, News], past: Sequence[Past]) -> dict[str, Any]:
    """The facts of both tables, and of the runs before."""
    matrix = layout.matrix
    known = {cell: causes.cause(entry.result) for cell, entry in matrix.entries.items()}
    names = sorted({*known.values(), causes.UNCLASSIFIED} - {""})
    models, apis = list(layout.model_cells()), list(layout.api_cells())
    kinds = [
        {
            "kind": "model",
            "columns": [_column(column) for column in matrix.columns],
            "rows": [one_line(name, details.NAME) for name in layout.names],
            "families": [
                one_line(layout.taxonomy.family(name), details.NAME) for name in layout.names
            ],
            "tasks": [
                list(dict.fromkeys((layout.taxonomy.task(name), *layout.taxonomy.tasks(name))))
                for name in layout.names
            ],
            **_cells(layout, models, news, known, names),
        },
        {
            "kind": "api",
            "columns": [
                {"name": mode, "keys": [mode], "said": f"{mode}: {api_page.PLAIN[mode]}"}
                for mode in matrix.modes
            ],
            "rows": [one_line(row.id, details.NAME) for row in matrix.operations],
            "providers": [one_line(row.provider, details.NAME) for row in matrix.operations],
            "operations": [one_line(row.name, details.NAME) for row in matrix.operations],
            **_cells(layout, apis, news, known, names),
        },
    ]
    return {
        "words": list(Verdict),
        "letters": "".join(LETTERS[verdict] for verdict in Verdict),
        "symbols": [figures.SYMBOLS[verdict] for verdict in Verdict],
        "uncounted": sorted(UNCOUNTED),
        "modes": api_page.PLAIN,
        "measures": [
            {"key": m.key, "label": m.label, "unit": m.unit, "up": m.more_is_better}
            for m in MEASURES
        ],
        "causes": names,
        "tables": [kind for kind in kinds if kind["rows"]],
        "runs": [_run(each, newest_first(past), [models, apis]) for each in newest_first(past)],
    }


def _column(column: Column) -> dict[str, Any]:
    words = [one_line(each, 60) for each in (column.hardware, column.precision, column.edition)]
    name = one_line(column.name, 120)
    keys = [*words[:2], "-".join(words[:2]), *words[2].split()[-1:], name]
    return {"name": name, "keys": keys, "said": " · ".join(filter(None, words))}


def _cells(
    layout: Layout,
    rows: list[list[Cell]],
    news: Mapping[Cell, News],
    known: Mapping[Cell, str],
    names: Sequence[str],
) -> dict[str, Any]:
    entries = layout.matrix.entries
    cells = [cell for row in rows for cell in row]
    numbers = {why: number for number, why in enumerate(names)}
    measured = [entries[cell].result.measures if cell in entries else None for cell in cells]
    return {
        "verdicts": "".join(
            LETTERS[entries[cell].result.verdict] if cell in entries else NOTHING for cell in cells
        ),
        "news": {index: word(news[cell].kind) for index, cell in enumerate(cells) if cell in news},
        "cause": {
            index: numbers[known[cell]] for index, cell in enumerate(cells) if known.get(cell)
        },
        "hints": "".join("1" if m and m.latency_is_hint else "0" for m in measured),
        "measures": {
            measure.key: values
            for measure in MEASURES
            if any(values := _rounded(measure.read(m) if m else None for m in measured))
        },
    }


def _run(past: Past, all_past: Sequence[Past], tables: list[list[list[Cell]]]) -> dict[str, Any]:
    run = past.run
    environment = run.environment
    packages = [" ".join(each) for each in environment.versions(TOLD)]
    verdicts, latencies, beyond = [], [], []
    for rows in tables:
        cells = [cell for row in rows for cell in row]
        if not cells:
            continue
        said = [past.cells.get(cell) for cell in cells]
        beyond.append(_beyond(past, all_past, cells))
        verdicts.append("".join(LETTERS[each.verdict] if each else NOTHING for each in said))
        seconds = _rounded(each.latency_seconds if each else None for each in said)
        latencies.append(seconds if any(seconds) else [])
    return {
        "id": run.id,
        "when": run.when,
        "partial": past.partial,
        "packages": one_line(", ".join(packages), 300),
        "weights": one_line(str(run.options.get("weights", "")), 60),
        "machine": one_line(f"{environment.platform}, {environment.cpu}, {environment.cores}", 300),
        "verdicts": verdicts,
        "latency": latencies,
        "beyond": beyond,
    }


def _beyond(past: Past, all_past: Sequence[Past], cells: Sequence[Cell]) -> dict[int, list[int]]:
    """Of each cell that fails the runs that passed it, and did not run the stages that fail."""
    found: dict[int, list[int]] = {}
    for index, cell in enumerate(cells):
        said = past.cells.get(cell)
        if said is None or not said.failed:
            continue
        then = [each.cells.get(cell) for each in all_past]
        runs = [
            number
            for number, other in enumerate(then)
            if other and other.verdict is Verdict.PASS and said.fails_only_beyond(other)
        ]
        if runs:
            found[index] = runs
    return found


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    """To three digits that count; more would be noise, and half of the page."""
    return [None if value is None else _short(float(f"{value:.3g}")) for value in values]


def _short(value: float) -> float:
    return int(value) if value.is_integer() else value
