"""Further rows of a specimen: the same shapes with other values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_accelerate.zoo.build import quiet, seed_of
from pytest_accelerate.zoo.inputs import synthesise
from pytest_accelerate.zoo.recipes import recipe_for
from pytest_accelerate.zoo.rows import Rows
from pytest_accelerate.zoo.specimen import Specimen


def more_rows(specimen: Specimen, layout: Rows, count: int) -> list[dict[str, Any]]:
    """``count`` rows: the specimen's own, then rows whose values come from the seeds after its own.

    A type from outside makes its own inputs, so its rows come again; so do those of a type whose
    inputs take other shapes with another seed, and those of a trained model.
    """
    own = layout.split(specimen.inputs)
    rows, seed = list(own), 0
    while len(rows) < count:
        seed += 1
        other = _synthesised(specimen, seed)
        found = None if other is None else layout.further(specimen.inputs, other)
        rows += own if found is None else found
    return rows[:count]


def _synthesised(specimen: Specimen, further: int) -> Mapping[str, Any] | None:
    recipe = recipe_for(specimen.model_type)
    if recipe.build is not None or specimen.weights == "pretrained":
        return None
    with quiet():
        return synthesise(specimen.model, recipe, seed_of(specimen.model_type) + further).inputs
