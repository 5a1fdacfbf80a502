"""The feeding at hand: everything that a builder of inputs may look at."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_accelerate.zoo.configs import walk

if TYPE_CHECKING:
    import torch

BATCH = 2
TEXT = 12
"""Tokens of the longer row, before placeholders of other modalities are added."""
PADDING = 3
"""Tokens of padding in the shorter row."""


@dataclass
class Feeding:
    """One model being fed: its config, its randomness, and the inputs made so far."""

    model: torch.nn.Module
    config: Any
    generator: torch.Generator
    inputs: dict[str, Any] = field(default_factory=dict)
    placeholders: dict[str, list[int]] = field(default_factory=dict)
    """Modality -> number of placeholder tokens in each row."""
    lengths: list[int] = field(default_factory=list)
    """Tokens of each row without its padding."""

    @cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters of the model's forward, by name."""
        return dict(inspect.signature(self.model.forward).parameters)

    def takes(self, name: str) -> bool:
        """Whether the forward has a parameter of this name."""
        return name in self.parameters

    def configs(self, *keys: str) -> Iterator[Any]:
        """The config's parts whose attribute name contains one of ``keys``, then all of them."""
        from transformers import PreTrainedConfig

        for config in walk(self.config):
            for name, value in vars(config).items():
                if isinstance(value, PreTrainedConfig) and any(key in name for key in keys):
                    yield from walk(value)
        yield from walk(self.config)

    def setting(self, *names: str, within: tuple[str, ...] = (), default: Any = None) -> Any:
        """The first value that is set under one of ``names``, in the parts ``within`` first."""
        configs = list(self.configs(*within))
        for name in names:
            for config in configs:
                value = vars(config).get(name)
                if value is None and name in config.attribute_map:
                    value = vars(config).get(config.attribute_map[name])
                if value is not None:
                    return value
        return default

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal fp32 values."""
        import torch

        return torch.randn(shape, generator=self.generator)

    def integers(self, low: int, high: int, *shape: int) -> torch.Tensor:
        """Uniform int64 values in ``[low, high)``."""
        import torch

        return torch.randint(low, high, shape, generator=self.generator)

    def mask(self, length: int, padding: int = PADDING, batch: int = BATCH) -> torch.Tensor:
        """An int64 mask of shape (batch, length): the last row ends in ``padding`` zeros."""
        import torch

        mask = torch.ones(batch, length, dtype=torch.int64)
        mask[-1, length - min(padding, length - 1) :] = 0
        return mask


def pair(value: Any) -> tuple[int, int]:
    """(height, width) of a size given as one number, a pair or a mapping."""
    if isinstance(value, dict):
        return int(value["height"]), int(value["width"])
    if isinstance(value, list | tuple):
        return int(value[-2]), int(value[-1])
    return int(value), int(value)
