"""The zoo: a tiny real model of every model type, with inputs for every modality it takes."""

from __future__ import annotations

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.accounts import account
from pytest_accelerate.zoo.construct import construct
from pytest_accelerate.zoo.recipe import Feed, Recipe
from pytest_accelerate.zoo.recipes import register
from pytest_accelerate.zoo.specimen import Account, CoveredBy, Runs, Skipped, Specimen

__all__ = [
    "Account",
    "CoveredBy",
    "Feed",
    "Recipe",
    "Runs",
    "Skipped",
    "Specimen",
    "account",
    "construct",
    "feeds",
    "register",
]
