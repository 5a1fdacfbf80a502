"""Synthesise inputs for every modality that a model's forward takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from pytest_accelerate.zoo.inputs import audio, placeholders, text, vision
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe

CARRIERS: Mapping[str, str] = {
    "input_ids": "text",
    "pixel_values": "image",
    "flattened_patches": "image",
    "pixel_values_videos": "video",
    "video_pixel_values": "video",
    "image_pixel_values": "image",
    "visual_embeds": "image",
    "visual_feats": "image",
    "input_features": "audio",
    "input_values": "audio",
    "audio_input_features": "audio",
    "audio_values": "audio",
    "audio_codes": "audio",
    "past_values": "timeseries",
    "bbox": "boxes",
    "input_boxes": "boxes",
    "input_points": "points",
    "input_masks": "masks",
}
"""Forward parameters that carry a modality; a model that takes one must be fed it."""

_SAME = (
    {"input_values", "audio_codes", "input_features", "audio_input_features"},
    {"pixel_values", "flattened_patches", "image_pixel_values"},
)
"""Carriers of one modality: one of them is enough."""

GENERIC: Mapping[str, Feed] = {
    "pixel_values": Feed(vision.pixel_values, "image"),
    "pixel_values_videos": Feed(vision.pixel_values_videos, "video"),
    "input_features": Feed(audio.input_features, "audio"),
    "input_values": Feed(audio.input_values, "audio"),
    "input_features_mask": Feed(audio.input_features_mask),
    "feature_attention_mask": Feed(audio.input_features_mask),
    "image_sizes": Feed(vision.image_sizes),
    "image_merge_sizes": Feed(vision.merge_sizes),
    "video_merge_sizes": Feed(vision.merge_sizes),
    "merge_sizes": Feed(vision.merge_sizes),
    "pixel_attention_mask": Feed(vision.pixel_attention_mask),
}
"""Carriers that are made before the text, which holds their placeholders."""

AFTER_TEXT: Mapping[str, Feed] = {
    "attention_mask": Feed(text.attention_mask),
    "mm_token_type_ids": Feed(placeholders.mm_token_type_ids),
    "moe_mm_token_type_ids": Feed(partial(placeholders.mm_token_type_ids, with_bounds=True)),
    "decoder_input_ids": Feed(text.decoder_input_ids, "text"),
    "decoder_attention_mask": Feed(
        lambda feeding: (
            feeding.mask(feeding.inputs["decoder_input_ids"].shape[1], 2)
            if "decoder_input_ids" in feeding.inputs
            else None
        )
    ),
    "encoder_hidden_states": Feed(text.encoder_hidden_states),
    "bool_masked_pos": Feed(vision.bool_masked_pos),
    "global_attention_mask": Feed(text.global_attention_mask),
    "mask_time_indices": Feed(audio.mask_time_indices),
}

_REQUIRED: Mapping[str, Feed] = {
    "hidden_states": Feed(vision.hidden_states),
    "inputs_embeds": Feed(text.embeddings),
}
"""Made only where the forward has no default for them."""


@dataclass(frozen=True)
class Fed:
    """Inputs of a model, the modalities in them, and those they lack."""

    inputs: Mapping[str, Any]
    modalities: tuple[str, ...]
    unfed: tuple[str, ...]
    carriers: Mapping[str, tuple[str, ...]]
    """The inputs that carry each modality."""


def synthesise(model: torch.nn.Module, recipe: Recipe, seed: int) -> Fed:
    """Make inputs for ``model``: the recipe's, and the generic ones for the rest."""
    generator = torch.Generator().manual_seed(seed)
    feeding = Feeding(model, model.config, generator)
    fed: dict[str, list[str]] = {}

    def feed(name: str, how: Feed) -> None:
        value = how.make(feeding)
        if value is not None:
            feeding.inputs[name] = value
            if how.modality:
                fed.setdefault(how.modality, []).append(name)

    for name, how in recipe.inputs.items():
        if name not in AFTER_TEXT and name not in recipe.omit:
            feed(name, how)
    for name, how in GENERIC.items():
        if name not in feeding.inputs and feeding.takes(name) and name not in recipe.omit:
            feed(name, how)
    if feeding.takes("input_ids") and not {"input_ids"} & {*feeding.inputs, *recipe.omit}:
        placeholders.count(feeding)
        feed("input_ids", Feed(text.input_ids, "text"))
    for name, how in AFTER_TEXT.items():
        how = recipe.inputs.get(name, how)
        if name not in recipe.omit and (feeding.takes(name) or name in recipe.inputs):
            feed(name, how)
    for name, how in _REQUIRED.items():
        parameter = feeding.parameters.get(name)
        if (
            parameter is not None
            and parameter.default is parameter.empty
            and name not in feeding.inputs
        ):
            feed(name, how)
    wanted = {
        modality
        for name, modality in CARRIERS.items()
        if feeding.takes(name) and modality not in recipe.instead
    }
    return Fed(
        feeding.inputs,
        tuple(sorted(fed)),
        tuple(sorted(wanted - fed.keys())),
        {modality: tuple(names) for modality, names in fed.items()},
    )
