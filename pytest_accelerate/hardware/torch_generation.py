"""Generation on torch's devices: the model itself, eager, with the cache that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from pytest_accelerate.hardware.generation import Generation, generate


class TorchGenerator:
    """A model on a torch device that generates."""

    path = "eager"
    path_reason = ""

    def __init__(self, model: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        self._model: torch.nn.Module | None = model
        self._device, self._dtype = device, dtype

    def generate(self, prompt: Mapping[str, Any], tokens: int, *, cache: bool = True) -> Generation:
        """Generate greedily.

        Raises:
            MemoryError: the device has not enough.
        """
        if self._model is None:
            raise RuntimeError("the model was closed")
        try:
            moved = {name: self._moved(value) for name, value in prompt.items()}
            return generate(self._model, moved, tokens, cache=cache, timed=cache)
        except torch.OutOfMemoryError as error:
            raise MemoryError(str(error)) from error

    def _moved(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            moved = value.to(self._device)
            return moved.to(self._dtype) if moved.is_floating_point() else moved
        if isinstance(value, list | tuple):
            return type(value)(self._moved(child) for child in value)
        return value

    def close(self) -> None:
        """Let the model go."""
        self._model = None
        if self._device.type in ("cuda", "xpu"):
            getattr(torch, self._device.type).empty_cache()
