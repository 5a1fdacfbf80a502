"""What the zoo hands out: a model with inputs for every modality it takes, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import torch

    from pytest_accelerate.zoo.processing import Processing


@dataclass(frozen=True)
class Specimen:
    """A real model of one type, and inputs that feed all of it."""

    model_type: str
    model: torch.nn.Module
    """In eval mode, fp32, on the CPU, gradients off, KV caches off wherever a config has them."""
    inputs: Mapping[str, Any]
    """Keyword arguments of ``model(**inputs)``: CPU tensors, and what is not a tensor as it is.
    Batch of at least 2; masks with some padding."""
    modalities: tuple[str, ...]
    """The modalities fed, sorted."""
    unfed: tuple[str, ...] = ()
    """Modalities that the model takes and ``inputs`` lack; with any of these it cannot pass."""
    carriers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The inputs that carry each modality fed."""
    unheard: Mapping[str, str] = field(default_factory=dict)
    """Weights that no output can hear: regular expressions of their names, and why."""
    weights: str = "tiny"
    parameters: int = 0
    wrapped_class: str = ""
    """Name of the model's class where ``model`` is a module of the zoo's that calls it."""
    loading: str = ""
    """Of pretrained weights: who made the inputs, and what of the checkpoint was not used."""
    processing: Processing | None = None
    """Of pretrained weights: what makes tensors of text, images and sound."""

    @property
    def model_class(self) -> str:
        """Name of the model's class, such as ``BertModel``."""
        return self.wrapped_class or type(self.model).__name__


@dataclass(frozen=True)
class Runs:
    """The type has a forward pass of its own."""


@dataclass(frozen=True)
class CoveredBy:
    """The type is a part without a forward pass of its own, tested within ``parent``."""

    parent: str
    reason: str


@dataclass(frozen=True)
class Skipped:
    """The type cannot be run here; ``reason`` names what is missing and what to do."""

    reason: str


Account: TypeAlias = Runs | CoveredBy | Skipped
"""Every model type is exactly one of these."""
