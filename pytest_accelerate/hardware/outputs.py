"""From what a model returns to named tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch


def flatten(output: Any) -> dict[str, torch.Tensor]:
    """All tensors of a model's output by dotted leaf name, in the output's order.

    Mappings (and transformers' ``ModelOutput``) give their keys, sequences their indices, other
    objects (caches) their attributes. ``None``, text and numbers are not outputs to compare: what
    a model computes are tensors. A bare tensor is called ``output``.
    """
    if isinstance(output, torch.Tensor):
        return {"output": output}
    return dict(_leaves("", output))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
        return
    prefix = f"{name}." if name else ""
    for key, child in _children(value):
        yield from _leaves(f"{prefix}{key}", child)


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(key), child) for key, child in value.items())
    elif isinstance(value, list | tuple):
        names = getattr(value, "_fields", None) or range(len(value))
        yield from ((str(key), child) for key, child in zip(names, value, strict=True))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name)
    elif hasattr(value, "layers") and isinstance(value.layers, list):  # a cache
        for index, layer in enumerate(value.layers):
            yield from (
                (f"{index}.{key}", child)
                for key, child in vars(layer).items()
                if isinstance(child, torch.Tensor)
            )
