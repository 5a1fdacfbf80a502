"""Recipes: parts."""

from __future__ import annotations

from pytest_accelerate.zoo.recipe import Recipe

RECIPES: dict[str, Recipe] = {}
