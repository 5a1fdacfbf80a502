"""One call, sans-IO: a generator that asks its driver for a slot, a request sent, a sleep.

The order is queue, breaker, send, judge, then sleep and again or fail. No slot is held and no
response is open while it sleeps. The drivers (:mod:`~pytest_accelerate.transport.threads` and
:mod:`~pytest_accelerate.transport.tasks`) answer each step and know nothing of the policy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_accelerate import errors
from pytest_accelerate.transport import backoff
from pytest_accelerate.transport.breaker import Breaker
from pytest_accelerate.transport.classify import Problem, judge
from pytest_accelerate.transport.clock import Clock
from pytest_accelerate.transport.metrics import Metrics
from pytest_accelerate.transport.outcome import Failure, Outcome, Reply
from pytest_accelerate.transport.policy import Policy
from pytest_accelerate.transport.redaction import Redactor
from pytest_accelerate.transport.slots import Slots, Ticket

if TYPE_CHECKING:
    from pytest_accelerate.transport.body import Body
    from pytest_accelerate.transport.events import Streaming
    from pytest_accelerate.transport.progress import Report

_log = logging.getLogger("pytest_accelerate.transport")
_LONGEST = 365 * 86_400.0
"""Seconds that can be waited; more than some centuries are more than locks and sockets take."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be sent, without credentials."""

    provider: str
    operation: str
    id: str
    """Our own, in log, metrics and errors."""
    method: str
    url: str
    headers: Mapping[str, str]
    body: Body
    streaming: Streaming | None
    """How the answer streams, where it is to."""
    resend: bool
    """Whether the request does no harm when it is processed twice."""
    priority: int
    """The lower, the sooner out of the queue."""
    deadline: float
    """Seconds for the whole of it; for a stream, until its first event."""
    max_tries: int
    report: Report | None = field(default=None, kw_only=True)
    """Told how far the request and its answer are."""
    answers: frozenset[int] = field(default=frozenset(), kw_only=True)
    """Statuses of 400 and above that are no failure."""


@dataclass(slots=True)
class Shared:
    """What all calls of one client share."""

    policy: Policy
    clock: Clock
    slots: Slots
    breaker: Breaker
    budget: backoff.RetryBudget
    metrics: Metrics
    redact: Redactor
    authorise: Callable[[str], Mapping[str, str]]
    """From an operation's name to the headers that carry its next key."""
    random: Random = field(default_factory=Random)


@dataclass(frozen=True, slots=True)
class Acquire:
    """Wait for a slot; the answer is its :class:`~pytest_accelerate.transport.slots.Ticket`."""

    priority: int
    until: float


@dataclass(frozen=True, slots=True)
class Send:
    """Send once; the answer is an :data:`~pytest_accelerate.transport.outcome.Outcome`."""

    call: Call
    headers: Mapping[str, str] = field(repr=False)
    """With credentials."""
    until: float
    policy: Policy


@dataclass(frozen=True, slots=True)
class Sleep:
    """Let time pass; there is no answer."""

    seconds: float


Step: TypeAlias = Acquire | Send | Sleep


def exchange(call: Call, shared: Shared) -> Generator[Step, Any, Reply]:
    """Bring a call to its reply.

    A reply with a stream holds its slot until the stream is closed.

    Raises:
        ProviderError: in any other case; it names provider, operation, call and attempts.
    """
    started = shared.clock.now()
    tries = _Tries(call, shared, started + min(call.deadline, _LONGEST))
    shared.budget.call()
    try:
        reply = yield from tries.run()
    except errors.ProviderError as error:
        shared.metrics.failed(call.operation, _kind(error), shared.clock.now() - started)
        raise
    except BaseException:
        shared.metrics.failed(call.operation, "cancelled", shared.clock.now() - started)
        raise
    shared.metrics.succeeded(call.operation, shared.clock.now() - started)
    return reply


def _kind(error: errors.ProviderError) -> str:
    return type(error).__name__


