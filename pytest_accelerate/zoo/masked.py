"""Outputs whose masked scores would drown all others in a comparison."""

from __future__ import annotations

from typing import Any

import torch

from pytest_accelerate.zoo.around import Around

_SOFT_MASK = -5e3
"""Above the -10000 that stand for minus infinity, and far below any score."""


class Ordering(Around):
    """A model of layouts, with minus infinity where it masks scores of the reading order.

    Its -10000 are ten thousand times as large as the scores, of which none could then be told from
    another.
    """

    def forward(self, pixel_values: torch.Tensor) -> dict[str, Any]:
        """What the model finds on pages of (batch, 3, height, width)."""
        return {
            name: value.masked_fill(value < _SOFT_MASK, -torch.inf)
            if name.endswith("order_logits")
            else value
            for name, value in self.model(pixel_values).items()
        }
