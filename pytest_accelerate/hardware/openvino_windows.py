"""Caches of layers that attend to a window: whole in a graph, where that changes no answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from pytest_accelerate.agreement import compare
from pytest_accelerate.hardware.leaves import leaves
from pytest_accelerate.hardware.openvino_calls import CACHES, WatchedCall, watched
from pytest_accelerate.tolerances import tolerance_of

Caches = Callable[[], AbstractContextManager[Any]]


def watched_in_windows(
    model: Any, prompt: Mapping[str, Any], tokens: int
) -> tuple[list[WatchedCall], Caches]:
    """The calls that ``generate`` makes, and how the layers with a window cache meanwhile.

    They keep all tokens, unless the model then says something else: moshi masks none of those
    before the window, and relies on the cache to have forgotten them.

    Args:
        model: left as it was.
        prompt: keyword arguments of ``generate``.
        tokens: how many follow the prompt.
    """
    with whole_caches() as made_whole:
        calls = watched(model, prompt, tokens)
    if made_whole:
        cut = watched(model, prompt, tokens)
        if not _alike(calls, cut):
            return cut, nullcontext
    return calls, whole_caches


def _alike(calls: Sequence[WatchedCall], others: Sequence[WatchedCall]) -> bool:
    """Whether calls answer the same, what they hand on apart."""
    return len(calls) == len(others) and all(
        compare(_answers(call), _answers(other), tolerance_of("fp32")).agrees
        for call, other in zip(calls, others, strict=True)
    )


def _answers(call: WatchedCall) -> dict[str, Any]:
    found = leaves(call.outcome.output)
    return {name: leaf for name, leaf in found.items() if name.partition(".")[0] not in CACHES}


@contextmanager
def whole_caches() -> Iterator[set[type]]:
    """Let a layer with a window keep all tokens: its mask keeps it to the window anyway.

    It counts tokens in a Python number, which a trace cannot follow. transformers' exporters do the
    same. A layer that keeps a prompt beside its window (unlimited_ocr) adds the prompt's length to
    both sizes, so neither may be derived from the other as it has it. One that cuts its tokens
    itself (deepseek_v4) counts them as well, and keeps to its own sizes.

    Yields:
        A set that fills with the kinds of layer that keep all.
    """
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    made_whole: set[type] = set()
    length = DynamicLayer.get_seq_length
    counted = DynamicSlidingWindowLayer.get_seq_length
    counted_sizes = DynamicSlidingWindowLayer.get_mask_sizes

    # The exporter looks them up again by their names.
    def update(layer: Any, *states: Any, **named: Any) -> Any:
        made_whole.add(type(layer))
        return DynamicLayer.update(layer, *states, **named)

    def get_seq_length(layer: Any) -> Any:
        return counted(layer) if layer.cumulative_length else length(layer)

    def get_mask_sizes(layer: Any, query_length: int) -> Any:
        if layer.cumulative_length:
            return counted_sizes(layer, query_length)
        return length(layer) + query_length, 0

    whole = {"update": update, "get_mask_sizes": get_mask_sizes, "get_seq_length": get_seq_length}
    before = {name: getattr(DynamicSlidingWindowLayer, name) for name in whole}
    for name, method in whole.items():
        setattr(DynamicSlidingWindowLayer, name, method)
    try:
        yield made_whole
    finally:
        for name, method in before.items():
            setattr(DynamicSlidingWindowLayer, name, method)
