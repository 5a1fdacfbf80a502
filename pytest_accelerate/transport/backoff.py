"""How long to wait before the next try: exponential with jitter, or what the provider asks for."""

from __future__ import annotations

import email.utils
import math
import threading
import time
from collections.abc import Mapping
from random import Random

from pytest_accelerate.transport.policy import Policy


def delay(policy: Policy, tries: int, random: Random) -> float:
    """Seconds to sleep after ``tries`` tries: half of the exponential step, and up to all of it."""
    step = min(
        policy.backoff_cap, policy.backoff_initial * policy.backoff_factor ** min(tries - 1, 60)
    )
    return step * (0.5 + 0.5 * random.random())


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that ``retry-after-ms`` or ``Retry-After`` asks for.

    Seconds may be a fraction; a date is one of RFC 9110, section 5.6.7.

    Args:
        headers: with lower-case names, or case-insensitive.
        now: POSIX time, for a date; the present where it is ``None``.

    Returns:
        ``None`` where there is none that can be read; never negative.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    date = email.utils.parsedate_tz(text)
    if date is None:
        return None
    try:
        moment = email.utils.mktime_tz(date)
    except (OverflowError, ValueError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


class RetryBudget:
    """Retries in proportion to calls, so that a struggling provider is not hit five-fold."""

    def __init__(self, policy: Policy) -> None:
        self._ratio, self._floor = policy.retry_budget, policy.retry_floor
        self._lock = threading.Lock()
        self._calls = 0
        self._retries = 0

    def call(self) -> None:
        """Count a call."""
        with self._lock:
            self._calls += 1

    def spend(self) -> bool:
        """Take one retry from the budget; ``False`` when it is used up."""
        with self._lock:
            if self._retries >= self._floor + self._ratio * self._calls:
                return False
            self._retries += 1
            return True
