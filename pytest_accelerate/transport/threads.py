"""The driver for threads: waits, sends and sleeps by blocking."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

import httpx

from pytest_accelerate import errors
from pytest_accelerate.transport.clock import Clock
from pytest_accelerate.transport.events import StreamReader
from pytest_accelerate.transport.exchange import Acquire, Send, Step
from pytest_accelerate.transport.outcome import Failure, FailureKind, Outcome, Reply
from pytest_accelerate.transport.pace import PACE
from pytest_accelerate.transport.requests import TOO_LARGE, build, failure_of, in_band, streams
from pytest_accelerate.transport.slots import Slots, Ticket
from pytest_accelerate.transport.streams import Opened, Stream

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
        try:
            response = self._transport.handle_request(build(step, now))
            if streams(step, response.status_code, response.headers):
                return self._open(step, response)
            return _read(step, response)
        except Exception as error:
            return failure_of(error)
        finally:
            PACE.stop()

    def _open(self, step: Send, response: httpx.Response) -> Outcome:
        assert step.call.streaming is not None
        stream: Stream[Any] = Stream(
            Opened(StreamReader(step.call.streaming)),
            _paced(response, step.policy.stream_idle_timeout),
            response.close,
            failure_of,
        )
        try:
            failure = stream.prime()
        except BaseException:
            stream.close()
            raise
        rejected = in_band(stream, response.headers) if failure is None else None
        if failure is not None or rejected is not None:
            stream.close()
        return failure or rejected or Reply(response.status_code, response.headers, b"", stream)


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


def _read(step: Send, response: httpx.Response) -> Outcome:
    try:
        limit, size, chunks = step.policy.max_response_bytes, 0, []
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > limit:
                return Failure(FailureKind.TOO_LARGE, TOO_LARGE.format(limit))
            chunks.append(chunk)
            PACE.check()
    finally:
        response.close()
    return Reply(response.status_code, response.headers, b"".join(chunks))


def _paced(response: httpx.Response, idle: float) -> Iterator[bytes]:
    """The chunks of a stream: the first by the call's pace, the others each within ``idle``."""
    chunks = response.iter_bytes()
    while True:
        PACE.wait_at_most(idle)
        try:
            chunk = next(chunks, None)
        finally:
            PACE.wait_at_most(None)
        if chunk is None:
            return
        yield chunk
