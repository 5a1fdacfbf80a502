"""Padding of text: a row without it, and what of its outputs can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

_TEXTS = (
    ("input_ids", "attention_mask"),
    ("inputs_embeds", "attention_mask"),
    ("decoder_input_ids", "decoder_attention_mask"),
)
"""Carriers of text, and the masks that tell their padding."""
_NOT_TEXT = ("pixel", "image", "video", "encoder_hidden", "input_features", "past_")


@dataclass(frozen=True)
class Trimmed:
    """A row cut to the true length of its text."""

    inputs: Mapping[str, Any]
    lengths: Mapping[int, int]
    """Tokens with padding: tokens without."""

    def comparable(
        self, padded: Mapping[str, torch.Tensor], trimmed: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """The outputs of the padded row at the positions that are not padding.

        What is neither as long as the text nor of the same size in both, such as text and patches
        in one sequence, is left out.
        """
        cut = {name: self._cut(padded[name], value) for name, value in trimmed.items()
               if name in padded}  # fmt: skip
        return {name: value for name, value in cut.items() if value is not None}

    def _cut(self, padded: torch.Tensor, trimmed: torch.Tensor) -> torch.Tensor | None:
        if padded.dim() != trimmed.dim():
            return None
        for axis, (long, short) in enumerate(zip(padded.shape, trimmed.shape, strict=True)):
            if long != short and self.lengths.get(long) != short:
                return None
            padded = padded.narrow(axis, 0, short)
        return padded


def trim(row: Mapping[str, Any]) -> Trimmed | None:
    """A batch of one without the padding at the end of its text; ``None`` where it has none."""
    inputs, lengths = dict(row), {}
    for text, mask in _TEXTS:
        true = _true_length(row.get(text), row.get(mask))
        if true is None:
            continue
        padded = row[mask].shape[1]
        lengths[padded] = true
        of_decoder = text.startswith("decoder")
        for name, value in inputs.items():
            if name.startswith("decoder") is of_decoder and not name.startswith(_NOT_TEXT):
                inputs[name] = _cut(value, padded, true)
    return Trimmed(inputs, lengths) if lengths else None


def _true_length(text: Any, mask: Any) -> int | None:
    if not isinstance(text, torch.Tensor) or not isinstance(mask, torch.Tensor):
        return None
    if mask.dim() != 2 or text.shape[:2] != mask.shape or not mask.any():
        return None
    true = int(mask[0].nonzero().max()) + 1
    return true if true < mask.shape[1] else None


def _cut(value: Any, padded: int, true: int) -> Any:
    """``value`` with each axis that is as long as the padded text cut to the true length."""
    if not isinstance(value, torch.Tensor) or value.dim() < 2 or value.shape[1] != padded:
        return value
    value = value[:, :true]
    square = value.dim() > 2 and value.shape[2] == padded
    return value[:, :, :true] if square else value
