"""``timeout``: a silent server ends in a typed error before the call's own time is over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx

from pytest_accelerate.errors import ProviderError, ProviderTimeout
from pytest_accelerate.providers.stages.base import (
    ONE_AT_A_TIME,
    Bench,
    Context,
    check,
    error_of,
)
from pytest_accelerate.stages.base import Outcome

SILENCE, DEADLINE = 4.0, 10.0
"""Seconds, by the clock of the client."""
_HANGS = 0.02
"""Seconds of real time until an event loop gives up a server that never answers."""


def timeout(context: Context) -> Outcome:
    """Answer nothing for as long as the request allows, and for ever."""
    for way in context.ways:
        policy = replace(ONE_AT_A_TIME, read_timeout=SILENCE, stream_idle_timeout=SILENCE)
        benches: list[Bench] = []

        def silent(request: httpx.Request) -> Any:
            allowed, clock = request.extensions["timeout"]["read"], benches[-1].clock  # noqa: B023
            if context.streams_only:  # its first event is waited for by the driver's own time
                allowed = min(allowed, DEADLINE - clock.now())
            clock.advance(allowed)
            raise httpx.ReadTimeout("no answer", request=request)

        with context.mocked(*[silent] * policy.max_tries, policy=policy) as bench:
            benches.append(bench)
            error = error_of(
                lambda: context.call(way, bench.handler, timeout=DEADLINE),  # noqa: B023
                ProviderTimeout,
                "a silent server",
            )
            check(isinstance(error, TimeoutError), "it is no TimeoutError")
            passed = bench.clock.now()
            check(passed < DEADLINE + 0.001, f"after {passed:.1f} s of {DEADLINE} s it went on")
            # Two silences and two sleeps fit into the time, and at times the begin of a third.
            expected = (2, 3) if context.declared.resend else (1,)
            check(bench.sent in expected, f"sent {bench.sent} times")
            bench.check_free("a call without an answer")
    _hangs(context)
    return Outcome()


def _hangs(context: Context) -> None:
    async def never(request: httpx.Request) -> Any:
        await asyncio.Event().wait()

    with context.mocked(never) as bench:
        error: ProviderError = error_of(
            lambda: context.call(context.ways[1], bench.handler, timeout=_HANGS),
            ProviderError,
            "a server that hangs",
        )
        check(isinstance(error, TimeoutError), f"{type(error).__name__} is no TimeoutError")
        bench.check_free("a call without an answer")
