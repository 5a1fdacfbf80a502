"""``retry``: what may pass is tried again, and what must not be done twice is not."""

from __future__ import annotations

import httpx

from pytest_accelerate.errors import ConnectionFailed, ProviderError, ServerError
from pytest_accelerate.providers.operation import Encoding
from pytest_accelerate.providers.stages.base import (
    Bench,
    Context,
    Reply,
    Way,
    check,
    error_of,
)
from pytest_accelerate.stages.base import Outcome


def retry(context: Context) -> Outcome:
    """Fail in each way that may pass, and then answer."""
    for way in context.ways:
        _unreached(context, way)
        if context.declared.resend:
            _resent(context, way)
        else:
            _sent_once(context, way)
    return Outcome()


def _unreached(context: Context, way: Way) -> None:
    """What never reached the provider is sent again, whatever it does there."""
    lost = httpx.ConnectError("refused")
    with context.mocked(lost, _overloaded(context), then=context.answered) as bench:
        context.call(way, bench.handler)
        _check_tries(context, bench, 2)


def _resent(context: Context, way: Way) -> None:
    lost = httpx.ReadError("reset")
    with context.mocked(
        httpx.Response(500), _overloaded(context), lost, then=context.answered
    ) as bench:
        context.call(way, bench.handler)
        _check_tries(context, bench, 3)
        if context.declared.encoding is not Encoding.FORM:  # whose boundary is drawn each time
            bodies = {sent.content for sent in bench.requests[:4]}
            check(len(bodies) == 1, "the same call is sent with another body")


def _overloaded(context: Context) -> httpx.Response:
    """503, or its kin where that is an answer: "not ready" is no failure of who was asked that."""
    return httpx.Response(529 if 503 in context.declared.answers else 503)


def _sent_once(context: Context, way: Way) -> None:
    """After a failure that leaves open whether it was done, it is not sent again."""
    failures: tuple[tuple[type[ProviderError], Reply], ...] = (
        (ServerError, httpx.Response(500)),
        (ConnectionFailed, httpx.ReadError("reset")),
    )
    for kind, reply in failures:
        with context.mocked(reply) as bench:
            error_of(lambda: context.call(way, bench.handler), kind, "sent once")
            check(bench.sent == 1, f"sent {bench.sent} times, and it may have been done twice")
            bench.check_free("a failed call")


def _check_tries(context: Context, bench: Bench, failures: int) -> None:
    policy, expected = bench.client.policy, failures + context.per_call
    check(bench.sent == expected, f"sent {bench.sent} times, not {expected}")
    slept = bench.clock.slept
    check(len(slept) == failures, f"slept {len(slept)} times after {failures} failures")
    for place, seconds in enumerate(slept):
        step = min(policy.backoff_cap, policy.backoff_initial * policy.backoff_factor**place)
        check(
            step / 2 <= seconds <= step, f"slept {seconds:.2f} s where {step / 2} to {step} are due"
        )
    bench.check_free("an answered call")
