"""One call without input and output: a machine plays the driver, and the clock is its own."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from pytest_accelerate import errors
from pytest_accelerate.transport.backoff import RetryBudget
from pytest_accelerate.transport.breaker import Breaker, BreakerState
from pytest_accelerate.transport.clock import FakeClock
from pytest_accelerate.transport.events import StreamEvent, Streaming, StreamReader
from pytest_accelerate.transport.exchange import Acquire, Call, Send, Shared, Sleep, Step, exchange
from pytest_accelerate.transport.metrics import Metrics
from pytest_accelerate.transport.outcome import UNSENT, Failure, FailureKind, Outcome, Reply
from pytest_accelerate.transport.policy import Policy
from pytest_accelerate.transport.redaction import Redactor
from pytest_accelerate.transport.slots import Slots, Ticket
from pytest_accelerate.transport.streams import Arrivals

POLICY = Policy(
    concurrency=2,
    queue_size=2,
    backoff_initial=1.0,
    backoff_cap=8.0,
    breaker_failures=3,
    breaker_cooldown=0.5,
    retry_floor=50,
)
UNTOUCHED = (425, 429, 503, 529)
STREAMING = Streaming(StreamEvent)


def make_shared(policy: Policy = POLICY, clock: FakeClock | None = None) -> Shared:
    """What the calls of one client share."""
    return Shared(
        policy=policy,
        clock=clock or FakeClock(),
        slots=Slots(policy.concurrency, policy.queue_size),
        breaker=Breaker(policy.breaker_failures, policy.breaker_cooldown),
        budget=RetryBudget(policy),
        metrics=Metrics(),
        redact=Redactor(()),
        authorise=lambda operation: {"authorization": "Bearer key"},
        random=Random(1),  # hypothesis repeats what it finds
    )


def make_call(number: int = 1, **changes: Any) -> Call:
    """A call of no provider."""
    fields: dict[str, Any] = {
        "provider": "any", "operation": "chat", "id": f"any-{number}", "method": "POST",
        "url": "http://any/", "headers": {}, "body": b"{}", "streaming": None, "resend": True,
        "priority": 0, "deadline": 60.0, "max_tries": 4,
    }  # fmt: skip
    return Call(**{**fields, **changes})


@dataclass(eq=False)
class Running:
    """One call under way, and what a driver knows of it."""

    call: Call
    steps: Generator[Step, Any, Reply]
    until: float
    step: Step | None = None
    ticket: Ticket | None = None
    """While it waits in the queue."""
    sends: int = 0
    outcome: Outcome | None = None
    stream: Arrivals | None = None
    ended: BaseException | Reply | None = None


@dataclass
class FakeStream:
    """A stream as its driver opens it."""

    arrivals: Arrivals


REPLIES = st.one_of(
    st.tuples(
        st.sampled_from([200, 204, 302, 400, 401, 408, 409, 429, 429, 500, 500, 503, 529]),
        st.sampled_from(["", "0", "2.5", "7", "9", "1000", "soon"]),
    ),
    st.sampled_from(list(FailureKind)),
)
"""A status and a Retry-After, or a kind of failure."""


class Driver(RuleBasedStateMachine):
    """Calls that share a client, each brought on step by step in any order."""

    @initialize(resend=st.booleans(), failures=st.sampled_from([0, 1, 1, 3]))
    def start(self, resend: bool, failures: int) -> None:
        """A new client."""
        self.clock = FakeClock()
        self.shared = make_shared(replace(POLICY, breaker_failures=failures), self.clock)
        self.resend = resend
        self.all: list[Running] = []
        self.begun = 0

    def alive(self, kind: type[Step] | None = None) -> list[Running]:
        """Calls under way, at such a step."""
        return [
            each
            for each in self.all
            if each.ended is None and (kind is None or isinstance(each.step, kind))
        ]

    def chosen(self, data: st.DataObject, among: list[Running]) -> Running | None:
        """One of them."""
        return among[data.draw(st.integers(0, len(among) - 1))] if among else None

    def advance(self, running: Running, given: Any = None, error: Any = None) -> None:
        """Give a call what it asked for, and see what it asks for next."""
        try:
            step = running.steps.throw(error) if error else running.steps.send(given)
        except StopIteration as stop:
            self.succeeded(running, stop.value)
        except errors.ProviderError as raised:
            self.failed(running, raised)
        else:
            self.goes_on(running, step)

    def succeeded(self, running: Running, reply: Reply) -> None:
        """Only a success ends in a reply."""
        running.ended = reply
        assert 200 <= reply.status < 300
        assert reply is running.outcome
        assert reply.attempts == running.sends
        assert (reply.stream is None) == (running.call.streaming is None)
        if reply.stream is not None:
            running.stream = reply.stream.arrivals

    def failed(self, running: Running, error: errors.ProviderError) -> None:
        """An error tells which call and how many tries."""
        running.ended = error
        assert error.provider == "any"
        assert error.operation == "chat"
        assert error.call_id == running.call.id
        assert error.attempts == running.sends

    def goes_on(self, running: Running, step: Step) -> None:
        """What may follow: a sleep is bounded on both sides, and what is sent again may be."""
        before, running.step = running.step, step
        if isinstance(step, Sleep):
            assert isinstance(before, Send)
            assert step.seconds > 0
            assert self.clock.now() + step.seconds < running.until
            assert running.sends < running.call.max_tries
            assert self.may_repeat(running)
            if isinstance(running.outcome, Reply):
                asked = running.outcome.headers.get("retry-after", "")
                if asked not in ("", "soon"):
                    assert float(asked) <= POLICY.backoff_cap
                    assert step.seconds >= float(asked)
        if isinstance(step, Send):
            running.sends += 1
            assert self.clock.now() < running.until
            assert not self.shared.slots.closed
            assert step.headers["authorization"]
            assert running.sends <= running.call.max_tries

    def may_repeat(self, running: Running) -> bool:
        """Whether the last outcome allows another try."""
        outcome = running.outcome
        if isinstance(outcome, Failure):
            return running.call.resend or outcome.kind in UNSENT
        assert outcome is not None
        return running.call.resend or outcome.status in UNTOUCHED

    @rule(
        max_tries=st.sampled_from([1, 3, 4, 4]),
        deadline=st.sampled_from([0.5, 20.0, 60.0, 60.0]),
        priority=st.integers(0, 1),
        streaming=st.booleans(),
    )
    def call(self, max_tries: int, deadline: float, priority: int, streaming: bool) -> None:
        """Begin a call."""
        self.begun += 1
        call = make_call(
            self.begun, max_tries=max_tries, deadline=deadline, priority=priority,
            resend=self.resend, streaming=STREAMING if streaming else None,
        )  # fmt: skip
        running = Running(call, exchange(call, self.shared), self.clock.now() + deadline)
        self.all.append(running)
        self.advance(running)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), turns=st.sampled_from([1, 2, 10, 30]))
    def go_on(self, data: st.DataObject, turns: int) -> None:
        """Bring calls on, any of them, each by what it asks for."""
        for _ in range(turns):
            running = self.chosen(data, self.alive())
            if running is None:
                return
            if isinstance(running.step, Send):
                self.answer(running, data)
            elif isinstance(running.step, Sleep):
                self.clock.advance(running.step.seconds)
                self.advance(running)
            elif running.ticket is None:
                self.acquire(running)
            else:
                self.look_at_its_turn(running, running.ticket)

    def acquire(self, running: Running) -> None:
        """Ask for a slot, as drivers do."""
        try:
            ticket = self.shared.slots.take(running.call.priority)
        except errors.ProviderError as error:
            self.advance(running, error=error)
            return
        if ticket.granted:
            self.advance(running, ticket)
        else:
            running.ticket = ticket

    def look_at_its_turn(self, running: Running, ticket: Ticket) -> None:
        """Tell a call that its turn has come, or that its client was closed."""
        if ticket.granted:
            running.ticket = None
            self.advance(running, ticket)
        elif ticket.over:
            running.ticket = None
            self.advance(running, error=errors.ClientClosed("closed"))

    def answer(self, running: Running, data: st.DataObject) -> None:
        """What came of sending."""
        self.clock.advance(data.draw(st.sampled_from([0.0, 0.0, 0.1, 3.0])))
        drawn = data.draw(REPLIES)
        if isinstance(drawn, FailureKind):
            running.outcome = Failure(drawn, "broke")
        else:
            status, after = drawn
            stream = None
            if running.call.streaming is not None and status == 200:
                stream = FakeStream(Arrivals(StreamReader(STREAMING), 1000))
            headers = httpx.Headers({"retry-after": after} if after else {})
            running.outcome = Reply(status, headers, b"{}", stream)
        self.advance(running, running.outcome)

    @precondition(lambda self: any(each.ticket for each in self.alive()))
    @rule(data=st.data())
    def waited_too_long(self, data: st.DataObject) -> None:
        """Tell a call that its turn has not come in time."""
        running = self.chosen(
            data, [each for each in self.alive() if each.ticket and not each.ticket.granted]
        )
        if running is None or running.ticket is None:
            return
        self.clock.advance(max(0.0, running.until - self.clock.now()))
        self.shared.slots.leave(running.ticket)
        running.ticket = None
        self.advance(running, error=errors.DeadlineExceeded("too long"))

    @precondition(lambda self: self.alive())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Give a call up, wherever it is: most of all while it sends."""
        running = self.chosen(data, self.alive(Send) or self.alive())
        if running is None:
            return
        if running.ticket is not None:
            self.shared.slots.leave(running.ticket)
            running.ticket = None
        running.steps.close()
        running.ended = GeneratorExit()

    @precondition(lambda self: any(each.stream for each in self.all))
    @rule(data=st.data())
    def close_stream(self, data: st.DataObject) -> None:
        """Close a stream."""
        running = self.chosen(data, [each for each in self.all if each.stream is not None])
        if running is not None and running.stream is not None:
            running.stream.close()
            running.stream = None

    @rule(seconds=st.sampled_from([0.5, 6.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule(really=st.sampled_from([False] * 5 + [True]))
    def close(self, really: bool) -> None:
        """Close the client."""
        if really:
            self.shared.slots.close()

    @invariant()
    def slots_are_held_by_those_who_send(self) -> None:
        """A slot is held while sending and while a stream is open, and at no other time."""
        if not hasattr(self, "shared"):
            return
        waiting = [each.ticket for each in self.alive() if each.ticket]
        held = len(self.alive(Send)) + sum(each.stream is not None for each in self.all)
        assert self.shared.slots.active == held + sum(ticket.granted for ticket in waiting)
        assert self.shared.slots.waiting == sum(
            not ticket.granted and not ticket.over for ticket in waiting
        )

    @invariant()
    def a_probe_is_under_way_or_free(self) -> None:
        """The breaker waits for no probe that nobody sends."""
        if hasattr(self, "shared") and not self.alive(Send):
            assert self.shared.breaker.state is not BreakerState.HALF_OPEN

    @invariant()
    def everything_is_counted(self) -> None:
        """The metrics know every call that ended and every request."""
        if not getattr(self, "all", None):
            return
        metrics = self.shared.metrics.snapshot().get("chat")
        ended = [each.ended for each in self.all if each.ended is not None]
        if metrics is None:
            assert not ended
            return
        assert metrics.calls == len(ended) == sum(metrics.latency)
        assert metrics.sent == sum(each.sends for each in self.all)
        failed = [each for each in ended if not isinstance(each, Reply)]
        assert sum(metrics.errors.values()) == len(failed)
        assert metrics.errors.get("cancelled", 0) == sum(
            isinstance(each, GeneratorExit) for each in ended
        )


TestDriver = Driver.TestCase
TestDriver.settings = settings(max_examples=250, stateful_step_count=25, deadline=None)


def bring(shared: Shared, call: Call, *outcomes: Outcome) -> tuple[Reply, list[Step]]:
    """Play a call to its end, with these outcomes in turn."""
    taken: list[Step] = []
    following, steps = iter(outcomes), exchange(call, shared)
    given: Any = None
    try:
        while True:
            step = steps.send(given)
            taken.append(step)
            if isinstance(step, Acquire):
                given = shared.slots.take(step.priority)
            elif isinstance(step, Send):
                given = next(following)
            else:
                given = None
                shared.clock.sleep(step.seconds)
    except StopIteration as stop:
        return stop.value, taken


GOOD = Reply(200, httpx.Headers())


def test_the_steps_of_a_second_try() -> None:
    """Slot, send, sleep, and the same again: the slot is taken anew."""
    reply, steps = bring(make_shared(), make_call(), Failure(FailureKind.LOST, "lost"), GOOD)
    assert reply is GOOD
    assert [type(step) for step in steps] == [Acquire, Send, Sleep, Acquire, Send]


def test_an_open_breaker_tells_what_opened_it() -> None:
    """A call whose own try opened the breaker tells its error, and the next that it is open."""
    shared = make_shared(Policy(breaker_failures=1, breaker_cooldown=100.0))
    with pytest.raises(errors.ServerError):
        bring(shared, make_call(), Reply(500, httpx.Headers()))
    with pytest.raises(errors.CircuitOpen) as caught:
        bring(shared, make_call(2))
    assert caught.value.attempts == 0
    assert 0 < caught.value.retry_after <= 100


def test_rate_limits_open_no_breaker() -> None:
    """A provider that limits a client answers: the breaker stays closed."""
    shared = make_shared(Policy(breaker_failures=2))
    for number in range(5):
        with pytest.raises(errors.RateLimited):
            bring(shared, make_call(number, max_tries=1), Reply(429, httpx.Headers()))
    assert shared.breaker.state is BreakerState.CLOSED


def test_the_retry_budget() -> None:
    """A provider that fails for long gets few tries more than there are calls."""
    shared = make_shared(Policy(breaker_failures=0, retry_budget=0.2, retry_floor=3))
    for number in range(100):
        with pytest.raises(errors.ServerError):
            bring(shared, make_call(number), *[Reply(500, httpx.Headers())] * 4)
    assert shared.metrics.snapshot()["chat"].sent <= 100 + 3 + 20 + 1


def test_a_slot_that_comes_too_late() -> None:
    """Nothing is sent after the call's own time, even where a slot came at the last moment."""
    shared = make_shared()
    steps = exchange(make_call(deadline=1.0), shared)
    next(steps)
    ticket = shared.slots.take()
    assert isinstance(shared.clock, FakeClock)
    shared.clock.advance(1.0)
    with pytest.raises(errors.DeadlineExceeded):
        steps.send(ticket)
    assert shared.slots.active == 0


def test_a_sleep_that_lasts_too_long_tells_what_it_slept_for() -> None:
    """Where the call's own time ends between two tries, the error of the last one is the news."""
    shared = make_shared()
    steps = exchange(make_call(deadline=60.0), shared)
    next(steps)
    steps.send(shared.slots.take())
    assert isinstance(steps.send(Reply(500, httpx.Headers())), Sleep)
    assert isinstance(shared.clock, FakeClock)
    shared.clock.advance(60.0)
    steps.send(None)
    with pytest.raises(errors.ServerError) as caught:
        steps.send(shared.slots.take())
    assert caught.value.attempts == 1
    assert shared.slots.active == 0


def test_a_slot_of_a_client_that_was_closed() -> None:
    """Nothing is sent once the client is closed, even where a slot was granted just before."""
    shared = make_shared()
    steps = exchange(make_call(), shared)
    next(steps)
    ticket = shared.slots.take()
    shared.slots.close()
    with pytest.raises(errors.ClientClosed):
        steps.send(ticket)
    assert shared.slots.active == 0


def test_at_once_is_not_at_once_for_all() -> None:
    """A Retry-After of 0, or a date that is over, leaves the sleep to the backoff."""
    for asked in ("0", "Fri, 01 Jan 2021 00:00:00 GMT"):
        _, steps = bring(
            make_shared(), make_call(), Reply(429, httpx.Headers({"retry-after": asked})), GOOD
        )
        assert isinstance(steps[2], Sleep)
        assert 0.5 <= steps[2].seconds <= 1.0


def test_a_failing_credential_frees_the_slot() -> None:
    """Where no key can be had the slot is given back."""
    shared = make_shared()

    def authorise(operation: str) -> dict[str, str]:
        raise errors.MissingCredential("none")

    shared.authorise = authorise
    with pytest.raises(errors.MissingCredential) as caught:
        bring(shared, make_call())
    assert caught.value.attempts == 0
    assert shared.slots.active == 0


def test_an_error_survives_pickling() -> None:
    """All that an error tells is there in another process."""
    import pickle

    with pytest.raises(errors.RateLimited) as caught:
        bring(make_shared(), make_call(), Reply(429, httpx.Headers({"retry-after": "99"})))
    copied = pickle.loads(pickle.dumps(caught.value))
    assert vars(copied) == vars(caught.value)
    assert copied.retry_after == 99
    assert str(copied) == str(caught.value)
