"""``discover``: bring the list of model types up to date, and say what came and went."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from pytest_accelerate.discovery import (
    LIST_NAME,
    ModelType,
    ModelTypeList,
    data_file,
    installed_names,
    read_list,
    row_of,
)
from pytest_accelerate.errors import UsageError


@dataclass(frozen=True)
class Discovery:
    """What the installed transformers changes in a list."""

    entries: tuple[ModelType, ...]
    appeared: tuple[str, ...]
    disappeared: tuple[ModelType, ...]
    """With the last release that had them, as far as the list knows where it came from."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(LIST_NAME),
        help="the list to bring up to date (default: %(default)s); made from the package's own "
        "where there is none",
    )


def run(args: argparse.Namespace) -> int:
    """Write the list where it changed, and print what appeared and disappeared."""
    known = read_list(args.output if args.output.exists() else data_file(LIST_NAME))
    version = metadata.version("transformers")
    found = discover(known, installed_names())
    for name in found.appeared:
        print(f"appeared: {name}")
    for entry in found.disappeared:
        print(f"disappeared: {entry.name} (last seen in transformers {entry.last_release})")
    text = dumps(ModelTypeList(found.entries, version))
    if args.output.exists() and args.output.read_text(encoding="utf-8") == text:
        print(f"{args.output}: {len(found.entries)} model types, up to date with {version}")
        return 0
    try:
        args.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {args.output}: {error.strerror or error}") from error
    print(f"{args.output}: {len(found.entries)} model types, written for transformers {version}")
    return 0


def discover(known: ModelTypeList, installed: Iterable[str]) -> Discovery:
    """Compare a list with the installed model types; no row ever goes."""
    installed = set(installed)
    listed = {entry.name: entry for entry in known.entries}
    entries, disappeared = [], []
    for name in sorted(listed.keys() | installed):
        entry = listed.get(name, ModelType(name))
        if name in installed:
            entry = row_of(name)
        elif entry.last_release is None:
            entry = replace(entry, last_release=known.transformers)
            disappeared.append(entry)
        entries.append(entry)
    return Discovery(tuple(entries), tuple(sorted(installed - listed.keys())), tuple(disappeared))


def dumps(content: ModelTypeList) -> str:
    """The list as JSON, one model type a line, so that a change reads well as a diff."""
    rows = ",\n".join(f"    {_row(entry)}" for entry in content.entries)
    source = json.dumps(content.transformers)
    return f'{{\n  "transformers": {source},\n  "model_types": [\n{rows}\n  ]\n}}\n'


def _row(entry: ModelType) -> str:
    if entry.last_release is None and not entry.note:
        return json.dumps(entry.name, ensure_ascii=False)
    row = {"model_type": entry.name, "last_release": entry.last_release, "note": entry.note}
    return json.dumps({key: value for key, value in row.items() if value}, ensure_ascii=False)
