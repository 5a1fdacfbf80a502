"""Generation on torch's devices: the model itself, eager, with the cache that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch

from pytest_accelerate.hardware.generation import Generation, generate
from pytest_accelerate.hardware.torch_device import free, moved, refusals_named
from pytest_accelerate.hardware.torch_double import in_double


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
            UnsupportedOperation: torch has an operator not at this precision; names it.
        """
        if self._model is None:
            raise RuntimeError("the model was closed")
        double = in_double() if self._dtype is torch.float64 else nullcontext()
        with refusals_named(), double:
            there = moved(dict(prompt), self._device, self._dtype)
            return generate(self._model, there, tokens, cache=cache, timed=cache)

    def close(self) -> None:
        """Let the model go."""
        self._model = None
        free(self._device)
