"""Stage ``benchmark``: how long a forward pass takes, and what that makes a second."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pytest_accelerate.stages.base import Context, Outcome

LEAST, MOST = 3, 50
"""Passes that are timed, after those of ``run``, which pay for lazy initialisation."""
SECONDS_ALONE, SECONDS_BESIDE_OTHERS = 0.5, 0.05
"""Time for them: a latency taken beside other cells is a hint, whatever it costs."""
SECONDS_WATCHED = 0.2
"""Time at least, beside no other cell, to see whether other processes take the processor: systems
count it in hundredths of a second. Passes go on meanwhile, however many."""
CORES_OF_OTHERS = 0.25
"""Cores that others may take beyond idle ones before a latency is a hint. With two threads on two
cores and a busy process beside them, latencies were up to 500 times those of an idle machine."""


def benchmark(context: Context) -> Outcome:
    """Time forward passes on the specimen's inputs, one after the other."""
    inputs, alone = context.specimen.inputs, context.settings.alone
    before = Use.now()
    times = (
        _times(context, SECONDS_ALONE, SECONDS_WATCHED)
        if alone
        else _times(context, SECONDS_BESIDE_OTHERS)
    )
    disturbed = before.contended(Use.now(), context.settings.threads)
    p50 = _quantile(times, 0.5)
    items, tokens = _rows(inputs), _tokens(inputs)
    context.measures = replace(
        context.measures,
        latency_seconds=p50,
        latency_p90_seconds=_quantile(times, 0.9),
        latency_is_hint=disturbed or not alone,
        latency_passes=len(times),
        latency_deciles=tuple(_short(_quantile(times, tenth / 10)) for tenth in range(11)),
        items_per_second=items / p50 if items else None,
        tokens_per_second=tokens / p50 if tokens else None,
        device_memory_bytes=_device_memory(context.cell.hardware),
    )
    return Outcome()


@dataclass(frozen=True)
class Use:
    """The processor time that was used until a moment."""

    at: float
    by_all: float | None
    """Seconds of all cores; ``None`` where the system does not tell."""
    by_us: float

    @classmethod
    def now(cls) -> Use:
        """That until now."""
        return cls(time.perf_counter(), _seconds_of_all(), time.process_time())

    def contended(self, now: Use, threads: int) -> bool:
        """Whether other processes took more since then than our threads left idle."""
        elapsed = now.at - self.at
        if self.by_all is None or now.by_all is None or elapsed < SECONDS_WATCHED / 2:
            return False
        others = (now.by_all - self.by_all - (now.by_us - self.by_us)) / elapsed
        idle = max(0, (os.cpu_count() or 1) - threads)
        return others > idle + CORES_OF_OTHERS


def _seconds_of_all() -> float | None:
    """Processor seconds of all processes since the machine started, stolen ones too."""
    try:
        _, *ticks = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _waiting, *rest = map(int, ticks[:8])
    return float(user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def _times(context: Context, budget: float, least: float = 0.0) -> list[float]:
    """Seconds of each pass, until they add up to the budget or there are enough.

    Args:
        context: of the cell.
        budget: seconds.
        least: seconds before which there are never enough.
    """
    inputs = context.specimen.inputs
    times: list[float] = []
    total = 0.0
    while len(times) < LEAST or (total < budget and (len(times) < MOST or total < least)):
        started = time.perf_counter()
        context.loaded.run(inputs)
        times.append(time.perf_counter() - started)
        total += times[-1]
        if total > 20 * budget:
            break  # seconds a pass: one is enough, and the cell has other things to do
    return times


def _short(seconds: float) -> float:
    """To three digits that count: more would be noise in every result line."""
    return float(f"{seconds:.3g}")


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
