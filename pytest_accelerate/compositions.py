"""Rows of the matrix that are no type of transformers.

They are models put together from several, and forms of a type that its base model does not have.
Here are their names alone, for whoever lists rows; the zoo has what builds them
(:mod:`pytest_accelerate.zoo.compositions`).
"""

from __future__ import annotations

from collections.abc import Mapping

COMPOSITIONS: Mapping[str, str] = {
    "blip-captioning": "blip as it tells what it sees, its text attending to the image",
    "stable-diffusion": "a text encoder, a UNet and a VAE, as diffusers' pipeline calls them",
    "vision-t5": "a ViT whose patches T5's decoder attends to",
    "whisper-large": "whisper in the layout of its large-v3",
}
"""Name and what it is, in one clause. Each has a recipe with ``compose``."""
