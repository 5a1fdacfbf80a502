"""Inputs whose values, and not only whose shapes, decide what is computed.

Grids of patches, sizes of images, lengths of packed sequences: a model reads them into Python
numbers to lay its computation out. A graph of fixed shapes is made for one such layout.
"""

from __future__ import annotations

from typing import Any

WORDS = ("grid", "sizes", "shapes", "lens", "lengths", "offsets", "num_")
"""Parts of the names that transformers gives to such inputs."""


def lays_out(name: str, value: Any) -> bool:
    """Whether an input, by its name and dtype, is such a layout: a tensor of integers."""
    dtype = str(getattr(value, "dtype", ""))
    return "int" in dtype and any(word in name for word in WORDS)
