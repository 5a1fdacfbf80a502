"""The common filters of the page, and examples of all that its filter understands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from pytest_accelerate.matrix.layout import Layout
from pytest_accelerate.matrix.merge import Column, Matrix
from pytest_accelerate.matrix.news import Item
from pytest_accelerate.matrix.text import one_line
from pytest_accelerate.taxonomy import OTHER

_TASKS = 4
"""Tasks that have a chip: those with most model types."""


def common(
    matrix: Matrix, columns: Sequence[Column], layout: Layout, news: Sequence[Item]
) -> Iterator[tuple[str, str]]:
    """Labels and queries."""
    yield "all", ""
    if matrix.apis and matrix.models:
        yield "models", "is:model"
        yield "API providers", "is:api"
    yield "failing anywhere", "is:failing"
    if news:
        yield "changed", "is:changed"
    names = {column.name for column in columns}
    for column in columns:
        if column.name != "cpu-fp32" and "cpu-fp32" in names:
            yield f"{column.name} fails, cpu passes", f"{column.name}:failing and cpu-fp32:pass"
    for old, new in pairwise(columns):
        if new.edition and (old.hardware, old.precision) == (new.hardware, new.precision):
            yield f"{new.name} fails, {old.name} passes", f"{new.name}:failing and {old.name}:pass"
    for mode in matrix.modes:
        yield f"{mode} fails", f"{mode}:failing"
    if layout.is_grouped:
        for group in [group for group in layout.groups if group.task != OTHER][:_TASKS]:
            yield group.task.replace("-", " "), f"task:{group.task}"


def grammar(matrix: Matrix, columns: Sequence[Column]) -> Iterator[tuple[str, str]]:
    """Queries and what they find, for who asks how to filter."""
    yield "bert", "the name contains it"
    if columns:
        first, last = columns[0].name, columns[-1].name
        yield f"{last}:failing and {first}:pass", "verdicts of columns; a part of a verdict will do"
        yield f"{last}:!pass", "anything else than that"
        yield f"{last}:error,crash", "one of several"
        yield "task:asr or task:fill-mask", "tasks, also by their initials"
        yield "family:bert", "a model and its parts"
        yield "latency:>50ms", "figures of any column: latency, memory, error, tokens, ..."
        yield f"{last}.memory:<=100MiB", "figures of one column"
    for mode in matrix.modes[:1]:
        yield f"{mode}:failing", "operations by who answered"
        yield f"provider:{one_line(matrix.providers[0], 60)}", "the operations of a provider"
    yield 'cause:"no path"', "what the cause of a failure is called"
    yield "is:changed", "also regressed, fixed, newly-tested, new, vanished, slower, failing, part"
    yield "not (is:failing or is:part)", "and, or, not and brackets"
