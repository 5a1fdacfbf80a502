"""Operators that OpenVINO lacks or gets wrong, as a trace puts them instead.

Each entry of the table is the same operation in terms of operators that OpenVINO 2026.4.1 converts
right, with the reason why the plain one does not do. They hold for every model: which one is used
depends on the operator alone. The graph is compared with the model itself afterwards, as any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from pytest_accelerate.hardware.openvino_layout import untraced

Tensor = torch.Tensor
NO_SEED = 2**63 - 25
"""What torch's generator has in a trace until the model gives it a seed."""


def _floor_divide(value: Any, divisor: Any) -> Any:
    """Whole numbers: OpenVINO truncates -9 // 2 to -4, and rounds (40 - 1) // 2 up to 20.

    The former without, the latter with an addition before, which the CPU's plugin fuses with the
    division into arithmetic of float32. A division without a remainder is exact either way.
    """
    if not are_whole(value, divisor):
        return NotImplemented
    return torch.floor_divide(value - torch.remainder(value, divisor), divisor)


def _reflected_floor_divide(divisor: Any, value: Any) -> Any:
    return _floor_divide(value, divisor)


def _div(value: Any, divisor: Any, *, rounding_mode: str | None = None, **rest: Any) -> Any:
    """As ``floor_divide``."""
    if rest or rounding_mode is None or not are_whole(value, divisor):
        return NotImplemented
    if rounding_mode == "floor":
        return _floor_divide(value, divisor)
    return torch.floor_divide(value - torch.fmod(value, divisor), divisor)


def are_whole(*values: Any) -> bool:
    """Whether integers are divided, and not by each other outside of any tensor."""
    return any(isinstance(value, Tensor) for value in values) and all(
        not (value.dtype.is_floating_point or value.dtype.is_complex or value.dtype is torch.bool)
        if isinstance(value, Tensor)
        else isinstance(value, int)
        for value in values
    )


def _diff(
    value: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None, **rest: Any
) -> Any:
    """No translator."""
    if n != 1 or any(given is not None for given in rest.values()):
        return NotImplemented
    parts = [part for part in (prepend, value, append) if part is not None]
    value = torch.cat(parts, dim) if len(parts) > 1 else value
    length = value.shape[dim]
    return value.narrow(dim, 1, length - 1) - value.narrow(dim, 0, length - 1)


def _cross_entropy(logits: Tensor, labels: Tensor, *weight: Any, **settings: Any) -> Any:
    """No translator."""
    ignored = settings.pop("ignore_index", -100)
    reduction = settings.pop("reduction", "mean")
    if any(given not in (None, 0.0) for given in (*weight, *settings.values())):
        return NotImplemented
    if logits.dim() != 2 or labels.is_floating_point():
        return NotImplemented
    counted = labels != ignored
    places = torch.where(counted, labels, 0)[:, None]
    losses = -torch.log_softmax(logits, -1).gather(1, places)[:, 0] * counted
    if reduction == "none":
        return losses
    return losses.sum() / counted.sum() if reduction == "mean" else losses.sum()


