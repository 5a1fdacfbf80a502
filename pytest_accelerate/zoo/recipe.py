"""What a recipe is: how one model type deviates from the generic rules, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import torch

    from pytest_accelerate.zoo.inputs.base import Feeding

Value: TypeAlias = "torch.Tensor | int | float | bool | list[Any] | tuple[Any, ...] | None"


@dataclass(frozen=True)
class Feed:
    """One input of a model: what draws it, and the modality that it carries."""

    make: Callable[[Feeding], Any]
    """Called with the feeding at hand (config, generator, inputs made before this one)."""
    modality: str = ""
    """Empty for what carries none of its own: masks, grids, positions."""


@dataclass(frozen=True)
class Recipe:
    """How to build and feed one model type; every field adds to or overrides the generic rules."""

    config: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the config over the shrunken ones; a mapping under the name of a
    sub-config adds to that sub-config alone; ``None`` passes ``None``."""
    inputs: Mapping[str, Feed] = field(default_factory=dict)
    """Inputs over the synthesised ones, by name of the forward parameter, in the order made."""
    prompt: Mapping[str, Feed] = field(default_factory=dict)
    """What ``generate`` takes over the inputs of the forward pass, by name, made after them; a feed
    that makes ``None`` leaves one out."""
    generation: Mapping[str, Any] = field(default_factory=dict)
    """What the type's generation config needs to say, and checkpoints say."""
    unable: str = ""
    """Why the library's ``generate`` of the type fails, where what it raises does not tell: shown
    in its place, when it does raise."""
    uncached: str = ""
    """Why the library generates otherwise without a cache, where it is that which is wrong. While
    it does, what is generated with one is compared in float64."""
    attention: str = ""
    """The attention implementation to trace and compare; empty means ``eager``."""
    model_class: str = ""
    """The class to build, of transformers or the type's modeling module."""
    omit: tuple[str, ...] = ()
    """Forward parameters that must not be fed although a generic rule would."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """Modalities that ``omit`` leaves out by right: modality -> why the model does not need it."""
    unheard: Mapping[str, str] = field(default_factory=dict)
    """Weights that no output can hear, whatever is fed: regular expressions of their names (from
    start to end), and why, in one clause. What other inputs or sizes make heard does not belong
    here. See :mod:`pytest_accelerate.zoo.unheard` for the rules of all types."""
    adjust: Callable[[Any], None] | None = None
    """Last touches on the finished config, in place, where keyword arguments cannot express it."""
    around: Callable[[torch.nn.Module], torch.nn.Module] | None = None
    """Makes the module that calls the model, where its forward takes state and not inputs alone.
    The module has the model's ``config``, and a forward whose parameters are its inputs."""
    compose: Callable[[], torch.nn.Module] | None = None
    """Makes the tiny model of a composition, which is no type of transformers: several models, or
    another form of a type, as one module with a ``config``, whose parts say how it is fed. Its
    weights are drawn, and its inputs made, by the rules of all types."""
    covered_by: str = ""
    """The type within which this one is tested, when it has no forward pass of its own."""
    requires: tuple[str, ...] = ()
    """Importable packages without which the type cannot run."""
    remedy: str = ""
    """How to get ``requires``, or why there is no way; part of the skip's reason."""
    why: str = ""
    """The reason of the recipe, one line; obligatory with ``covered_by`` and ``requires``."""
    build: Callable[[], tuple[torch.nn.Module, Mapping[str, Any]]] | None = None
    """For types from outside: returns (model, inputs) and replaces everything else."""

    def __post_init__(self) -> None:
        for name in ("config", "inputs", "prompt", "generation", "instead", "unheard"):
            if not isinstance(getattr(self, name), Mapping):
                raise TypeError(f"Recipe.{name} must be a mapping")
        for spec in ("inputs", "prompt"):
            for name, feed in getattr(self, spec).items():
                if not isinstance(feed, Feed):
                    raise TypeError(f"Recipe.{spec}[{name!r}] must be a Feed, not {feed!r}")
        if (self.covered_by or self.requires) and not self.why:
            raise TypeError("a Recipe with covered_by or requires must say why")

    def over(self, base: Recipe) -> Recipe:
        """This recipe on top of ``base``: mappings merged, set fields win."""
        merged: dict[str, Any] = {}
        for spec in dataclasses.fields(self):
            mine, theirs = getattr(self, spec.name), getattr(base, spec.name)
            if isinstance(mine, Mapping):
                merged[spec.name] = {**theirs, **mine}
            else:
                merged[spec.name] = mine or theirs
        return Recipe(**merged)
