"""Build a specimen: config, model, weights, inputs."""

from __future__ import annotations

import contextlib
import os
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from pytest_accelerate.errors import AccelerateError, NotConstructible, in_one_line
from pytest_accelerate.zoo.classes import model_class
from pytest_accelerate.zoo.configs import published_config, switch_off_caches, tiny_config
from pytest_accelerate.zoo.initialise import (
    marking_uninitialised,
    reinitialise,
    settle_norms,
)
from pytest_accelerate.zoo.inputs import synthesise
from pytest_accelerate.zoo.recipe import Recipe
from pytest_accelerate.zoo.specimen import Specimen

PARAMETER_BUDGET = 20_000_000
"""Most parameters of a tiny model; past it a recipe must shrink what the rules missed."""


def seed_of(model_type: str) -> int:
    """The seed of a model type's weights and inputs, the same in every process and machine."""
    return zlib.crc32(model_type.encode())


def build(model_type: str, recipe: Recipe, weights: str) -> Specimen:
    """Build ``model_type`` with random weights, at the size that ``weights`` names, and feed it.

    Raises:
        NotConstructible: one line with the type, the class, and what failed.
    """
    if recipe.build is not None:
        return _from_outside(model_type, recipe)
    if recipe.compose is not None and weights != "tiny":
        raise NotConstructible(
            f"{model_type} is a composition: there are tiny weights of it alone, not {weights!r}"
        )
    kind: Any = None if recipe.compose else model_class(model_type, recipe.model_class)
    step = "its config cannot be made"
    try:
        with quiet(), offline():
            if recipe.compose is not None:
                step = "it cannot be composed"
                model = drawn(model_type, recipe.compose)
            else:
                config = _config(model_type, recipe, weights)
                step = "it cannot be built"
                model = _random(model_type, kind, config, weights, recipe.attention or "eager")
            wrapped_class = ""
            if recipe.around is not None:
                wrapped_class = type(model).__name__
                model = recipe.around(model).eval()
            step = "its inputs cannot be made"
            fed = synthesise(model, recipe, seed_of(model_type))
            settle_norms(model, fed.inputs)
    except AccelerateError:
        raise
    except Exception as error:
        made = kind.__name__ if kind is not None else "a composition"
        raise NotConstructible(f"{model_type} ({made}): {step}: {in_one_line(error)}") from error
    return Specimen(
        model_type=model_type,
        model=model,
        inputs=fed.inputs,
        modalities=fed.modalities,
        unfed=fed.unfed,
        carriers=fed.carriers,
        unheard=recipe.unheard,
        weights=weights,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        wrapped_class=wrapped_class,
    )


def _from_outside(model_type: str, recipe: Recipe) -> Specimen:
    assert recipe.build is not None
    model, inputs = recipe.build()
    carriers: dict[str, tuple[str, ...]] = {}
    for name, feed in recipe.inputs.items():
        if feed.modality and name in inputs:
            carriers[feed.modality] = (*carriers.get(feed.modality, ()), name)
    return Specimen(
        model_type=model_type,
        model=model.eval().requires_grad_(False),
        inputs=inputs,
        modalities=tuple(sorted({feed.modality for feed in recipe.inputs.values()} - {""})),
        carriers=carriers,
        unheard=recipe.unheard,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def _config(model_type: str, recipe: Recipe, weights: str) -> Any:
    config = (
        tiny_config(model_type, recipe.config)
        if weights == "tiny"
        else published_config(model_type)
    )
    if recipe.adjust is not None:
        recipe.adjust(config)
    switch_off_caches(config)
    return config


def _random(
    model_type: str, kind: type[Any], config: Any, weights: str, attention: str
) -> torch.nn.Module:
    parameters = _count(kind, config)
    if weights == "tiny" and parameters > PARAMETER_BUDGET:
        raise NotConstructible(
            f"{model_type} ({kind.__name__}): {parameters:,} parameters after shrinking, over the "
            f"budget of {PARAMETER_BUDGET:,}: its recipe must shrink more"
        )
    if weights == "published":
        _refuse_if_too_large(model_type, kind, parameters)
    return drawn(
        model_type,
        lambda: kind._from_config(config, attn_implementation=attention, dtype=torch.float32),
    )


def drawn(model_type: str, make: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """What ``make`` makes, with weights from the type's seed."""
    with torch.random.fork_rng(devices=[]), marking_uninitialised():
        torch.manual_seed(seed_of(model_type))
        model = make()
    model.eval().requires_grad_(False)
    reinitialise(model, seed_of(model_type))
    return model


def _count(kind: type[Any], config: Any) -> int:
    """Parameters, counted without memory; 0 when the class cannot be built without."""
    try:
        with torch.device("meta"):
            model = kind._from_config(config, dtype=torch.float32)
    except Exception:
        # Whatever is wrong with it, the build that follows says so itself.
        return 0
    return sum(parameter.numel() for parameter in model.parameters())


def _refuse_if_too_large(model_type: str, kind: type[Any], parameters: int) -> None:
    needed = parameters * 4 * 5 // 4
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > free:
        raise NotConstructible(
            f"{model_type} ({kind.__name__}): {parameters:,} parameters need about "
            f"{needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free"
        )


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Keep the Hub out of what asked for no checkpoint; some configs look for files there."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence what transformers says about configs that nobody wrote; errors still raise."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
