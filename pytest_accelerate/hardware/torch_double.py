"""A model in float64 throughout, and with the masks that it has in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from pytest_accelerate.zoo.answering import Answering


@contextmanager
def in_double() -> Iterator[None]:
    """Let a model of float64 compute nothing in float32, and hide nothing by what overflows.

    Some models make float32 by its name (xlnet's masks of permutations), which torch does not
    multiply with float64. Some add up masks of the lowest value of the dtype (prophetnet, csm): of
    float32 the sums are finite in float64 as well, and of float64 they are not.
    """
    limits: Any = torch.finfo

    def of_single(dtype: torch.dtype) -> Any:
        return limits(torch.float32 if dtype is torch.float64 else dtype)

    torch.finfo = of_single  # type: ignore[misc, assignment]
    try:
        with Answering(_doubled):
            yield
    finally:
        torch.finfo = limits  # type: ignore[misc]


def _doubled(func: Any, *args: Any, **kwargs: Any) -> Any:
    """What a function makes of float64 where float32 is asked for."""
    if func is torch.Tensor.float:
        return torch.Tensor.double(*args, **kwargs)
    if kwargs.get("dtype") is torch.float32:
        return func(*args, **{**kwargs, "dtype": torch.float64})
    named = any(item is torch.float32 for item in args[1:])
    if named and func in (torch.Tensor.to, torch.Tensor.type):
        return func(*(torch.float64 if item is torch.float32 else item for item in args), **kwargs)
    return NotImplemented
