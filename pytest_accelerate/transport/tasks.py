"""The driver for asyncio: waits, sends and sleeps by suspending."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, TypeVar

import httpx

from pytest_accelerate import errors
from pytest_accelerate.transport.classify import request_id
from pytest_accelerate.transport.clock import Clock
from pytest_accelerate.transport.events import StreamReader
from pytest_accelerate.transport.exchange import Acquire, Send, Step
from pytest_accelerate.transport.outcome import Outcome, Reply
from pytest_accelerate.transport.requests import (
    Received,
    build,
    close_files,
    failed,
    failure_of,
    is_plain,
    reporter_of,
    streams,
)
from pytest_accelerate.transport.slots import Slots, Ticket
from pytest_accelerate.transport.streams import Arrivals, OpenedAsyncStream
from pytest_accelerate.transport.threads import checked, opened

R = TypeVar("R")
Loop = asyncio.AbstractEventLoop


class TaskDriver:
    """Performs the steps of calls; each event loop has a transport of its own."""

    def __init__(
        self, transport: Callable[[], httpx.AsyncBaseTransport], slots: Slots, clock: Clock
    ) -> None:
        self._make, self._slots, self._clock = transport, slots, clock
        self._transports: weakref.WeakKeyDictionary[Loop, httpx.AsyncBaseTransport] = (
            weakref.WeakKeyDictionary()
        )

    async def run(self, steps: Generator[Step, Any, R]) -> R:
        """Bring an exchange to its end.

        Raises:
            ProviderError: as the exchange does.
        """
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._perform(step)
                except errors.ProviderError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            steps.close()

    async def _perform(self, step: Step) -> Any:
        if isinstance(step, Acquire):
            return await self._acquire(step)
        if isinstance(step, Send):
            return await self._send(step)
        return await self._clock.asleep(step.seconds)

    async def _acquire(self, step: Acquire) -> Ticket:
        loop = asyncio.get_running_loop()
        granted = asyncio.Event()
        ticket = self._slots.take(step.priority, lambda: _wake(loop, granted))
        if ticket.granted:
            return ticket
        in_time = True
        try:
            async with asyncio.timeout(max(0.0, step.until - self._clock.now())):
                await granted.wait()
        except TimeoutError:
            in_time = False
        except BaseException:
            self._slots.leave(ticket)
            raise
        return checked(self._slots, ticket, in_time)

    async def _send(self, step: Send) -> Outcome:
        now = self._clock.now()
        request = None
        try:
            request = build(step, now)
            async with asyncio.timeout(max(step.until - now, 0.001)):
                response = await self._transport().handle_async_request(request)
                if streams(step, response.status_code, response.headers):
                    return await self._open(step, response)
                limit, reporter = step.policy.max_response_bytes, reporter_of(request)
                return await _read(Received(response, limit, reporter), response)
        except Exception as error:
            return failed(error, request)
        finally:
            if request is not None:
                close_files(request)

    def _transport(self) -> httpx.AsyncBaseTransport:
        loop = asyncio.get_running_loop()
        transport = self._transports.get(loop)
        if transport is None:
            self._forget_closed()
            transport = self._transports[loop] = self._make()
        return transport

    def _forget_closed(self) -> None:
        """Let go of what closed loops left behind: a transport keeps its own loop alive."""
        for loop in list(self._transports):
            if loop.is_closed():
                self._transports.pop(loop, None)

    async def _open(self, step: Send, response: httpx.Response) -> Outcome:
        call, policy = step.call, step.policy
        assert call.streaming is not None
        stream = OpenedAsyncStream(
            Arrivals(StreamReader(call.streaming), policy.max_response_bytes,
                     request_id(response.headers)),
            _chunks(response),
            response.aclose,
            getattr(response.stream, "drop", _nothing),
            failure_of,
            policy.stream_idle_timeout,
        )  # fmt: skip
        try:
            await stream.prime()
            outcome = opened(stream, response)
        except BaseException:
            await stream.aclose()
            raise
        if not isinstance(outcome, Reply) or outcome.stream is None:
            await stream.aclose()
        return outcome

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        transport = self._transports.pop(asyncio.get_running_loop(), None)
        if transport is not None:
            await transport.aclose()


def _wake(loop: Loop, granted: asyncio.Event) -> None:
    # Its own loop may be this one, another thread's, or closed since.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(granted.set)


def _nothing() -> None:
    pass


async def _read(received: Received, response: httpx.Response) -> Outcome:
    try:
        if received.too_large:
            return received.too_large
        async for chunk in _chunks(response):
            received.take(chunk)
            if received.too_large:
                return received.too_large
    finally:
        await response.aclose()
    return Reply(response.status_code, response.headers, received.body())


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    if is_plain(response):
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return aiter(response.stream)
    return response.aiter_bytes()
