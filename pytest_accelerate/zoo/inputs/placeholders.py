"""How many placeholder tokens the text needs: as many as the model makes features."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from pytest_accelerate.zoo.inputs.base import BATCH, Feeding
from pytest_accelerate.zoo.inputs.text import PLACEHOLDERS
from pytest_accelerate.zoo.rows import Rows

_METHODS = {
    "image": ("get_image_features", "pixel_values"),
    "video": ("get_video_features", "pixel_values_videos"),
    "audio": ("get_audio_features", "input_features"),
}


def count(feeding: Feeding) -> None:
    """Ask the model for its features of what is fed, and note how many tokens they fill."""
    for modality, (method, carrier) in _METHODS.items():
        names = PLACEHOLDERS[modality][0]
        if carrier not in feeding.inputs or not isinstance(feeding.setting(*names), int):
            continue
        if modality in feeding.placeholders:  # whoever made the carrier counted them
            continue
        holders = (part for part in feeding.model.modules() if hasattr(part, method))
        make = getattr(next(holders, None), method, None)
        if make is None:
            continue
        taken = inspect.signature(make).parameters
        inputs = {name: value for name, value in feeding.inputs.items() if name in taken}
        with torch.no_grad():
            rows = _rows(make(**inputs))
            feeding.placeholders[modality] = _each(make, inputs, sum(rows)) or _split(rows)


def _each(make: Callable[..., Any], inputs: Mapping[str, Any], total: int) -> list[int]:
    """How many features each row makes alone; empty where they do not add up to what all make."""
    try:
        layout = Rows.of(inputs)
        counts = [sum(_rows(make(**row))) for row in layout.split(inputs)]
    except Exception:
        return []  # its inputs do not tell their rows, or it does not take one alone
    return counts if len(counts) == BATCH and sum(counts) == total else []


def _rows(features: Any) -> list[int]:
    """Number of feature vectors of each image, video or sound."""
    if hasattr(features, "last_hidden_state") or hasattr(features, "pooler_output"):
        pooled = getattr(features, "pooler_output", None)
        mask = getattr(features, "attention_mask", None)
        deep: Any = getattr(features, "deepstack_features", None)
        features = features.last_hidden_state if pooled is None else pooled
        if features is None:
            # Everything goes into the text's layers: as many vectors into each, beside its number.
            features = deep[0][1]
        if isinstance(mask, torch.Tensor) and mask.shape == getattr(features, "shape", ())[:2]:
            return [int(count) for count in mask.sum(-1)]
    if isinstance(features, torch.Tensor):
        if features.dim() == 3:
            return [features.shape[1]] * features.shape[0]
        return [features.shape[0]]
    return [sum(_rows(item)) for item in features]


def _split(rows: list[int]) -> list[int]:
    """Spread the features of all items over the rows of the batch, whole items where possible."""
    if len(rows) % BATCH == 0:
        each = len(rows) // BATCH
        return [sum(rows[index * each : (index + 1) * each]) for index in range(BATCH)]
    total = sum(rows)
    return [total - total // BATCH, total // BATCH]


def mm_token_type_ids(feeding: Feeding, with_bounds: bool = False) -> torch.Tensor | None:
    """1 at the placeholders of images, 2 of videos, 3 of sound, 0 elsewhere.

    Args:
        feeding: the model at hand.
        with_bounds: whether the tokens that begin and end a modality count as its own.
    """
    ids = feeding.inputs.get("input_ids")
    if ids is None:
        return None
    kinds = torch.zeros_like(ids)
    for code, modality in enumerate(("image", "video", "audio"), start=1):
        for names in PLACEHOLDERS[modality] if with_bounds else PLACEHOLDERS[modality][:1]:
            token = feeding.setting(*names)
            if isinstance(token, int) and modality in feeding.placeholders:
                kinds[ids == token] = code
    return kinds
