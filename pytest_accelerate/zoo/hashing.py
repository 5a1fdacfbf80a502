"""Models that draw in each forward pass what they hash by."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch

from pytest_accelerate.zoo.answering import Answering
from pytest_accelerate.zoo.around import Around


class Hashing(Around):
    """Reformer, whose buckets are drawn from the seed of its config, at the precision it runs at.

    One seed gives other draws in float64 than in float32, and so other buckets, where attention is
    to other tokens: in float64 it gets the draws of float32.
    """

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """What the model says of tokens (batch, length)."""
        double = next(self.model.parameters()).dtype is torch.float64
        with Answering(_drawn_in_single) if double else nullcontext():
            return self.model(input_ids, attention_mask=attention_mask)


def _drawn_in_single(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Normal numbers of float64 that are those which float32 would have got."""
    if func is torch.randn and kwargs.get("dtype") is torch.float64:
        return func(*args, **{**kwargs, "dtype": torch.float32}).double()
    return NotImplemented
