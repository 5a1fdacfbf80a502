"""transformers' registry of model types, read from its source.

Importing ``configuration_auto`` takes 4 to 7 seconds, as it brings torch with it; parsing the two
files that hold the registry takes a tenth of a second.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from pytest_accelerate.errors import BrokenInstallation, MissingPackage

REGISTRY = "CONFIG_MAPPING_NAMES"
FILES = ("auto_mappings.py", "configuration_auto.py")
"""Since 5.x most names are generated into the first; the second adds those that follow no rule."""


def installed_model_types() -> frozenset[str]:
    """The keys of the installed transformers' config registry.

    Raises:
        MissingPackage: transformers is not installed.
        BrokenInstallation: its registry is not where any known release keeps it.
    """
    spec = importlib.util.find_spec("transformers")
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage("transformers", "torch")
    folder = Path(spec.submodule_search_locations[0], "models", "auto")
    return model_types_in(folder)


def model_types_in(folder: Path) -> frozenset[str]:
    """The registry's keys in a ``transformers/models/auto`` folder.

    Raises:
        BrokenInstallation: no file there has the registry.
    """
    names: set[str] = set()
    for path in (folder / name for name in FILES):
        if path.is_file():
            names.update(_keys(path))
    if not names:
        raise BrokenInstallation(
            f"no {REGISTRY} in {' or '.join(FILES)} of {folder}: this transformers is not known to "
            "pytest-accelerate; install a release between 5.23 and 6"
        )
    return frozenset(names)


def _keys(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise BrokenInstallation(
            f"{path} cannot be read: {error}; reinstall transformers"
        ) from error
    for statement in tree.body:
        value = _registered(statement)
        if value is not None:
            yield from _literal_keys(value)


def _registered(statement: ast.stmt) -> ast.expr | None:
    """What a statement puts into the registry: assigned to it, or given to its ``update``."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == REGISTRY:
            return value
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if name == REGISTRY:
            return value
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="update")) as call
        ) if name == REGISTRY:
            return call
    return None


def _literal_keys(value: ast.expr) -> Iterator[str]:
    """The keys of every dict literal and every (key, value) pair within."""
    for node in ast.walk(value):
        match node:
            case ast.Dict(keys=keys):
                for key in keys:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value
            case ast.Tuple(elts=[ast.Constant(value=str(key)), _]):
                yield key
