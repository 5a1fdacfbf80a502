"""What a model on a torch device is given, and what is freed after it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch


def moved(value: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """A copy of an input on a device, floats at the model's precision."""
    if isinstance(value, torch.Tensor):
        there = value.to(device, copy=True)
        return there.to(dtype) if there.is_floating_point() else there
    if isinstance(value, Mapping):
        return {key: moved(child, device, dtype) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(moved(child, device, dtype) for child in value)
    return copy.deepcopy(value)


def free(device: torch.device) -> None:
    """Give back what torch keeps of a device's memory for later use."""
    if device.type in ("cuda", "xpu"):
        getattr(torch, device.type).empty_cache()
