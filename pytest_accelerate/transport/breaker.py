"""The circuit breaker: after failures in a row nothing is sent for a while, then one probe.

Sans-IO. Server errors, failed connections and timeouts count; a rate limit does not, as the
provider answers then.
"""

from __future__ import annotations

import threading
from enum import StrEnum

from pytest_accelerate.errors import CircuitOpen


class BreakerState(StrEnum):
    """What a breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    """One probe is under way; its outcome decides."""


class Breaker:
    """One for each client; safe to use from threads."""

    def __init__(self, failures: int, cooldown: float) -> None:
        self._limit, self._cooldown = failures, cooldown
        self._lock = threading.Lock()
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """What it lets through now."""
        if self._opened is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._probing else BreakerState.OPEN

    def enter(self, now: float) -> bool:
        """Ask to send.

        Returns:
            Whether this is the probe, to be told to :meth:`leave` as it is.

        Raises:
            CircuitOpen: not now; ``retry_after`` says when.
        """
        with self._lock:
            if self._opened is None:
                return False
            remaining = self._opened + self._cooldown - now
            if remaining > 0 or self._probing:
                wait = max(remaining, 0.0)
                raise CircuitOpen(
                    f"{self._failures} requests in a row failed, so none is sent for "
                    f"{wait:.0f} s more"
                    if wait
                    else "a single request is finding out whether the provider answers again",
                    retry_after=wait,
                )
            self._probing = True
            return True

    def leave(self, now: float, probe: bool, succeeded: bool | None) -> None:
        """Tell how it went.

        Args:
            now: the time.
            probe: what :meth:`enter` returned.
            succeeded: ``None`` where it says nothing of the provider, such as a cancelled call.
        """
        with self._lock:
            if probe:
                self._probing = False
            if succeeded is None:
                return
            if succeeded:
                # A late answer from before it opened does not close it: that is the probe's to do.
                if probe or self._opened is None:
                    self._failures, self._opened = 0, None
                return
            self._failures += 1
            if probe or (self._opened is None and 0 < self._limit <= self._failures):
                self._opened = now
