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
    Stage,
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
    "tuple[float, ...]": (tuple,),
}
"""What a field annotated so may hold once it is read from JSON."""

_OF_NUMBERS = frozenset(
    spec.name for spec in dataclasses.fields(Measures) if str(spec.type) == "tuple[float, ...]"
)
"""The fields that hold several numbers, where others hold several texts."""


def _fields(record: type[Any]) -> dict[str, tuple[type, ...]]:
    return {
        spec.name: _KINDS[str(spec.type)]
        for spec in dataclasses.fields(record)
        if str(spec.type) in _KINDS
    }


_CHECKED: dict[type[Any], dict[str, tuple[type, ...]]] = {
    record: _fields(record) for record in (ModelCell, ProviderCell, StageResult, Measures, Result)
}


def read_result(line: Mapping[str, Any]) -> Result:
    """Read the result in a line of a results file.

    Raises:
        KeyError, ValueError, TypeError, AttributeError: if ``line`` is not such a line.
    """
    result = Result.from_json(line)
    _check(result, line)
    _check(result.cell, line)
    _check(result.measures, line.get("measures", {}))
    for stage, raw in zip(result.stages, line.get("stages", ()), strict=True):
        _check(stage, raw)
    return result


def read_test(line: Mapping[str, Any]) -> tuple[Cell, StageResult]:
    """Read what a test of people's own says of a cell, in a line of a results file.

    Raises:
        KeyError, ValueError, TypeError, AttributeError: if ``line`` is not such a line.
    """
    cell, test = cell_from_json(line), StageResult.from_json(line["test"])
    _check(cell, line)
    _check(test, line["test"])
    return cell, test


def _check(record: Any, raw: Mapping[str, Any]) -> None:
    """Check the fields that a line gives; the others have their defaults."""
    fields = _CHECKED[type(record)]
    for name in raw:
        kinds = fields.get(name)
        if kinds is not None:
            _check_value(name, getattr(record, name), kinds)


def _check_value(name: str, value: Any, kinds: tuple[type, ...]) -> None:
    # The exact types, as JSON has no others (a bool is no int here); a known stage is a str too.
    if type(value) not in kinds and not (isinstance(value, Stage) and str in kinds):
        raise TypeError(f"{name} cannot be {value!r:.80}")
    if isinstance(value, tuple):
        for item in value:
            _check_value(name, item, _NUMBER if name in _OF_NUMBERS else (str,))
    elif (isinstance(value, int) and not -_LARGEST < value < _LARGEST) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise ValueError(f"{name} cannot be {value!r:.80}")