class _Tries:
    """The tries of one call."""

    def __init__(self, call: Call, shared: Shared, until: float) -> None:
        self._call, self._shared, self._until = call, shared, until
        self._sent = 0

    def run(self) -> Generator[Step, Any, Reply]:
        last: errors.ProviderError | None = None
        while True:
            try:
                outcome, problem = yield from self._try()
            except (errors.CircuitOpen, errors.DeadlineExceeded) as error:
                # Where an earlier try told more than "it is broken" or "it is too late", as a sleep
                # may last a little longer than it was to, that is the news.
                raise self._told(last or error) from None
            except errors.ProviderError as error:
                raise self._told(error) from None
            if problem is None:
                assert isinstance(outcome, Reply)
                outcome.attempts = self._sent
                return outcome
            if self._shared.slots.closed and isinstance(outcome, Failure):
                raise self._told(errors.ClientClosed("the client was closed during the call"))
            last = problem.error
            wait = self._wait(problem)
            if wait is None:
                raise self._told(problem.error)
            _log.debug(
                "%s: try %d came to %s; the next in %.2f s",
                self._call.id, self._sent, _kind(problem.error), wait,
            )  # fmt: skip
            yield Sleep(wait)

    def _try(self) -> Generator[Step, Any, tuple[Outcome, Problem | None]]:
        """Send once; the slot is given back before the outcome is told, but for a stream's."""
        shared, call = self._shared, self._call
        ticket: Ticket = yield Acquire(call.priority, self._until)
        kept = False
        try:
            now = shared.clock.now()
            if shared.slots.closed:  # since the slot was granted
                raise errors.ClientClosed("the client was closed while the call waited")
            if now >= self._until:
                raise errors.DeadlineExceeded("the call's own time is over, nothing was sent")
            probe = shared.breaker.enter(now)
            succeeded: bool | None = None
            try:
                # No variable holds the headers: a traceback may show what variables hold.
                send = Send(
                    call,
                    {**call.headers, **shared.authorise(call.operation)},
                    self._until,
                    shared.policy,
                )
                self._sent += 1
                shared.metrics.sent(call.operation)
                outcome: Outcome = yield send
                problem = judge(
                    outcome,
                    resend=call.resend,
                    streaming=call.streaming is not None,
                    answers=call.answers,
                )
                succeeded = True if problem is None else problem.counts
            finally:
                shared.breaker.leave(shared.clock.now(), probe, succeeded)
            if isinstance(outcome, Reply) and outcome.stream is not None:
                arrivals = outcome.stream.arrivals
                arrivals.told = self._broke
                arrivals.when_closed(partial(shared.slots.leave, ticket))
                kept = True
            return outcome, problem
        finally:
            if not kept:
                shared.slots.leave(ticket)

    def _wait(self, problem: Problem) -> float | None:
        """Seconds until the next try; ``None`` where there is to be none."""
        shared, policy = self._shared, self._shared.policy
        if not problem.retry or self._sent >= self._call.max_tries:
            return None
        wait = backoff.delay(policy, self._sent, shared.random)
        if problem.after:  # "at once", or a date that is over, leaves it to us
            if problem.after > policy.backoff_cap:
                return None
            # Never sooner than it asks, and not all clients at the same moment.
            wait = problem.after * (1 + 0.1 * shared.random.random())
        if shared.clock.now() + wait >= self._until or not shared.budget.spend():
            return None
        return wait

    def _broke(self, error: errors.ProviderError) -> errors.ProviderError:
        """The error of a stream that had begun."""
        self._shared.metrics.broke(self._call.operation, _kind(error))
        return self._told(error)

    def _told(self, error: errors.ProviderError) -> errors.ProviderError:
        """The error with all that is known of the call, and without keys."""
        error.provider, error.operation = self._call.provider, self._call.operation
        error.call_id, error.attempts = self._call.id, self._sent
        error.message = self._shared.redact(error.message)
        error.args = (error.message,)
        return error
