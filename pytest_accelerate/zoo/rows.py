"""The rows of a batch: inputs cut into rows, and rows joined into a batch.

Most inputs have a row an entry along axis 0. Some have several (images of a row, codebooks), some
pack all rows into one sequence, of which another input has the lengths (grids of patches, lengths
of sounds, placeholders in the text), and some belong to all rows alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from pytest_accelerate.hardware.layout import lays_out

Inputs: TypeAlias = Mapping[str, Any]


class NoRows(Exception):
    """The rows of an input cannot be told apart; the text names it."""


@dataclass(frozen=True)
class Cut:
    """How one input lies over the rows."""

    axis: int | None
    """The axis that the rows lie along; ``None`` for what belongs to all rows alike."""
    lengths: tuple[int, ...] = ()
    """Entries of each row along it."""


_ALIKE = Cut(None)


@dataclass(frozen=True)
class Rows:
    """How the inputs of one model lie over the rows of a batch."""

    count: int
    cuts: Mapping[str, Cut]

    @classmethod
    def of(cls, inputs: Inputs) -> Rows:
        """Find the rows of a batch.

        Raises:
            NoRows: an input cannot be cut into as many rows as the others have.
        """
        count = _count(inputs)
        cuts = {name: _cut(name, value, inputs, count) for name, value in inputs.items()}
        return cls(count, cuts)

    def split(self, inputs: Inputs) -> list[dict[str, Any]]:
        """Each row of inputs of these shapes, as a batch of one."""
        rows: list[dict[str, Any]] = [{} for _ in range(self.count)]
        for name, value in inputs.items():
            for row, part in zip(rows, _parts(value, self.cuts[name], self.count), strict=True):
                row[name] = part
        return rows

    def join(self, rows: Sequence[Inputs]) -> dict[str, Any]:
        """The batch of rows that :meth:`split` gave, of any number."""
        return {
            name: _joined([row[name] for row in rows], self.cuts[name].axis) for name in rows[0]
        }

    def further(self, own: Inputs, other: Inputs) -> list[dict[str, Any]] | None:
        """The rows of ``other``, inputs with what belongs to all rows alike as ``own`` has it.

        ``None`` where an input has another shape there: its rows would not fit beside the own.
        """
        if {name: _shape(value) for name, value in own.items()} != {
            name: _shape(value) for name, value in other.items()
        }:
            return None
        return self.split(
            {
                name: own[name] if self.cuts[name].axis is None else value
                for name, value in other.items()
            }
        )


def _shape(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    if isinstance(value, list | tuple):
        return [_shape(item) for item in value]
    return value


def _count(inputs: Inputs) -> int:
    """Rows of the batch: the fewest entries along axis 0, of all tensors that have several."""
    text = inputs.get("input_ids")
    tensors = [value for value in inputs.values() if isinstance(value, torch.Tensor)]
    leading = [value.shape[0] for value in tensors if value.dim()]
    if not leading:
        raise NoRows(f"no input has rows: {', '.join(inputs)}")
    if isinstance(text, torch.Tensor) and text.dim() > 1 and text.shape[0] == 1:
        return 1
    return min((size for size in leading if size > 1), default=1)


def _cut(name: str, value: Any, inputs: Inputs, count: int) -> Cut:
    one_each = Cut(0, (1,) * count)
    if isinstance(value, list | tuple) and len(value) == count and not _is_a_batch(value[0], count):
        return one_each
    if isinstance(value, list | tuple) and value and _is_a_batch(value[0], count):
        return one_each
    if not isinstance(value, torch.Tensor) or value.dim() == 0:
        return _ALIKE
    if value.shape[0] == count:
        return one_each
    if found := _packed(name, value, inputs, count):
        return found
    if value.shape[0] == 1:
        return _ALIKE
    if value.shape[0] % count:
        raise NoRows(f"input {name} of shape {list(value.shape)} does not tell its {count} rows")
    return Cut(0, (value.shape[0] // count,) * count)


def _is_a_batch(value: Any, count: int) -> bool:
    """Whether an element of a list has all rows: the list is one of layers or scales."""
    return isinstance(value, torch.Tensor) and value.dim() > 3 and value.shape[0] == count


def _packed(name: str, value: torch.Tensor, inputs: Inputs, count: int) -> Cut | None:
    """The cut of a tensor that packs the rows into one sequence along one of its axes."""
    known = [found for found in _lengths(name, inputs, count) if min(found) > 0]
    for times_allowed in (False, True):  # an exact match is no accident
        for lengths in known:
            for axis in _axes(name, value):
                times, rest = divmod(value.shape[axis], sum(lengths))
                if rest == 0 and (times == 1 or times_allowed) and times:
                    return Cut(axis, tuple(length * times for length in lengths))
    return None


def _axes(name: str, value: torch.Tensor) -> Sequence[int]:
    if name == "input_features" and value.dim() == 2:
        return (1,)  # mel bins come first
    return range(1, value.dim()) if value.shape[0] == 1 else (0,)


def _lengths(name: str, inputs: Inputs, count: int) -> Iterator[tuple[int, ...]]:
    """What other inputs say of how long each row is, the likeliest first."""
    layouts = [
        other
        for other, value in inputs.items()
        if other != name and lays_out(other, value) and value.dim() in (1, 2)
    ]
    layouts.sort(key=lambda other: ("video" in other) != ("video" in name))
    layouts.sort(key=lambda other: inputs[other].dim(), reverse=True)
    for other in layouts:
        sizes = inputs[other].view(inputs[other].shape[0], -1).prod(-1)
        if len(sizes) % count == 0:
            yield tuple(sizes.view(count, -1).sum(-1).tolist())


def _parts(value: Any, cut: Cut, count: int) -> list[Any]:
    if cut.axis is None:
        return [value] * count
    if isinstance(value, torch.Tensor):
        return list(torch.split(value, list(cut.lengths), dim=cut.axis))
    if _is_a_batch(value[0], count):
        return [[scale[index : index + 1] for scale in value] for index in range(count)]
    return [value[index : index + 1] for index in range(count)]


def _joined(values: list[Any], axis: int | None) -> Any:
    first = values[0]
    if axis is None:
        return first
    if isinstance(first, torch.Tensor):
        return torch.cat(values, dim=axis)
    if _is_a_batch(first[0], 1):
        return [torch.cat(scales) for scales in zip(*values, strict=True)]
    return [item for value in values for item in value]
