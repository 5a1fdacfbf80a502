"""Recipes: what single model types and families need beyond the generic rules.

A recipe module is any module with a mapping ``RECIPES`` from model type to
:class:`~pytest_accelerate.zoo.recipe.Recipe`. See :func:`recipe_for` for the order.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from functools import cache

from pytest_accelerate.errors import UsageError
from pytest_accelerate.zoo.recipe import Recipe

_OWN = tuple(
    f"{__name__}.{name}"
    for name in ("parts", "text", "vision", "audio", "multimodal", "timeseries")
)
_outside: dict[str, Mapping[str, Recipe]] = {}


def register(modules: Iterable[str]) -> None:
    """Add recipe modules from outside, by dotted name; the last one registered wins.

    Raises:
        UsageError: a module cannot be imported, or its ``RECIPES`` is not what it must be.
    """
    for name in modules:
        _outside.pop(name, None)
        _outside[name] = _load(name)


def recipe_for(model_type: str) -> Recipe:
    """The recipe of a model type; an empty one when the generic rules are enough."""
    for recipes in reversed(_outside.values()):
        if model_type in recipes:
            return recipes[model_type]
    return _own().get(model_type, Recipe())


@cache
def _own() -> Mapping[str, Recipe]:
    recipes: dict[str, Recipe] = {}
    for name in _OWN:
        for model_type, recipe in _load(name).items():
            recipes[model_type] = recipe.over(recipes.get(model_type, Recipe()))
    return recipes


def _load(name: str) -> Mapping[str, Recipe]:
    try:
        recipes = importlib.import_module(name).RECIPES
    except (ImportError, AttributeError, TypeError) as error:
        raise UsageError(f"recipe module {name!r} cannot be used: {error}") from error
    if not isinstance(recipes, Mapping):
        raise UsageError(f"recipe module {name!r}: RECIPES must map model types to Recipe")
    for model_type, recipe in recipes.items():
        if not isinstance(recipe, Recipe):
            raise UsageError(
                f"recipe module {name!r}: RECIPES[{model_type!r}] must be a Recipe, "
                f"not {type(recipe).__name__}"
            )
    return recipes
