"""The model as a trace is to see it: operators that OpenVINO lacks or gets wrong are others."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any

import torch

from pytest_accelerate.hardware.openvino_operators import (
    NO_SEED,
    are_whole,
    substitute_of,
    with_one_more,
)
from pytest_accelerate.zoo.answering import Answering

Tensor = torch.Tensor
_JIT: Any = torch.jit


@contextmanager
def substituted() -> Iterator[None]:
    """Put what the tables have in place of an operator, wherever the model calls it."""
    with _unseen_substituted(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(NO_SEED)
        with Answering(_substitute):
            yield


def _substitute(func: Any, *args: Any, **kwargs: Any) -> Any:
    """What the substitute answers, if the table has one for these arguments."""
    substitute = substitute_of(func)
    return NotImplemented if substitute is None else substitute(*args, **kwargs)


@contextmanager
def _unseen_substituted() -> Iterator[None]:
    before = {(owner, name): vars(owner)[name] for owner, name in UNSEEN}
    try:
        for (owner, name), substitute in UNSEEN.items():
            setattr(owner, name, substitute)
        yield
    finally:
        for (owner, name), function in before.items():
            setattr(owner, name, function)


def _pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """No translator. How long each is may hang on the data, and so which is the longest."""
    lengths = [torch.as_tensor(sequence.shape[0]) for sequence in sequences]
    longest: Any = reduce(torch.maximum, lengths)
    places = torch.arange(longest)
    padded = []
    for sequence, length in zip(sequences, lengths, strict=True):
        if padding_side == "right":
            taken = torch.minimum(places, length)
        else:
            missing = longest - length
            taken = torch.where(places < missing, length, places - missing)
        padded.append(with_one_more(sequence, padding_value).index_select(0, taken))
    return torch.stack(padded, 0 if batch_first else 1)


def _extreme_of_sizes(
    extreme: Callable[..., Any], of_two: Callable[[Tensor, Tensor], Tensor]
) -> Callable[..., Any]:
    """``max`` or ``min`` of sizes that hang on the data, as an operation of the graph.

    Python's own compares them as they are while it is traced, and leaves in the trace which of them
    it took: of images that have other keypoints, superpoint's graph cut all to what the image with
    the most had been (58 places for 60).
    """

    def of(*values: Any, **settings: Any) -> Any:
        if settings or not _JIT.is_tracing():
            return extreme(*values, **settings)
        if len(values) == 1:
            values = tuple(values[0])
        if not are_whole(*values) or any(isinstance(v, Tensor) and v.dim() for v in values):
            return extreme(values)
        return reduce(of_two, map(torch.as_tensor, values))

    return of


class _NoGradient:
    """What a function with a gradient of its own is given to keep things in for that."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        self.needs_input_grad = (False,) * len(arguments)

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Nothing goes backward."""

    mark_dirty = mark_non_differentiable = set_materialize_grads = save_for_backward


def _forward_alone(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """``torch.autograd.Function`` hides from a trace what it does."""
    if cls.setup_context is not torch.autograd.Function.setup_context:
        return cls.forward(*args, **kwargs)
    return cls.forward(_NoGradient(args), *args, **kwargs)


UNSEEN: Mapping[tuple[Any, str], Any] = {
    (torch._C._nn, "pad_sequence"): _pad_sequence,
    (torch.autograd.Function, "apply"): classmethod(_forward_alone),
    (builtins, "max"): _extreme_of_sizes(max, torch.maximum),
    (builtins, "min"): _extreme_of_sizes(min, torch.minimum),
}
"""Where a function is, and its name: what stands for it. No mode gets to see a function that takes
a list of tensors past torch's overriding, nor what has a gradient of its own or is Python's."""
