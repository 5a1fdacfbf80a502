"""``rate-limit``: as long as it asks for is waited, and no call waits beyond the cap."""

from __future__ import annotations

import httpx

from pytest_accelerate.errors import RateLimited
from pytest_accelerate.providers.stages.base import ONE_AT_A_TIME, Context, Way, check, error_of
from pytest_accelerate.stages.base import Outcome

SHORT, LONG = 7, 3600
"""Seconds, within the cap of the default policy and beyond it."""


def rate_limit(context: Context) -> Outcome:
    """Answer 429 with a time to wait."""
    for way in context.ways:
        if not context.provider.sees_delays:
            _unseen(context, way)
            continue
        with context.mocked(_limited(SHORT), then=context.answered) as bench:
            context.call(way, bench.handler)
            (slept,) = bench.clock.slept or (0.0,)
            check(SHORT <= slept <= SHORT * 1.1, f"told to wait {SHORT} s, it waited {slept:.2f} s")
            bench.check_free("an answered call")
        with context.mocked(_limited(LONG)) as bench:
            error = error_of(
                lambda: context.call(way, bench.handler),  # noqa: B023
                RateLimited,
                f"told to wait {LONG} s",
            )
            check(not bench.clock.slept, "it slept though the wait is beyond the cap")
            check(error.retry_after == LONG, f"its retry_after is {error.retry_after}, not {LONG}")
            check(error.status == 429, f"its status is {error.status}")
            bench.check_free("a limited call")
    return Outcome()


def _unseen(context: Context, way: Way) -> None:
    """Where the time to wait does not reach us, it is waited for as the policy says."""
    policy = ONE_AT_A_TIME
    with context.mocked(_limited(SHORT), then=context.answered) as bench:
        context.call(way, bench.handler)
        (slept,) = bench.clock.slept or (0.0,)
        least, most = policy.backoff_initial / 2, policy.backoff_initial
        check(least <= slept <= most, f"it waited {slept:.2f} s, not {least} to {most}")
        bench.check_free("an answered call")
    with context.mocked(*[_limited(SHORT)] * policy.max_tries) as bench:
        error = error_of(
            lambda: context.call(way, bench.handler), RateLimited, "limited at each try"
        )
        check(bench.sent == policy.max_tries, f"sent {bench.sent} times")
        check(error.status == 429, f"its status is {error.status}")
        bench.check_free("a limited call")


def _limited(seconds: int) -> httpx.Response:
    return httpx.Response(
        429,
        headers={"retry-after": str(seconds)},
        json={"error": {"message": "too many requests", "type": "rate_limit_error"}},
    )
