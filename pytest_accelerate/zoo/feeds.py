"""Ready-made feeds, to write recipes with: ``"bbox": feeds.boxes(12)``."""

from __future__ import annotations

import copy
from importlib.util import find_spec
from typing import Any

import torch

from pytest_accelerate.zoo.inputs.base import BATCH, PADDING
from pytest_accelerate.zoo.recipe import Feed

NOTHING = Feed(lambda feeding: None)
"""What a prompt leaves out of the inputs of a forward pass."""


def normal(modality: str, *shape: int, scale: float = 1.0) -> Feed:
    """Normal fp32 values of ``shape``, of mean 0 and standard deviation ``scale``."""
    return Feed(lambda feeding: scale * feeding.normal(*shape), modality)


def uniform(modality: str, *shape: int) -> Feed:
    """Uniform fp32 values in [0, 1) of ``shape``."""
    return Feed(lambda feeding: torch.rand(shape, generator=feeding.generator), modality)


def integers(modality: str, low: int, high: int, *shape: int) -> Feed:
    """Uniform int64 values in [low, high) of ``shape``."""
    return Feed(lambda feeding: feeding.integers(low, high, *shape), modality)


def ones(*shape: int, dtype: torch.dtype = torch.int64) -> Feed:
    """Ones of ``shape``, for masks of what has no padding."""
    return Feed(lambda feeding: torch.ones(shape, dtype=dtype))


def mask(length: int, padding: int = PADDING, batch: int = BATCH, boolean: bool = False) -> Feed:
    """Ones of shape (batch, length), with ``padding`` zeros at the end of the last row."""
    return Feed(
        lambda feeding: (
            feeding.mask(length, padding, batch).bool()
            if boolean
            else feeding.mask(length, padding, batch)
        )
    )


def constant(value: Any, modality: str = "") -> Feed:
    """``value`` itself; a nested list of numbers becomes a tensor."""
    if isinstance(value, list):
        return Feed(lambda feeding: torch.tensor(value), modality)
    return Feed(lambda feeding: value, modality)


def sequence(*values: Any) -> Feed:
    """A plain list, for sizes and counts that a model takes as numbers rather than a tensor."""
    return Feed(lambda feeding: copy.deepcopy(list(values)))


def boxes(count: int, high: int = 64, batch: int = BATCH, dtype: torch.dtype = torch.int64) -> Feed:
    """Boxes (batch, count, 4) as (left, top, right, bottom) with left < right < ``high``."""

    def make(feeding: Any) -> torch.Tensor:
        low = feeding.integers(0, high // 2, batch, count, 2)
        size = feeding.integers(1, high // 2, batch, count, 2)
        return torch.cat([low, low + size], dim=-1).to(dtype)

    return Feed(make, "boxes")


def filling(feed: Feed, **tokens: tuple[int, int]) -> Feed:
    """``feed``, which fills so many tokens of each row of the text, as in ``audio=(3, 2)``.

    For a number that the model has no ``get_audio_features`` or its like to tell.
    """

    def make(feeding: Any) -> Any:
        feeding.placeholders.update({name: list(counts) for name, counts in tokens.items()})
        return feed.make(feeding)

    return Feed(make, feed.modality)


def with_package(name: str, feed: Feed) -> Feed:
    """``feed`` where the package is installed that the model takes it by; else it goes unfed."""
    return Feed(lambda feeding: feed.make(feeding) if find_spec(name) else None, feed.modality)


def words(*shape: int, vocabulary: int | None = None, modality: str = "text") -> Feed:
    """Ordinary token ids of ``shape``."""

    def make(feeding: Any) -> torch.Tensor:
        from pytest_accelerate.zoo.inputs import text

        return text.words(feeding, *shape, vocabulary=vocabulary)

    return Feed(make, modality)
