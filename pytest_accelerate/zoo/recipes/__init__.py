"""Recipes: what single model types and families need beyond the generic rules.

A recipe module is any module with a mapping ``RECIPES`` from model type to
:class:`~pytest_accelerate.zoo.recipe.Recipe`. Write one when ``construct`` or the forward pass
fails, and say no more than the rules get wrong::

    from pytest_accelerate.zoo import Recipe, feeds

    RECIPES = {
        # A config field that the rules shrink wrongly. Sub-configs nest.
        "zoedepth": Recipe(config={"backbone_config": {"num_hidden_layers": 4}}),
        # An input that no rule makes; the modality is recorded.
        "bros": Recipe(inputs={"bbox": feeds.uniform("boxes", 2, 12, 4)}),
        # A model that is called with state: the module that makes it and calls the model.
        "sam2_video": Recipe(around=Tracking, inputs={...}),
        # A part that runs within another type, a type that needs a package.
        "sam_prompt_encoder": Recipe(covered_by="sam", why="it has no forward pass of its own"),
        "dinat": Recipe(requires=("natten",), why="its attention is natten's", remedy="..."),
        # Several models as one, and a type of your own; transformers has neither.
        "vision-t5": Recipe(compose=lambda: VisionT5(config), inputs={...}),
        "mine": Recipe(build=lambda: (MyModel(), {"x": torch.ones(2, 3)})),
    }

The rest of what the rules do still holds: a recipe for inputs leaves the others to them. A
recipe's ``config`` also holds where the type is a part: one for ``clip_vision_model`` serves every
model with a CLIP tower. Modules of one's own are added by :func:`register`, and their recipes
replace the project's. Within the project, later modules add to earlier ones.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from functools import cache

from pytest_accelerate.errors import UsageError, in_one_line
from pytest_accelerate.zoo.recipe import Recipe

_OWN = tuple(
    f"{__name__}.{name}"
    for name in (
        "parts",
        "text",
        "vision",
        "pages",
        "audio",
        "codecs",
        "multimodal",
        "towers",
        "towers_of_timm",
        "timm_models",
        "documents",
        "timeseries",
        "compositions",
        "given_noise",
    )
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
    except Exception as error:  # whatever a module from outside does while it is imported
        raise UsageError(f"recipe module {name!r} cannot be used: {in_one_line(error)}") from error
    if not isinstance(recipes, Mapping):
        raise UsageError(f"recipe module {name!r}: RECIPES must map model types to Recipe")
    for model_type, recipe in recipes.items():
        if not isinstance(recipe, Recipe):
            raise UsageError(
                f"recipe module {name!r}: RECIPES[{model_type!r}] must be a Recipe, "
                f"not {type(recipe).__name__}"
            )
    return recipes
