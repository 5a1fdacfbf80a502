"""The driver for threads: waits, sends and sleeps by blocking."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any, TypeVar

import httpx

from pytest_accelerate import errors
from pytest_accelerate.transport.classify import request_id
from pytest_accelerate.transport.clock import Clock
from pytest_accelerate.transport.events import StreamReader
from pytest_accelerate.transport.exchange import Acquire, Send, Step
from pytest_accelerate.transport.outcome import Outcome, Reply
from pytest_accelerate.transport.pace import PACE
from pytest_accelerate.transport.requests import (
    Received,
    build,
    close_files,
    failed,
    failure_of,
    in_band,
    is_plain,
    reporter_of,
    streams,
)
from pytest_accelerate.transport.slots import Slots, Ticket
from pytest_accelerate.transport.streams import Arrivals, Stream

R = TypeVar("R")


class ThreadDriver:
    """Performs the steps of calls; safe to use from many threads."""

    def __init__(self, transport: httpx.BaseTransport, slots: Slots, clock: Clock) -> None:
        self._transport, self._slots, self._clock = transport, slots, clock

    def run(self, steps: Generator[Step, Any, R]) -> R:
        """Bring an exchange to its end.

        Raises:
            ProviderError: as the exchange does.
        """
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._perform(step)
                except errors.ProviderError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            steps.close()

    def _perform(self, step: Step) -> Any:
        if isinstance(step, Acquire):
            return self._acquire(step)
        if isinstance(step, Send):
            return self._send(step)
        return self._clock.sleep(step.seconds)

    def _acquire(self, step: Acquire) -> Ticket:
        granted = threading.Event()
        ticket = self._slots.take(step.priority, granted.set)
        if ticket.granted:
            return ticket
        try:
            in_time = granted.wait(max(0.0, step.until - self._clock.now()))
        except BaseException:
            self._slots.leave(ticket)
            raise
        return checked(self._slots, ticket, in_time)

    def _send(self, step: Send) -> Outcome:
        now = self._clock.now()
        PACE.start(max(step.until - now, 0.001))
        request = None
        try:
            request = build(step, now)
            response = self._transport.handle_request(request)
            if streams(step, response.status_code, response.headers):
                return self._open(step, response)
            return _read(Received(response, step.policy.max_response_bytes, reporter_of(request)),
                         response)  # fmt: skip
        except Exception as error:
            return failed(error, request)
        finally:
            PACE.stop()
            if request is not None:
                close_files(request)

    def _open(self, step: Send, response: httpx.Response) -> Outcome:
        call, policy = step.call, step.policy
        assert call.streaming is not None
        chunks = _chunks(response)
        drop = getattr(response.stream, "drop", None)
        stream: Stream[Any] = Stream(
            Arrivals(StreamReader(call.streaming), policy.max_response_bytes,
                     request_id(response.headers)),
            partial(PACE.next, chunks),
            response.close,
            partial(drop, chunks) if drop is not None else response.close,
            failure_of,
            policy.stream_idle_timeout,
        )  # fmt: skip
        try:
            stream.prime()
            outcome = opened(stream, response)
        except BaseException:
            stream.close()
            raise
        if not isinstance(outcome, Reply) or outcome.stream is None:
            stream.close()
        return outcome


def checked(slots: Slots, ticket: Ticket, in_time: bool) -> Ticket:
    """A ticket after waiting for it.

    Raises:
        ClientClosed: nothing is granted any more.
        DeadlineExceeded: it was not granted in time.
    """
    if ticket.granted:  # also where it came at the last moment
        return ticket
    if in_time:
        raise errors.ClientClosed("the client was closed while the call waited for its turn")
    slots.leave(ticket)
    raise errors.DeadlineExceeded(
        f"the call's own time is over while it waited for one of the {slots.active} slots in use"
    )


def opened(stream: Any, response: httpx.Response) -> Outcome:
    """What a stream is whose first event has arrived, or that broke off before."""
    arrivals = stream.arrivals
    return (
        arrivals.empty_failure
        or in_band(arrivals.first_failure, response.headers)
        or Reply(response.status_code, response.headers, b"", stream)
    )


def _read(received: Received, response: httpx.Response) -> Outcome:
    try:
        if received.too_large:
            return received.too_large
        for chunk in _chunks(response):
            received.take(chunk)
            if received.too_large:
                return received.too_large
            PACE.check()
    finally:
        response.close()
    return Reply(response.status_code, response.headers, received.body())


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    if is_plain(response):
        assert isinstance(response.stream, httpx.SyncByteStream)
        return iter(response.stream)
    return response.iter_bytes()
