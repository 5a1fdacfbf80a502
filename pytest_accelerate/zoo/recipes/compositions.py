"""Recipes of the compositions, the rows that are no type of transformers."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.recipe import Recipe


def _composition(name: str) -> Callable[[], torch.nn.Module]:
    """``compose`` of a module that is imported when the composition is made."""

    def compose() -> torch.nn.Module:
        module = importlib.import_module(f"pytest_accelerate.zoo.compositions.{name}")
        model: torch.nn.Module = module.compose()
        return model

    return compose


RECIPES: dict[str, Recipe] = {
    "blip-captioning": Recipe(compose=_composition("blip_captioning")),
    "stable-diffusion": Recipe(
        compose=_composition("stable_diffusion"),
        inputs={
            "input_ids": feeds.words(2, 12),
            "negative_ids": feeds.words(2, 12),
            "latents": feeds.normal("noise", 2, 4, 8, 8),
        },
        requires=("diffusers",),
        remedy="pip install 'pytest-accelerate[diffusers]'",
        why="its UNet and VAE are diffusers'",
    ),
    "vision-t5": Recipe(compose=_composition("vision_t5")),
    "whisper-large": Recipe(compose=_composition("whisper_large")),
}
