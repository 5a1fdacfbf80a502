"""Special tokens inside a small vocabulary, the same id for the same token everywhere."""

from __future__ import annotations

import re
from typing import Any

from pytest_accelerate.zoo.shrink import VOCABULARY

_NAME = re.compile(
    r"(token|pad|bos|eos|cls|sep|mask|unk|boi|eoi|boa|eoa|start|end|newline)_?"
    r"(token)?_?(id|index|idx)s?$"
)
KEPT = 40
"""Ids below stay as they are: they are small in every vocabulary."""


class SpecialTokens:
    """Gives each large default id its own small one; one object a model, for all its configs."""

    def __init__(self) -> None:
        self._ids: dict[int, int] = {}

    def small(self, name: str, value: Any, vocabulary: int) -> Any:
        """The id (or ids) for the field ``name``; what is no token id comes back unchanged."""
        if not _NAME.search(name):
            return value
        if isinstance(value, list | tuple):
            return type(value)(self.small(name, item, vocabulary) for item in value)
        if type(value) is not int or value < min(KEPT, vocabulary):
            return value
        if vocabulary < VOCABULARY:
            return value if value < vocabulary else vocabulary - 1
        return self._ids.setdefault(value, VOCABULARY - 1 - len(self._ids))
