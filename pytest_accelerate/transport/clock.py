"""Time as the transport knows it, so that a test can make it pass."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A clock that only goes forward, and sleeping by it."""

    def now(self) -> float:
        """Seconds since an arbitrary moment."""

    def sleep(self, seconds: float) -> None:
        """Block this thread."""

    async def asleep(self, seconds: float) -> None:
        """Suspend this task."""


class SystemClock:
    """The machine's own."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)
    asleep = staticmethod(asyncio.sleep)


class FakeClock:
    """Passes only when something sleeps by it; remembers how long each sleep was."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 0.0

    def now(self) -> float:
        """Seconds slept so far."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept.append(seconds)
        self.advance(seconds)

    async def asleep(self, seconds: float) -> None:
        """Let time pass once the other tasks had their turn."""
        await asyncio.sleep(0)
        self.sleep(seconds)
