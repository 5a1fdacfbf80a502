"""What a trace need not hold, since no input of its graph can change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_TENSOR: Any = torch.Tensor
_SIZES = frozenset(
    (_TENSOR.shape.__get__, _TENSOR.size, _TENSOR.numel, _TENSOR.nelement, _TENSOR.__len__)
)
_CONCATENATIONS = (torch.cat, torch.concat, torch.concatenate)

# What these make is filled in later, by pieces of what is traced, or is drawn.
_BLANKS = frozenset(
    f"{prefix}{kind}{suffix}"
    for kind in ("zeros", "ones", "empty", "full", "rand", "randn", "randint")
    for prefix, suffix in (("", ""), ("new_", ""), ("", "_like"))
)
_SELECTING = frozenset(
    ("nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "bincount")
)
# Their result has the size of their first argument, whatever is put into it.
_FILLING = frozenset(
    ("masked_scatter", "masked_fill", "index_put", "index_copy", "index_add", "scatter")
)

# They fill by a truth value as well as by a number; torch.jit fails at the former, and says that
# this is to be reported.
_TAKING_NUMBERS = frozenset(("scatter", "scatter_", "full_like"))


class FixedLayout(TorchFunctionMode):
    """Computes outside the trace all that follows from sizes and constants alone.

    ``torch.jit.trace`` records the sizes of tensors, and the positions, grids and windows that a
    model derives from them, as operations: a hundred for one position of an image, among them such
    as OpenVINO does not convert (``meshgrid``, ``index``) and Python cannot round. The graph is of
    fixed shapes, so they are numbers: the model gets them as such, and what it computes of them
    enters the trace as a constant.

    Sizes that depend on the values of inputs (how many entries a mask selects) stay in the trace.
    So do weights and what is computed of them, which would be held twice; but a table of positions
    that is resized to the image is known.
    """

    def __init__(
        self, constants: Iterable[torch.Tensor], weights: Iterable[torch.Tensor] = ()
    ) -> None:
        super().__init__()
        # By id; the tensors are kept, so that no other gets the id of one.
        self._known = {id(tensor): tensor for tensor in constants}
        self._weights = {id(tensor): tensor for tensor in weights}
        self._unsized: dict[int, torch.Tensor] = {}
        self._copies: dict[tuple[int, int], torch.Tensor] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run ``func`` outside the trace where its result is known, and in it otherwise."""
        kwargs = kwargs or {}
        args = traceable(func, args)
        if func in _SIZES and id(args[0]) not in self._unsized:
            return untraced(func, args, kwargs)
        name = getattr(func, "__name__", "")
        if name not in _BLANKS and self._is_known(func, *_tensors((args, kwargs))):
            result = untraced(func, args, kwargs)
            self._known.update((id(tensor), tensor) for tensor in _tensors(result))
            return result
        return self._traced(func, name, args, kwargs)

    def _knows(self, *tensors: torch.Tensor) -> bool:
        return all(id(tensor) in self._known for tensor in tensors)

    def _is_known(self, func: Any, *tensors: torch.Tensor) -> bool:
        resized = func is torch.nn.functional.interpolate and self._are_weights(*tensors)
        return resized or self._knows(*tensors)

    def _are_weights(self, *tensors: torch.Tensor) -> bool:
        return all(id(tensor) in self._weights or self._knows(tensor) for tensor in tensors)

    def _traced(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        changing = _changes_its_first_argument(name)
        if changing and args and id(args[0]) in self._known:
            raise TypeError(f"{name} writes what is traced into a constant")
        unsized = self._has_no_fixed_size(name, args, kwargs)
        of_weights = self._are_weights(*_tensors((args, kwargs))) and name not in _BLANKS
        result = func(*self._copied(args), **self._copied(kwargs))
        if of_weights:
            self._weights.update((id(tensor), tensor) for tensor in _tensors(result))
        if unsized and not changing:
            self._unsized.update((id(tensor), tensor) for tensor in _tensors(result))
        return result

    def _has_no_fixed_size(self, name: str, args: tuple[Any, ...], kwargs: Any) -> bool:
        sized_by = args[:1] if name in _FILLING else (args, kwargs)
        if any(id(tensor) in self._unsized for tensor in _tensors(sized_by)):
            return True
        if name == "where":
            return len(args) + len(kwargs) == 1
        if name == "repeat_interleave":
            return not self._knows(*_tensors((args[1:], kwargs)))
        if name == "__getitem__":
            masks = (index for index in _tensors(args[1:]) if index.dtype is torch.bool)
            return not self._knows(*masks)
        return name in _SELECTING

    def _copied(self, value: Any) -> Any:
        """``value`` with its constants as they are now: the trace keeps what it is given."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self._known:
                return value
            return self._copy(value)
        if isinstance(value, dict):
            return {name: self._copied(item) for name, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self._copied(item) for item in value)
        if isinstance(value, slice):
            return slice(*(self._copied(item) for item in (value.start, value.stop, value.step)))
        return value

    def _copy(self, tensor: torch.Tensor) -> torch.Tensor:
        # One of inference mode does not count its changes: it is copied each time.
        key = (id(tensor), -1 if tensor.is_inference() else tensor._version)
        if key not in self._copies or tensor.is_inference():
            self._copies[key] = untraced(torch.clone, (tensor,), {})
        return self._copies[key]


def untraced(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """What a function answers while nothing is traced."""
    tracer: Any = torch._C
    state = tracer._get_tracing_state()
    tracer._set_tracing_state(None)
    try:
        return func(*args, **kwargs)
    finally:
        tracer._set_tracing_state(state)


def traceable(func: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a function of torch as ``torch.jit`` and OpenVINO can have them."""
    if func in _CONCATENATIONS and args:
        args = (_without_empty_parts(args[0]), *args[1:])
    if getattr(func, "__name__", "") in _TAKING_NUMBERS:
        args = tuple(int(item) if isinstance(item, bool) else item for item in args)
    return args


def _without_empty_parts(parts: Any) -> Any:
    """The parts of a concatenation without tensors of shape (0,), which torch skips.

    A cache begins as one, and OpenVINO refuses to concatenate it with keys of four dimensions. For
    want of a trace, such a model (xlm, flaubert) depended on its exported graph alone, which
    OpenVINO 2026.4 compiles on a CPU with AVX-512 and not on one with AVX2, where its fusion of
    elementwise operations fails ("2 passes with type info ... can't be merged").
    """
    if not isinstance(parts, list | tuple):
        return parts
    return [part for part in parts if part.dim() != 1 or len(part)] or parts


def _changes_its_first_argument(name: str) -> bool:
    if name.startswith("__"):
        return name in ("__setitem__", "__set__") or name in _IN_PLACE_OPERATORS
    return name.endswith("_")


_IN_PLACE_OPERATORS = frozenset(
    f"__i{operator}__"
    for operator in (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"),
        *("and", "or", "xor", "lshift", "rshift"),
    )
)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """All tensors in an argument or a result."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, slice):
        yield from _tensors((value.start, value.stop, value.step))
