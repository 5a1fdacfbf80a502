"""Why cells do not pass: failures of the same cause belong together.

The rules are data, in ``causes.toml``, and their order matters: the first that fits decides.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from pytest_accelerate.cells import Cell, Result, Verdict
from pytest_accelerate.matrix.merge import UNCOUNTED, Matrix
from pytest_accelerate.matrix.text import one_line

UNCLASSIFIED = "unclassified"
"""The cause of what no rule fits."""

_SEARCHED = 4_000
"""Characters of a reason that are searched."""


@dataclass(frozen=True)
class Rule:
    """One kind of cause."""

    title: str
    """What it is called; ``{name}`` is what the pattern captures by that name."""
    pattern: re.Pattern[str]
    verdicts: frozenset[Verdict]
    """The verdicts it is about; empty for all."""

    def explain(self, result: Result) -> str | None:
        """The cause of a result, where this rule fits it."""
        if self.verdicts and result.verdict not in self.verdicts:
            return None
        found = self.pattern.search(result.reason[:_SEARCHED])
        return None if found is None else self.title.format(**found.groupdict())


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of the package, in their order."""
    text = resources.files(__package__).joinpath("causes.toml").read_text(encoding="utf-8")
    return tuple(
        Rule(
            each["title"],
            re.compile(each["pattern"]),
            frozenset(map(Verdict, each.get("verdicts", ()))),
        )
        for each in tomllib.loads(text)["cause"]
    )


def cause(result: Result) -> str:
    """Why a cell does not pass; empty where it passes, or nothing is known of it."""
    if result.verdict is Verdict.PASS or result.verdict in UNCOUNTED:
        return ""
    explained = (rule.explain(result) for rule in rules())
    return one_line(next(filter(None, explained), UNCLASSIFIED), 120)


def clusters(matrix: Matrix) -> Mapping[str, tuple[Cell, ...]]:
    """The cells of each cause: the largest cluster first, what is not classified at the end.

    ``unclassified`` is always there, also with no cell.
    """
    found: dict[str, list[Cell]] = {}
    for cell, entry in matrix.entries.items():
        if why := cause(entry.result):
            found.setdefault(why, []).append(cell)
    unclassified = found.pop(UNCLASSIFIED, [])
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return {why: tuple(cells) for why, cells in (*ordered, (UNCLASSIFIED, unclassified))}
