"""What the page shows of one cell when it is opened, for all cells in one compressed block."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

from pytest_accelerate.cells import Cell, Measures
from pytest_accelerate.matrix import figures
from pytest_accelerate.matrix.blocks import pack
from pytest_accelerate.matrix.layout import Layout
from pytest_accelerate.matrix.merge import Entry, Matrix
from pytest_accelerate.matrix.store import Run
from pytest_accelerate.matrix.text import visible

NAME, REASON, TRACEBACK = 200, 2_000, 16_000
"""Characters shown at most."""


def block(layout: Layout) -> str:
    """The details of all cells, packed."""
    matrix = layout.matrix
    runs = {run.id: index for index, run in enumerate(matrix.runs)}
    return pack(
        {
            "runs": [environment(run) for run in matrix.runs],
            "rows": [[_cell(matrix, cell, runs) for cell in row] for row in layout.model_cells()],
            "apis": [[_cell(matrix, cell, runs) for cell in row] for row in layout.api_cells()],
        }
    )


def command(entry: Entry) -> str:
    """The shell command that runs this cell alone again."""
    result, weights = entry.result, entry.run.options.get("weights")
    if isinstance(weights, str) and not result.measures.weights:
        result = replace(result, measures=replace(result.measures, weights=weights))
    return visible(result.command, 2 * NAME)


def environment(run: Run) -> list[tuple[str, str]]:
    """A run's environment as labels and values."""
    env = run.environment
    memory = figures.size(env.memory_bytes) if env.memory_bytes else ""
    pairs = [
        ("run", run.id),
        ("started", run.started.replace("T", " ").replace("Z", " UTC")),
        ("platform", env.platform),
        ("cpu", f"{env.cpu}, {env.cores} cores"),
        ("memory", memory),
        ("python", env.python),
        *sorted(env.packages.items()),
        *((name, _option(value)) for name, value in sorted(run.options.items())),
    ]
    return [(visible(label, NAME), visible(value, NAME)) for label, value in pairs if value]


def _spread(measures: Measures) -> str:
    """The deciles of the latency, one letter each: by how many steps of 5 % it is above the last.

    6,400 cells take 60 kB of the page so, and 140 as percent of the median.
    """
    deciles = measures.latency_deciles
    if len(deciles) != 11 or deciles[0] <= 0:
        return ""
    steps = [round(math.log(each / deciles[0], 1.05)) for each in deciles]
    return "".join(chr(ord("0") + max(0, min(to - of, 200))) for of, to in pairwise(steps))


def _option(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _cell(matrix: Matrix, cell: Cell, runs: dict[str, int]) -> dict[str, Any] | None:
    entry = matrix.entries.get(cell)
    if entry is None:
        return None
    result = entry.result
    return {
        "reason": visible(result.reason, REASON),
        "stages": [
            [visible(stage.stage, NAME), stage.verdict, float(f"{stage.seconds:.3g}"),
             visible(stage.reason, REASON)]
            for stage in result.stages
        ],
        "measures": [
            [title, [[label, visible(figure, REASON)] for label, figure in pairs]]
            for title, pairs in figures.measures(result)
        ],
        "spread": _spread(result.measures),
        "traceback": visible(
            "\n".join(stage.traceback for stage in result.stages if stage.traceback), TRACEBACK
        ),
        "command": command(entry),
        "run": runs[entry.run.id],
    }  # fmt: skip
