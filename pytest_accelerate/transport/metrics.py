"""What a client has done: calls, errors by kind, latencies, tokens and cost, by operation."""

from __future__ import annotations

import bisect
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

BOUNDS: tuple[float, ...] = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
)  # fmt: skip
"""Upper bounds of the latency histogram, seconds; what is beyond is counted last."""


@dataclass(frozen=True)
class OperationMetrics:
    """One operation's counts since the client was made."""

    calls: int = 0
    """Calls that came to an end."""
    sent: int = 0
    """Requests sent, each try counted."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Calls that failed, by the name of the error; ``cancelled`` where the caller gave up. Streams
    that broke off after they had begun too, and answers that cannot be read."""
    latency: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    """Calls by duration, queue and sleeps included: one count for each of :data:`BOUNDS`."""
    seconds: float = 0.0
    """All durations added up."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    """``None`` from the first call on whose price is not known: a sum that lacks some is none."""


class _Counts:
    __slots__ = ("calls", "cost", "errors", "input", "latency", "output", "seconds", "sent")

    def __init__(self) -> None:
        self.calls = self.sent = self.input = self.output = 0
        self.seconds = 0.0
        self.errors: Counter[str] = Counter()
        self.latency = [0] * (len(BOUNDS) + 1)
        self.cost: float | None = 0.0


class Metrics:
    """The metrics of one client; safe to use from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, _Counts] = {}

    def sent(self, operation: str) -> None:
        """Count a request."""
        with self._lock:
            self._of(operation).sent += 1

    def succeeded(self, operation: str, seconds: float) -> None:
        """Count a call that was answered."""
        with self._lock:
            self._ended(operation, seconds)

    def failed(self, operation: str, kind: str, seconds: float) -> None:
        """Count a call that was not."""
        with self._lock:
            self._ended(operation, seconds).errors[kind] += 1

    def broke(self, operation: str, kind: str) -> None:
        """Count an error that comes after the answer: its call is counted already."""
        with self._lock:
            self._of(operation).errors[kind] += 1

    def spent(
        self, operation: str, input_tokens: int, output_tokens: int, cost_usd: float | None
    ) -> None:
        """Add what a call used; ``cost_usd=None`` where its price is not known."""
        with self._lock:
            counts = self._of(operation)
            counts.input += input_tokens
            counts.output += output_tokens
            known = counts.cost is not None and cost_usd is not None
            counts.cost = counts.cost + cost_usd if known else None  # type: ignore[operator]

    def snapshot(self) -> Mapping[str, OperationMetrics]:
        """The counts of now, by operation."""
        with self._lock:
            return {
                name: OperationMetrics(
                    counts.calls, counts.sent, dict(counts.errors), tuple(counts.latency),
                    counts.seconds, counts.input, counts.output, counts.cost,
                )
                for name, counts in self._counts.items()
            }  # fmt: skip

    def _of(self, operation: str) -> _Counts:
        counts = self._counts.get(operation)
        if counts is None:
            counts = self._counts[operation] = _Counts()
        return counts

    def _ended(self, operation: str, seconds: float) -> _Counts:
        counts = self._of(operation)
        counts.calls += 1
        counts.seconds += seconds
        counts.latency[bisect.bisect_left(BOUNDS, seconds)] += 1
        return counts
