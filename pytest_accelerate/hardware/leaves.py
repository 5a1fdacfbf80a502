"""The tensors within what modules are called with, caches included: by name, and put back."""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterator, Mapping
from typing import Any

import torch

_WHOLE = "output"
"""The name of a tensor that is in nothing."""


def leaves(value: Any) -> dict[str, torch.Tensor]:
    """All tensors in a value by dotted name: of mappings, sequences, and the library's caches."""
    return dict(_leaves("", value))


def filled(value: Any, tensors: Mapping[str, torch.Tensor], name: str = "") -> Any:
    """A copy of ``value`` in which the tensors named are others; what is no tensor is shared.

    Names are those of :func:`leaves`, also of a tensor that is the whole value.
    """
    if isinstance(value, torch.Tensor):
        return tensors.get(name or _WHOLE, value)
    children = list(_children(value))
    if not children:
        return value
    made = [(key, filled(child, tensors, _joined(name, key))) for key, child in children]
    if isinstance(value, list | tuple):
        items = [child for _, child in made]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    copied: Any = copy.copy(value)
    for key, child in made:
        if isinstance(value, Mapping):
            copied[key] = child
        else:
            setattr(copied, key, child)
    return copied


def _leaves(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name or _WHOLE, value
    for key, child in _children(value):
        yield from _leaves(_joined(name, key), child)


def _children(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    elif _is_cache(value):
        yield from vars(value).items()


def _is_cache(value: Any) -> bool:
    """Whether a value is one of transformers' caches, or a layer of one."""
    from transformers import PreTrainedConfig

    known = isinstance(value, torch.Tensor | torch.nn.Module | PreTrainedConfig | type | enum.Enum)
    return not known and type(value).__module__.startswith("transformers.")


def _joined(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)
