"""Reading a result line of unknown origin: every field is of its type, or the line is refused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from pytest_accelerate.cells import (
    Cell,
    Measures,
    ModelCell,
    ProviderCell,
    Result,
    StageResult,
    cell_from_json,
)

_LARGEST = 2**63
_NUMBER = (int, float)
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "float": _NUMBER,
    "int | None": (int, type(None)),
    "float | None": (*_NUMBER, type(None)),
    "tuple[str, ...]": (tuple,),
}
"""What a field annotated so may hold once it is read from JSON."""


def _fields(record: type[Any]) -> tuple[tuple[str, tuple[type, ...]], ...]:
    return tuple(
        (spec.name, _KINDS[str(spec.type)])
        for spec in dataclasses.fields(record)
        if str(spec.type) in _KINDS
    )


_CHECKED: dict[type[Any], tuple[tuple[str, tuple[type, ...]], ...]] = {
    record: _fields(record) for record in (ModelCell, ProviderCell, StageResult, Measures, Result)
}


def read_result(line: Mapping[str, Any]) -> Result:
    """Read the result in a line of a results file.

    Raises:
        KeyError, ValueError, TypeError, AttributeError: if ``line`` is not such a line.
    """
    result = Result.from_json(line)
    for record in (result, result.cell, result.measures, *result.stages):
        for name, kinds in _CHECKED[type(record)]:
            _check(name, getattr(record, name), kinds)
    return result


def read_test(line: Mapping[str, Any]) -> tuple[Cell, StageResult]:
    """Read what a test of people's own says of a cell, in a line of a results file.

    Raises:
        KeyError, ValueError, TypeError, AttributeError: if ``line`` is not such a line.
    """
    cell, test = cell_from_json(line), StageResult.from_json(line["test"])
    for record in (cell, test):
        for name, kinds in _CHECKED[type(record)]:
            _check(name, getattr(record, name), kinds)
    return cell, test


def _check(name: str, value: Any, kinds: tuple[type, ...]) -> None:
    is_flag = isinstance(value, bool)  # and an int as well
    if not isinstance(value, kinds) or (is_flag and bool not in kinds):
        raise TypeError(f"{name} cannot be {value!r:.80}")
    if isinstance(value, tuple):
        for item in value:
            _check(name, item, (str,))
    elif isinstance(value, _NUMBER) and not (math.isfinite(value) and abs(value) < _LARGEST):
        raise ValueError(f"{name} cannot be {value!r:.80}")