def _nan_to_num(
    value: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Any:
    """No translator."""
    if not value.is_floating_point():
        return NotImplemented
    limits = torch.finfo(value.dtype)
    value = torch.where(value.isnan(), 0.0 if nan is None else nan, value)
    value = torch.where(value == math.inf, limits.max if posinf is None else posinf, value)
    return torch.where(value == -math.inf, limits.min if neginf is None else neginf, value)


def _conj(value: Tensor) -> Any:
    """No translator."""
    if not value.is_complex():
        return NotImplemented
    real, imaginary = torch.view_as_real(value).unbind(-1)
    return torch.view_as_complex(torch.stack([real, -imaginary], -1))


def _rfft(value: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """A signal that is shorter than ``n`` is refused: the plugin pads none with zeros."""
    if n is None or n <= value.shape[dim]:
        return NotImplemented
    return torch.fft.rfft(_padded(value, n, dim), dim=dim, norm=norm)


def _irfft(value: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """As ``rfft``, but that what is missing is read from beyond the array's end."""
    if n is None or n // 2 + 1 <= value.shape[dim]:
        return NotImplemented
    parts = _padded(torch.view_as_real(value), n // 2 + 1, dim % value.dim())
    return torch.fft.irfft(torch.view_as_complex(parts), n=n, dim=dim, norm=norm)


def _padded(value: Tensor, length: int, dim: int) -> Tensor:
    """With zeros behind, up to a length."""
    behind = value.dim() - 1 - dim % value.dim()
    return torch.nn.functional.pad(value, (0, 0) * behind + (0, length - value.shape[dim]))


def _solve_triangular(
    matrix: Tensor, right: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    """No translator.

    With unit diagonal, what is beside the diagonal is nilpotent: the inverse of 1 - N is the
    product of 1 + N, 1 + N^2, 1 + N^4... up to the size, which are six products for 64 rows.
    """
    if not left:
        return NotImplemented
    size = matrix.shape[-1]
    beside = -(matrix.triu(1) if upper else matrix.tril(-1))
    if not unitriangular:
        # OpenVINO has no aten::diagonal either.
        diagonal = (matrix * torch.eye(size, dtype=matrix.dtype)).sum(-1, keepdim=True)
        beside, right = beside / diagonal, right / diagonal
    for _ in range(max(size - 1, 1).bit_length()):
        right = right + beside @ right
        beside = beside @ beside
    return right


def _index_put(value: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """No translator, only for the operator that changes its argument."""
    return value.clone().index_put_(indices, values, accumulate)


def _at_least(value: Tensor, other: Any) -> Any:
    """Groups that a sum counts come to be of 32 bits, and the number beside them is of 64."""
    if not are_whole(value, other) or isinstance(other, Tensor):
        return NotImplemented
    return torch.ge(value.long(), other)


def _float(value: Tensor, **rest: Any) -> Any:
    """Torch's answer is the tensor itself where it has the type already.

    What is written into it later is lost to OpenVINO, which sees a conversion.
    """
    return value if value.dtype is torch.float32 and not rest else NotImplemented


def _bool(value: Tensor, **rest: Any) -> Any:
    """The plugin cannot compile a conversion to booleans of one of several pieces of a tensor."""
    if value.dtype is torch.bool or rest:
        return NotImplemented
    return value != 0


def _to(value: Tensor, *wanted: Any, **settings: Any) -> Any:
    """As ``float`` and ``bool``."""
    if wanted == (torch.bool,) and not settings:
        return _bool(value)
    named = {"dtype": settings.pop("dtype", None), "device": settings.pop("device", None)}
    if any(settings.values()) or any(isinstance(item, bool) and item for item in wanted):
        return NotImplemented
    for item in (*wanted, *named.values()):
        dtype = item.dtype if isinstance(item, Tensor) else item
        if isinstance(dtype, torch.dtype | type) and dtype is not value.dtype:
            return NotImplemented  # also Python's own bool, int and float
    return value


def _set_item(value: Tensor, index: Any, given: Any) -> Any:
    """OpenVINO wants as many values as a mask selects, of a rank that it knows.

    It does not repeat one row for all of them, forgets the axes behind the mask, and takes no
    number for what a list of places selects. The first rows of several, as many as the data tell,
    it takes for all of them.
    """
    if _are_the_first_of_one(index):
        value[index[0]] = _begun_with(given, index[1].stop, value[index[0]])
        return None
    if isinstance(index, tuple) and _are_whole_axes(index[:-1]) and len(index) == value.dim():
        places = torch.as_tensor(index[-1]) if isinstance(index[-1], list | Tensor) else value
        if places.dim() == 1 and places.dtype is torch.int64 and isinstance(given, float | int):
            chosen = (torch.arange(value.shape[-1])[:, None] == places).any(-1)
            value.masked_fill_(chosen, given)
            return None
    if not (isinstance(index, Tensor) and index.dtype is torch.bool and index.dim()):
        return NotImplemented
    behind = value.dim() - index.dim()
    mask = index.reshape(*index.shape, *[1] * behind)
    while isinstance(given, Tensor) and given.dim() > behind and given.shape[0] == 1:
        given = given[0]
    if not isinstance(given, Tensor) or not given.dim():
        value.masked_fill_(mask, given)
    elif given.dim() <= behind:
        value.copy_(torch.where(mask, given.to(value.dtype), value))
    else:
        value.masked_scatter_(mask.expand(value.shape), given.to(value.dtype))
    return None


def _are_the_first_of_one(index: Any) -> bool:
    """Whether an index takes what one item has before a place that is traced: ``[0, :count]``."""
    if not (isinstance(index, tuple) and len(index) == 2 and isinstance(index[0], int)):
        return False
    first = index[1]
    return (
        isinstance(first, slice)
        and first.start is None
        and first.step is None
        and isinstance(first.stop, Tensor)
    )


def _begun_with(given: Any, count: Tensor, rows: Tensor) -> Tensor:
    """Rows of which the first ``count`` are others."""
    places = torch.arange(rows.shape[0])
    is_given = (places < count).reshape(-1, *[1] * (rows.dim() - 1))
    if isinstance(given, Tensor) and given.dim() == rows.dim():
        given = with_one_more(given, 0.0).index_select(0, torch.minimum(places, count))
        given = given.to(rows.dtype)
    return torch.where(is_given, given, rows)


def with_one_more(rows: Tensor, value: float) -> Tensor:
    """Rows with one behind them, which every place takes that is beyond the last."""
    return torch.cat([rows, rows.new_full((1, *rows.shape[1:]), value)])


def _are_whole_axes(index: tuple[Any, ...]) -> bool:
    return all(isinstance(axis, slice) and axis == slice(None) for axis in index)


def _isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """No translator."""
    wanted = torch.as_tensor(test_elements).flatten()
    found: Tensor = (torch.as_tensor(elements)[..., None] == wanted).any(-1)
    return ~found if invert else found


def _repeat_interleave(
    value: Tensor, repeats: Any = None, dim: int | None = None, **rest: Any
) -> Any:
    """By a tensor of counts the result has a wrong rank."""
    if not isinstance(repeats, Tensor) or not repeats.dim() or rest.get("output_size") is not None:
        return NotImplemented
    if dim is None:
        value, dim = value.flatten(), 0
    ends = repeats.expand(value.shape[dim]).cumsum(0)
    length: Any = ends[-1]
    places = (torch.arange(length)[:, None] >= ends).sum(-1)
    return value.index_select(dim, places)


def _cummax(value: Tensor, dim: int) -> Any:
    """No translator: of each place the largest of all up to it, and the last place that has it."""
    if value.dtype is torch.bool or not value.dim():
        return NotImplemented
    return torch.return_types.cummax(_extreme_so_far(value, dim, torch.amax, _lowest(value)))


def _cummin(value: Tensor, dim: int) -> Any:
    """As ``cummax``."""
    if value.dtype is torch.bool or not value.dim():
        return NotImplemented
    return torch.return_types.cummin(_extreme_so_far(value, dim, torch.amin, _highest(value)))


def _extreme_so_far(
    value: Tensor, dim: int, extreme: Callable[..., Tensor], never: float
) -> tuple[Tensor, Tensor]:
    along = value.movedim(dim, -1)[..., None, :]
    places = torch.arange(along.shape[-1])
    so_far = places <= places[:, None]
    values = extreme(torch.where(so_far, along, never), -1)
    has_it = so_far & (along == values[..., None])
    last = torch.where(has_it, places, -1).amax(-1)
    return values.movedim(-1, dim), last.movedim(-1, dim)


def _lowest(value: Tensor) -> float:
    return -math.inf if value.is_floating_point() else torch.iinfo(value.dtype).min


def _highest(value: Tensor) -> float:
    return math.inf if value.is_floating_point() else torch.iinfo(value.dtype).max


def _unfold(value: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """OpenVINO does not know the rank of what its own translation makes."""
    dimension %= value.dim()
    count = (value.shape[dimension] - size) // step + 1
    places = torch.arange(count)[:, None] * step + torch.arange(size)
    windows = value.index_select(dimension, places.flatten())
    shape = (*value.shape[:dimension], count, size, *value.shape[dimension + 1 :])
    return windows.reshape(shape).movedim(dimension + 1, -1)


def _softmax(
    value: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None
) -> Any:
    """The CPU plugin's fused attention mixes up heads and places where there are as many of each.

    normalize(q) @ k.T, softmax, @ v, transpose(1, 2) of (2, 4, 4, 16) is off by half of its range,
    and right with five places. It fuses a softmax along the last axis, and this one is not.
    """
    if value.dim() != 4 or dim not in (-1, 3) or value.shape[1] != value.shape[2]:
        return NotImplemented
    turned = value.transpose(-1, -2)
    return torch.nn.functional.softmax(turned, dim=-2, dtype=dtype).transpose(-1, -2)


def _along_the_last_of_three(reduction: Callable[..., Tensor]) -> Callable[..., Any]:
    """A sum, or the like, of rows of a (batch, rows, columns).

    The CPU plugin fuses an addition or a multiplication by one number a row into it, and reads the
    numbers in another order; it does not across the axis that is kept here and then taken away.
    """

    def of(value: Tensor, dim: Any = None, keepdim: bool = False, **rest: Any) -> Any:
        axes = (dim,) if isinstance(dim, int) else dim
        if keepdim or value.dim() != 3 or axes is None or tuple(axes) not in ((-1,), (2,)):
            return NotImplemented
        return reduction(value, dim=-1, keepdim=True, **rest).squeeze(-1)

    return of


def _randn(*sizes: Any, **settings: Any) -> Any:
    """What a model draws from a seed of its own is a constant; OpenVINO draws other numbers.

    Reformer has the rotations by which it hashes so (``hash_seed``).
    """
    shape = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], Sequence) else sizes
    if torch.initial_seed() == NO_SEED or not all(isinstance(size, int) for size in shape):
        return NotImplemented
    return untraced(torch.randn, sizes, settings)


def _sort(value: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Of equals, torch's CPU keeps the order though it need not; OpenVINO turns it by one."""
    if stable:
        return NotImplemented
    return torch.sort(value, stable=True, dim=dim, descending=descending)


def _argsort(value: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """As ``sort``."""
    if stable:
        return NotImplemented
    return torch.argsort(value, stable=True, dim=dim, descending=descending)


SUBSTITUTES: Mapping[str, Callable[..., Any]] = {
    "floor_divide": _floor_divide,
    "__floordiv__": _floor_divide,
    "__rfloordiv__": _reflected_floor_divide,
    "div": _div,
    "divide": _div,
    "diff": _diff,
    "cross_entropy": _cross_entropy,
    "nan_to_num": _nan_to_num,
    "conj": _conj,
    "fft_rfft": _rfft,
    "fft_irfft": _irfft,
    "linalg_solve_triangular": _solve_triangular,
    "index_put": _index_put,
    "__setitem__": _set_item,
    "bool": _bool,
    "float": _float,
    "to": _to,
    "__ge__": _at_least,
    "ge": _at_least,
    "isin": _isin,
    "repeat_interleave": _repeat_interleave,
    "cummax": _cummax,
    "cummin": _cummin,
    "softmax": _softmax,
    "sum": _along_the_last_of_three(torch.sum),
    "mean": _along_the_last_of_three(torch.mean),
    "amax": _along_the_last_of_three(torch.amax),
    "amin": _along_the_last_of_three(torch.amin),
    "randn": _randn,
    "sort": _sort,
    "argsort": _argsort,
}
"""Name of a torch function: what stands for it; that answers ``NotImplemented`` where it does not
apply, and its docstring says why it is needed."""


def substitute_of(func: Any) -> Callable[..., Any] | None:
    """What stands for a function of torch, if anything does."""
    # torch.nn.functional.unfold, of images, is another operation.
    if func is torch.Tensor.unfold:
        return _unfold
    return SUBSTITUTES.get(getattr(func, "__name__", ""))
