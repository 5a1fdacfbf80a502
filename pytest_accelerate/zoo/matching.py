"""The part of a batch's outputs that one row's outputs should be.

Along each axis of an output, the batch has either as many entries as the row (the axis is not the
batch's), or as many as all rows together (the row's are at its place), or as many as the longest
row (the shorter ones are padded at the end). A model of packed rows, of time before the batch or
of pairs of rows fits in as well as one with the batch first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch

Outputs: TypeAlias = Mapping[str, torch.Tensor]


def of_rows(outputs: Outputs) -> dict[str, torch.Tensor]:
    """The outputs that can be a row's: a float without axes, such as a loss, is the batch's."""
    return {
        name: value
        for name, value in outputs.items()
        if value.dim() or not value.is_floating_point()
    }


def parts(batch: Outputs, rows: Sequence[Outputs]) -> list[dict[str, torch.Tensor]]:
    """What of the batch's outputs each row's are to be compared with, by the row's names.

    An output that no rule fits is left out of the part, or keeps the shape that it has, so that a
    comparison tells it.
    """
    return [_part(batch, rows, index) for index in range(len(rows))]


def _part(batch: Outputs, rows: Sequence[Outputs], index: int) -> dict[str, torch.Tensor]:
    found = {}
    for name, there in _names(batch, rows, index).items():
        alike = [row[name] for row in rows if name in row]
        if there != name or len(alike) < len(rows):
            found[name] = batch[there]
        else:
            found[name] = _cut(batch[name], alike, index)
    return found


def _names(batch: Outputs, rows: Sequence[Outputs], index: int) -> dict[str, str]:
    """The batch's name of each of a row's outputs: where one is a list of rows, it numbers them."""
    in_batch, in_rows = _elements(batch), [_elements(row) for row in rows]
    names = {}
    for name in rows[index]:
        there, (stem, number) = name, _stem(name)
        counts = [elements[stem] for elements in in_rows]
        if number is not None and in_batch[stem] == sum(counts) > max(counts):
            there = f"{stem}.{number + sum(counts[:index])}"
        if there in batch:
            names[name] = there
    return names


def _elements(outputs: Outputs) -> Counter[str]:
    return Counter(_stem(name)[0] for name in outputs)


def _stem(name: str) -> tuple[str, int | None]:
    stem, _, last = name.rpartition(".")
    return (stem, int(last)) if stem and last.isdigit() else (name, None)


def _cut(value: torch.Tensor, alike: Sequence[torch.Tensor], index: int) -> torch.Tensor:
    if any(row.dim() != value.dim() for row in alike):
        return value
    for axis, size in enumerate(value.shape):
        sizes = [row.shape[axis] for row in alike]
        if size == sum(sizes) and set(sizes) != {size}:
            value = value.narrow(axis, sum(sizes[:index]), sizes[index])
        elif size == max(sizes):
            value = value.narrow(axis, 0, sizes[index])
    return value
