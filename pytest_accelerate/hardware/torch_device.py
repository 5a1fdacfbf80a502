"""What a model on a torch device is given, how a device refuses it, and what is freed after it."""

from __future__ import annotations

import copy
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from pytest_accelerate.errors import UnsupportedOperation

_REFUSED = re.compile(r"\"?(?P<operator>[\w:.]+)\"? not implemented for '(?P<kind>\w+)'")
_REFUSED_UNNAMED = re.compile(r"[Uu]nsupported (?:data ?type|dtype):? (?P<kind>Half|BFloat16)")
"""torch's transforms do not say who they are: the line that called them does."""


def moved(value: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """A copy of an input on a device, floats at the model's precision."""
    if isinstance(value, torch.Tensor):
        there = value.to(device, copy=True)
        return there.to(dtype) if there.is_floating_point() else there
    if isinstance(value, Mapping):
        return {key: moved(child, device, dtype) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(moved(child, device, dtype) for child in value)
    return copy.deepcopy(value)


def free(device: torch.device) -> None:
    """Give back what torch keeps of a device's memory for later use."""
    if device.type in ("cuda", "xpu"):
        getattr(torch, device.type).empty_cache()


@contextmanager
def refusals_named() -> Iterator[None]:
    """Tell what torch raises where a device lacks memory, or an operator at a precision.

    Raises:
        MemoryError: the device has not enough.
        UnsupportedOperation: names the operator and the kind of number.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from error
    except (NotImplementedError, RuntimeError) as error:
        if refused := _REFUSED.search(str(error)):
            operator, kind = refused["operator"], refused["kind"]
            raise UnsupportedOperation(f"torch has no {operator} for {kind}", [operator]) from error
        if refused := _REFUSED_UNNAMED.search(str(error)):
            line = traceback.extract_tb(error.__traceback__)[-1].line
            raise UnsupportedOperation(
                f"torch has no operator for {refused['kind']} here: {line}"
            ) from error
        raise
