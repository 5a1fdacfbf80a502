"""Every model type is accounted for: it runs, another covers it, or it is skipped, and why."""

from __future__ import annotations

from importlib.util import find_spec

from pytest_accelerate.errors import UnknownModelType
from pytest_accelerate.zoo.classes import known_types
from pytest_accelerate.zoo.recipe import Recipe
from pytest_accelerate.zoo.recipes import recipe_for
from pytest_accelerate.zoo.specimen import Account, CoveredBy, Runs, Skipped


def account(model_type: str) -> Account:
    """What becomes of a model type, without building anything.

    Raises:
        UnknownModelType: neither transformers nor an outside recipe has it.
    """
    recipe = recipe_for(model_type)
    if model_type not in known_types() and not (recipe.build or recipe.compose):
        raise UnknownModelType(model_type, known_types())
    if recipe.covered_by:
        return _within(recipe.covered_by, recipe.why)
    missing = missing_packages(recipe)
    if missing:
        return Skipped(f"{recipe.why}: {', '.join(missing)} not installed. {recipe.remedy}")
    return Runs()


def _within(parent: str, why: str) -> Account:
    """A part is tested where its parent is, and nowhere else."""
    whole = account(parent)
    if isinstance(whole, Skipped):
        return Skipped(f"{why}; {parent}, within which it runs, is skipped: {whole.reason}")
    return CoveredBy(parent, why)


def missing_packages(recipe: Recipe) -> tuple[str, ...]:
    """The packages that ``recipe`` requires and that are not installed."""
    return tuple(name for name in recipe.requires if find_spec(name) is None)
