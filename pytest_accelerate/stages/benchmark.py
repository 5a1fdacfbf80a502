"""Stage ``benchmark``: how long a forward pass takes, and what that makes a second."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from pytest_accelerate.stages.base import Context, Outcome

LEAST, MOST = 3, 50
"""Passes that are timed, after those of ``run``, which pay for lazy initialisation."""
SECONDS_ALONE, SECONDS_BESIDE_OTHERS = 0.5, 0.05
"""Time for them: a latency taken beside other cells is a hint, whatever it costs."""


def benchmark(context: Context) -> Outcome:
    """Time forward passes on the specimen's inputs, one after the other."""
    inputs, alone = context.specimen.inputs, context.settings.alone
    times = _times(context, SECONDS_ALONE if alone else SECONDS_BESIDE_OTHERS)
    p50 = _quantile(times, 0.5)
    items, tokens = _rows(inputs), _tokens(inputs)
    context.measures = replace(
        context.measures,
        latency_seconds=p50,
        latency_p90_seconds=_quantile(times, 0.9),
        latency_is_hint=not alone,
        latency_passes=len(times),
        items_per_second=items / p50 if items else None,
        tokens_per_second=tokens / p50 if tokens else None,
        device_memory_bytes=_device_memory(context.cell.hardware),
    )
    return Outcome()


def _times(context: Context, budget: float) -> list[float]:
    inputs = context.specimen.inputs
    times: list[float] = []
    while len(times) < LEAST or (len(times) < MOST and sum(times) < budget):
        started = time.perf_counter()
        context.loaded.run(inputs)
        times.append(time.perf_counter() - started)
        if sum(times) > 20 * budget:
            break  # seconds a pass: one is enough, and the cell has other things to do
    return times


def _device_memory(hardware: str) -> int | None:
    """Most bytes that torch held on a device of its own; ``None`` where the memory is the host's.

    The cell's process is its own, so that nothing of another cell is in it.
    """
    kind = hardware.partition(":")[0]
    if kind not in ("cuda", "xpu"):
        return None
    return int(getattr(torch, kind).max_memory_allocated(hardware))


def _quantile(times: Sequence[float], share: float) -> float:
    """The smallest time that at least this share of the passes stays within."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _rows(inputs: Mapping[str, Any]) -> int:
    """Rows of the batch; 0 where the inputs do not tell."""
    carriers = ("input_ids", "inputs_embeds", "pixel_values", "input_features", "input_values",
                "past_values", "hidden_states")  # fmt: skip
    found = (inputs[name] for name in carriers if isinstance(inputs.get(name), torch.Tensor))
    return next((value.shape[0] for value in found if value.dim() > 1), 0)


def _tokens(inputs: Mapping[str, Any]) -> int:
    """Tokens of text, padding left out; 0 for a model without text."""
    ids, mask = inputs.get("input_ids"), inputs.get("attention_mask")
    if not isinstance(ids, torch.Tensor) or ids.is_floating_point():
        return 0
    if isinstance(mask, torch.Tensor) and mask.shape == ids.shape:
        return int(mask.sum())
    return ids.numel()
