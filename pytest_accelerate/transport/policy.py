"""How calls are queued, timed and tried again: one frozen record, with the defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Policy:
    """The policy of one client; seconds and bytes throughout."""

    concurrency: int = 5
    """Requests in flight at once."""
    queue_size: int = 100
    """Calls that may wait for their turn; one more is refused."""
    max_tries: int = 5
    """How often a call is sent at most, the first time included."""
    backoff_initial: float = 1.0
    backoff_factor: float = 2.0
    backoff_cap: float = 16.0
    """Longest sleep between two tries. A ``Retry-After`` beyond it fails the call at once."""
    retry_budget: float = 0.2
    """Retries allowed for each call made, over the life of the client..."""
    retry_floor: int = 20
    """...and allowed in any case, so that a quiet client may retry at all."""
    deadline: float = 600.0
    """Whole time of a call: waiting, trying, sleeping. A stream's until its first event."""
    connect_timeout: float = 10.0
    read_timeout: float = 300.0
    """Longest silence while an answer is waited for."""
    write_timeout: float = 60.0
    stream_idle_timeout: float = 60.0
    """Longest silence between two pieces of a stream."""
    breaker_failures: int = 10
    """Failures in a row that open the breaker; 0 switches it off."""
    breaker_cooldown: float = 30.0
    """Seconds until an open breaker lets one probe through."""
    max_response_bytes: int = 2**30
    """An answer beyond it is refused rather than kept in memory."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            name, value = spec.name, getattr(self, spec.name)
            least = 1 if name in _AT_LEAST_ONE else 0
            whole = type(spec.default) is int
            if not _is_number(value, whole) or value < least:
                raise ValueError(f"policy: {name} cannot be {value!r}")


_AT_LEAST_ONE = frozenset({"concurrency", "max_tries", "backoff_factor", "max_response_bytes"})


def _is_number(value: object, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return False
    return math.isfinite(value)
