"""Streams as callers hold them: iterators of events that free their slot however they end."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_accelerate import errors
from pytest_accelerate.transport.classify import status_error
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, StreamReader
from pytest_accelerate.transport.outcome import Failure, FailureKind

if TYPE_CHECKING:
    from pytest_accelerate.transport.answers import Answer

E = TypeVar("E", bound=StreamEvent)


class Opened:
    """What both kinds of stream share: the reader, what has arrived, and who is told of the end."""

    def __init__(self, reader: StreamReader) -> None:
        self.reader = reader
        self.arrived: list[StreamEvent] = []
        self.waiting: deque[StreamEvent] = deque()
        self._closers: list[Callable[[], None]] = []
        self.closed = False

    def when_closed(self, closer: Callable[[], None]) -> None:
        """Call ``closer`` once, when the stream is over, however that comes."""
        self._closers.append(closer)

    def close(self) -> None:
        """Tell that it is over; once is enough and more does no harm."""
        self.closed = True
        while self._closers:
            self._closers.pop()()

    def take(self, events: Iterator[StreamEvent]) -> None:
        """Keep events until they are asked for."""
        self.waiting.extend(events)

    @property
    def first_failure(self) -> StreamFailure | None:
        """An error as the first event: the same as an error status."""
        return self.waiting[0].failure if self.waiting and not self.arrived else None

    def next(self) -> StreamEvent | None:
        """The next event that has arrived.

        Raises:
            StatusError: it is an error, amid the stream.
        """
        if not self.waiting:
            return None
        event = self.waiting.popleft()
        failure = event.failure
        if failure is not None:
            raise status_error(failure.status)(
                f"amid the stream: {failure.code}: {failure.message}",
                status=failure.status,
                code=failure.code,
            )
        self.arrived.append(event)
        return event

    @property
    def begun(self) -> bool:
        """Whether there is an event to give, or the end was seen."""
        return bool(self.waiting) or self.reader.ended

    def interrupted(self, why: str) -> errors.StreamInterrupted:
        """The error for a stream that broke off."""
        return errors.StreamInterrupted(
            f"the stream broke off after {len(self.arrived)} events: {why}",
            events=tuple(self.arrived),
        )


NO_END = "it ended without its end mark"


class Stream(Generic[E]):
    """The events of one call, for a thread. Close it, or use it in a ``with`` statement."""

    def __init__(
        self,
        opened: Opened,
        chunks: Iterator[bytes],
        close: Callable[[], None],
        failure_of: Callable[[Exception], Failure],
    ) -> None:
        self._opened, self._chunks, self._failure_of = opened, chunks, failure_of
        opened.when_closed(close)
        # A stream that is dropped unread gives its slot back as well.
        self._finalizer = weakref.finalize(self, opened.close)
        self._told: Callable[[errors.ProviderError], errors.ProviderError] = lambda error: error
        self._answer: Callable[[list[Any]], Answer] | None = None

    def prime(self) -> Failure | None:
        """Read until the first event; used by the driver."""
        while not self._opened.begun:
            failure = self._read()
            if failure is not None:
                return failure
        return None

    @property
    def first_failure(self) -> StreamFailure | None:
        """An error as the first event."""
        return self._opened.first_failure

    def when_closed(self, closer: Callable[[], None]) -> None:
        """Call ``closer`` once, when the stream is over."""
        self._opened.when_closed(closer)

    def bind(
        self,
        told: Callable[[errors.ProviderError], errors.ProviderError],
        answer: Callable[[list[Any]], Answer],
    ) -> None:
        """Give the stream its operation: how errors are told, and what the whole is."""
        self._told, self._answer = told, answer

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        opened = self._opened
        try:
            while True:
                event = opened.next()
                if event is not None:
                    return event  # type: ignore[return-value]
                if opened.reader.ended or opened.closed:
                    self.close()
                    raise StopIteration
                failure = self._read()
                if failure is not None:
                    raise opened.interrupted(failure.message)
        except errors.ProviderError as error:
            self.close()
            raise self._told(error) from None
        except StopIteration:
            raise
        except BaseException:
            self.close()
            raise

    def _read(self) -> Failure | None:
        """Take the next chunk in; a failure is returned, not raised."""
        opened = self._opened
        try:
            chunk = next(self._chunks, None)
            if chunk is not None:
                opened.take(opened.reader.feed(chunk))
                return None
            opened.take(opened.reader.finish())
        except ValueError as error:
            return Failure(FailureKind.EMPTY_STREAM, f"what came is no event: {error}")
        except Exception as error:
            return self._failure_of(error)
        return None if opened.begun else Failure(FailureKind.EMPTY_STREAM, NO_END)

    @property
    def events(self) -> tuple[E, ...]:
        """The events that were iterated over so far."""
        return tuple(self._opened.arrived)  # type: ignore[arg-type]

    def texts(self) -> Iterator[str]:
        """The pieces of text alone."""
        return (event.text for event in self if event.text)

    def answer(self) -> Any:
        """Read to the end, and give the answer that the same call has without streaming."""
        for _ in self:
            pass
        assert self._answer is not None
        return self._answer(self._opened.arrived)

    def close(self) -> None:
        """Stop here: the connection and the slot are free."""
        self._finalizer()

    def __enter__(self) -> Stream[E]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class OpenedAsyncStream(Generic[E]):
    """A stream of an event loop, as its driver opens it."""

    def __init__(
        self,
        opened: Opened,
        chunks: AsyncIterator[bytes],
        close: Callable[[], Any],
        failure_of: Callable[[BaseException], Failure],
        idle: float,
    ) -> None:
        self.opened, self._chunks, self._failure_of = opened, chunks, failure_of
        self._idle = idle
        self._close_response = close

    async def prime(self) -> Failure | None:
        """Read until the first event; the driver bounds the time."""
        while not self.opened.begun:
            failure = await self._read(None)
            if failure is not None:
                return failure
        return None

    @property
    def first_failure(self) -> StreamFailure | None:
        """An error as the first event."""
        return self.opened.first_failure

    def when_closed(self, closer: Callable[[], None]) -> None:
        """Call ``closer`` once, when the stream is over."""
        self.opened.when_closed(closer)

    async def next(self) -> StreamEvent | None:
        """The next event; ``None`` at the end."""
        opened = self.opened
        while True:
            event = opened.next()
            if event is not None:
                return event
            if opened.reader.ended or opened.closed:
                return None
            failure = await self._read(self._idle)
            if failure is not None:
                raise opened.interrupted(failure.message)

    async def _read(self, idle: float | None) -> Failure | None:
        opened = self.opened
        try:
            async with asyncio.timeout(idle):
                chunk = await anext(self._chunks, None)
            if chunk is not None:
                opened.take(opened.reader.feed(chunk))
                return None
            opened.take(opened.reader.finish())
        except ValueError as error:
            return Failure(FailureKind.EMPTY_STREAM, f"what came is no event: {error}")
        except Exception as error:
            return self._failure_of(error)
        return None if opened.begun else Failure(FailureKind.EMPTY_STREAM, NO_END)

    async def aclose(self) -> None:
        """Close the response and give the slot back."""
        if self.opened.closed:
            return
        self.opened.close()
        await self._close_response()


class AsyncStream(Generic[E]):
    """The events of one call, for a task.

    ``async with client.chat.astream(...) as stream:``, or ``async for`` over it, or await it; the
    call is made at the first of these.
    """

    def __init__(
        self,
        open: Callable[[], Any],
        told: Callable[[errors.ProviderError], errors.ProviderError],
        answer: Callable[[list[Any], Any], Answer],
    ) -> None:
        self._open, self._told, self._answer = open, told, answer
        self._stream: OpenedAsyncStream[E] | None = None
        self._reply: Any = None

    async def _opened(self) -> OpenedAsyncStream[E]:
        if self._stream is None:
            self._reply = await self._open()
            self._stream = self._reply.stream
            # Dropped unread: the slot is free at once, the connection when it is collected.
            weakref.finalize(self, self._stream.opened.close)
        return self._stream

    def __await__(self) -> Generator[Any, None, AsyncStream[E]]:
        return self.__aenter__().__await__()

    def __aiter__(self) -> AsyncStream[E]:
        return self

    async def __anext__(self) -> E:
        stream = await self._opened()
        try:
            event = await stream.next()
        except errors.ProviderError as error:
            await stream.aclose()
            raise self._told(error) from None
        except BaseException:
            await stream.aclose()
            raise
        if event is None:
            await stream.aclose()
            raise StopAsyncIteration
        return event  # type: ignore[return-value]

    @property
    def events(self) -> tuple[E, ...]:
        """The events that were iterated over so far."""
        return tuple(self._stream.opened.arrived) if self._stream else ()  # type: ignore[arg-type]

    async def texts(self) -> AsyncIterator[str]:
        """The pieces of text alone."""
        async for event in self:
            if event.text:
                yield event.text

    async def answer(self) -> Any:
        """Read to the end, and give the answer that the same call has without streaming."""
        async for _ in self:
            pass
        assert self._stream is not None
        return self._answer(self._stream.opened.arrived, self._reply)

    async def aclose(self) -> None:
        """Stop here: the connection and the slot are free."""
        if self._stream is not None:
            await self._stream.aclose()

    async def __aenter__(self) -> AsyncStream[E]:
        await self._opened()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()
