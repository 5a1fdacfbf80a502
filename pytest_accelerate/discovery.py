"""The model types there are: those of the list, and those of the installed transformers."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pytest_accelerate.compositions import COMPOSITIONS
from pytest_accelerate.errors import MalformedFile, UnknownModelType, UsageError
from pytest_accelerate.json_lines import lines_of_entries
from pytest_accelerate.registry_source import installed_model_types

LIST_NAME = "huggingface_model_types.json"
CHECKPOINTS_NAME = "mapped_models.json"
_EXPECTED = 'expected a model type\'s name, or an object with "model_type"'


@dataclass(frozen=True, order=True)
class ModelType:
    """One row of the matrix."""

    name: str
    installed: bool = True
    """Whether the installed transformers has it."""
    last_release: str | None = None
    """The last release of transformers that had it, where the newest has not."""
    note: str = ""
    """What else is to be known of one that is not installed, or is a composition."""


@dataclass(frozen=True)
class ModelTypeList:
    """The content of a ``huggingface_model_types.json``."""

    entries: tuple[ModelType, ...]
    transformers: str | None = None
    """The release that the list was generated from."""


def data_file(name: str) -> Path:
    """A data file of the package: in the wheel, or at the root of a source checkout."""
    inside = Path(__file__).with_name(name)
    return inside if inside.exists() else Path(__file__).parent.parent / name


def model_types(path: Path | None = None) -> tuple[ModelType, ...]:
    """All model types, sorted by name: the list's, the installed transformers', and compositions.

    Args:
        path: the list to read; the package's own by default.

    Raises:
        MalformedFile: the list is not what it must be.
        MissingPackage: transformers is not installed.
    """
    listed = {entry.name: entry for entry in read_list(path or data_file(LIST_NAME)).entries}
    installed = frozenset(installed_names())
    return tuple(
        row_of(name)
        if name in installed
        else ModelType(name, False, listed[name].last_release, listed[name].note)
        for name in sorted(listed.keys() | installed)
    )


@cache
def installed_names() -> tuple[str, ...]:
    """The names of the installed transformers' model types and of the compositions, sorted."""
    return tuple(sorted(installed_model_types() | COMPOSITIONS.keys()))


def row_of(name: str) -> ModelType:
    """The row of a model type that is there; a composition's says what it is."""
    return ModelType(name, note=COMPOSITIONS.get(name, ""))


def read_list(path: Path) -> ModelTypeList:
    """Read a list of model types: names, or objects with ``model_type``.

    The top level is the list itself, or an object with the list as ``model_types`` and the release
    of transformers that it was generated from as ``transformers``.

    Raises:
        MalformedFile: with the line that is not what it must be.
    """
    text, data = _read_json(path)
    transformers = None
    if isinstance(data, dict):
        transformers = data.get("transformers")
        data = data.get("model_types")
    if not isinstance(data, list):
        raise MalformedFile(path, 1, 'expected a list, or an object with a list "model_types"')
    lines = lines_of_entries(text)
    entries: dict[str, ModelType] = {}
    for index, value in enumerate(data):
        line = lines[index] if index < len(lines) else None
        entry = _entry(path, line, value)
        if entry.name in entries:
            raise MalformedFile(path, line, f"{entry.name!r} stands in the list twice")
        entries[entry.name] = entry
    return ModelTypeList(tuple(entries.values()), transformers)


def _entry(path: Path, line: int | None, value: Any) -> ModelType:
    if isinstance(value, str) and value:
        return ModelType(value)
    if not isinstance(value, dict):
        raise MalformedFile(path, line, f"{_EXPECTED}, found {json.dumps(value)}")
    name, release = value.get("model_type"), value.get("last_release")
    if not isinstance(name, str) or not name:
        raise MalformedFile(path, line, f'{_EXPECTED}, found an object without "model_type"')
    if release is not None and not isinstance(release, str):
        raise MalformedFile(path, line, f'"last_release" of {name!r}: expected text like "4.57.0"')
    return ModelType(name, last_release=release, note=str(value.get("note", "")))


def select(types: Sequence[ModelType], patterns: Iterable[str]) -> tuple[ModelType, ...]:
    """The model types that any pattern names, in the order of ``types``.

    Args:
        types: to choose from.
        patterns: names, globs, comma lists of these, or ``@file`` with one a line.

    Raises:
        UnknownModelType: a pattern names none; the message names the nearest.
        UsageError: a file of patterns cannot be read.
    """
    names = [kind.name for kind in types]
    chosen: set[str] = set()
    for pattern in _expand(patterns):
        matches = fnmatch.filter(names, pattern) if _is_glob(pattern) else {pattern} & set(names)
        if not matches:
            raise UnknownModelType(pattern, names)
        chosen.update(matches)
    return tuple(kind for kind in types if kind.name in chosen)


def _expand(patterns: Iterable[str]) -> Iterable[str]:
    for pattern in patterns:
        if pattern.startswith("@"):
            yield from _lines_of(Path(pattern[1:]))
        else:
            yield from (part.strip() for part in pattern.split(",") if part.strip())


def _lines_of(path: Path) -> Iterable[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file of model types {path} cannot be read: {error}") from error
    for line in text.splitlines():
        pattern = line.split("#")[0].strip()
        if pattern:
            yield pattern


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


def checkpoints(root: Path | None = None) -> dict[str, str]:
    """The checkpoint of each model type that has one, from ``mapped_models.json``.

    Args:
        root: folder whose own file is read instead of the package's, where it has one.

    Raises:
        MalformedFile: the file is not an object of names.
    """
    own = root / CHECKPOINTS_NAME if root is not None else None
    path = own if own is not None and own.exists() else data_file(CHECKPOINTS_NAME)
    text, data = _read_json(path)
    if not isinstance(data, dict):
        raise MalformedFile(path, 1, 'expected an object: {"model type": "checkpoint", ...}')
    for line, (name, checkpoint) in zip(lines_of_entries(text), data.items(), strict=False):
        if not isinstance(checkpoint, str) or not checkpoint:
            raise MalformedFile(path, line, f"{name!r}: expected a Hub id or a folder as text")
    return data


def _read_json(path: Path) -> tuple[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedFile(path, None, f"cannot be read: {error}") from error
    try:
        return text, json.loads(text)
    except json.JSONDecodeError as error:
        raise MalformedFile(path, error.lineno, f"not JSON: {error.msg}") from error
    except RecursionError as error:
        raise MalformedFile(path, None, "not a list of model types: nested too deeply") from error
