"""Dataclasses as objects of JSON, short: what is at its default is not written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


def without_defaults(record: Any, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a dataclass that say more than nothing, and those to ``keep`` anyway."""
    line: dict[str, Any] = {}
    for spec in dataclasses.fields(record):
        value = getattr(record, spec.name)
        if spec.name in keep or value != spec.default:
            line[spec.name] = list(value) if isinstance(value, tuple) else value
    return line


def known_fields(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """What a dataclass has a field for: a newer minor version may have written more."""
    names = _NAMES.get(kind) or _NAMES.setdefault(
        kind, frozenset(spec.name for spec in dataclasses.fields(kind))
    )
    return {name: value for name, value in data.items() if name in names}


_NAMES: dict[type[Any], frozenset[str]] = {}
"""The fields of a record, found once: results are read by the million."""
