"""Streams as callers hold them: iterators of events that free their slot however they end."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_accelerate import errors
from pytest_accelerate.transport.classify import status_error
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, StreamReader
from pytest_accelerate.transport.outcome import Failure, FailureKind, Reply

if TYPE_CHECKING:
    from pytest_accelerate.transport.answers import Answer

E = TypeVar("E", bound=StreamEvent)

NO_END = "it ended without its end mark"
LINGER = 0.05
"""Seconds that the end of the bytes may come after the end mark; the connection is kept then."""


class Arrivals:
    """A stream without its reading: bytes go in, events come out. Sans-IO."""

    def __init__(self, reader: StreamReader, limit: int, request_id: str = "") -> None:
        self._reader, self._limit, self._request_id = reader, limit, request_id
        self.given: list[Any] = []
        """The events that were asked for so far."""
        self.told: Callable[[errors.ProviderError], errors.ProviderError] = lambda error: error
        """Adds to an error what is known of the call."""
        self.closed = False
        self._size = 0
        self._waiting: deque[StreamEvent] = deque()
        self._failure: Failure | None = None
        self._closers: list[Callable[[], None]] = []

    def take(self, chunk: bytes | None) -> None:
        """Read what came; ``None`` is the end of the bytes."""
        reader = self._reader
        try:
            if chunk is None:
                self._waiting.extend(reader.finish([*self.given, *self._waiting]))
                if not reader.ended:
                    self.broke(Failure(FailureKind.EMPTY_STREAM, NO_END))
                return
            self._size += len(chunk)
            if self._size > self._limit:
                self.broke(Failure(FailureKind.TOO_LARGE, f"it has more than {self._limit} bytes"))
                return
            self._waiting.extend(reader.feed(chunk))
        except (ValueError, RecursionError) as error:
            self.broke(Failure(FailureKind.DECODING, f"what came is no event: {error}"))

    def broke(self, failure: Failure) -> None:
        """Nothing more comes; what has arrived before is given all the same."""
        self._failure = failure

    @property
    def begun(self) -> bool:
        """Whether there is anything to give: an event, the end, or a failure."""
        return bool(self._waiting) or self._reader.ended or self._failure is not None

    @property
    def empty_failure(self) -> Failure | None:
        """The failure of a stream that broke off before its first event."""
        return None if self._waiting or self._reader.ended else self._failure

    @property
    def first_failure(self) -> StreamFailure | None:
        """An error as the first event: the same as an error status."""
        return self._waiting[0].failure if self._waiting and not self.given else None

    @property
    def over(self) -> bool:
        """Whether no event is to come, once those that have arrived are given."""
        return self.closed or self._reader.ended

    def next(self) -> Any:
        """The next event that has arrived; ``None`` where there is none.

        Raises:
            StatusError: it is an error, amid the stream.
            StreamInterrupted: the stream broke off.
        """
        if self._waiting and not self.closed:
            event = self._waiting.popleft()
            failure = event.failure
            if failure is not None:
                raise status_error(failure.status)(
                    f"amid the stream: {failure.code}: {failure.message}",
                    status=failure.status,
                    code=failure.code,
                    request_id=self._request_id,
                )
            self.given.append(event)
            return event
        if self._failure is not None and not self.over:
            raise self._interrupted(self._failure.message)
        return None

    def whole(self) -> list[Any]:
        """All events.

        Raises:
            StreamInterrupted: it was closed before its end.
        """
        if not self._reader.ended or self._waiting:
            raise self.told(self._interrupted("it was closed before its end"))
        return self.given

    def _interrupted(self, why: str) -> errors.StreamInterrupted:
        return errors.StreamInterrupted(
            f"the stream broke off after {len(self.given)} events: {why}", events=tuple(self.given)
        )

    def when_closed(self, closer: Callable[[], None]) -> None:
        """Call ``closer`` when the stream is over, however that comes; more than once is no harm.

        The garbage collector may be the one that calls: it must not wait for a lock.
        """
        self._closers.append(closer)

    def close(self) -> None:
        """Tell that it is over; once is enough and more does no harm."""
        self.closed = True
        closers, self._closers = self._closers, []
        for closer in closers:
            closer()


class Stream(Generic[E]):
    """The events of one call, for a thread. Close it, or use it in a ``with`` statement."""

    def __init__(
        self,
        arrivals: Arrivals,
        read: Callable[[float], bytes | None],
        close: Callable[[], None],
        drop: Callable[[], None],
        failure_of: Callable[[Exception], Failure],
        idle: float,
    ) -> None:
        self.arrivals, self._read_chunk, self._failure_of = arrivals, read, failure_of
        self._close, self._idle = close, idle
        self._dropped = _when_dropped(self, arrivals, drop)
        self._answer: Callable[[list[Any]], Answer] | None = None

    def prime(self) -> None:
        """Read until the first event; used by the driver."""
        while not self.arrivals.begun:
            self._read()

    def bind(self, answer: Callable[[list[Any]], Answer]) -> None:
        """Give the stream its operation: what the whole of the events is."""
        self._answer = answer

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        arrivals = self.arrivals
        try:
            while (event := arrivals.next()) is None and not arrivals.over:
                self._read()
        except errors.ProviderError as error:
            self.close()
            raise arrivals.told(error) from None
        except BaseException:
            self.close()
            raise
        if event is None:
            self._linger()
            self.close()
            raise StopIteration
        return event  # type: ignore[no-any-return]

    def _linger(self) -> None:
        if not self.arrivals.closed:
            with contextlib.suppress(Exception):
                self._read_chunk(LINGER)

    def _read(self) -> None:
        try:
            self.arrivals.take(self._read_chunk(self._idle))
        except Exception as error:
            self.arrivals.broke(self._failure_of(error))

    @property
    def events(self) -> tuple[E, ...]:
        """The events that were iterated over so far."""
        return tuple(self.arrivals.given)

    def texts(self) -> Iterator[str]:
        """The pieces of text alone."""
        return (event.text for event in self if event.text)

    def answer(self) -> Any:
        """Read to the end, and give the answer that the same call has without streaming.

        Raises:
            StreamInterrupted: it broke off, or was closed before its end.
        """
        for _ in self:
            pass
        assert self._answer is not None
        return self._answer(self.arrivals.whole())

    def close(self) -> None:
        """Stop here: the connection and the slot are free."""
        if self._dropped.detach() is not None:
            # The connection first: who is given the slot may find it ready.
            try:
                self._close()
            finally:
                self.arrivals.close()

    def __enter__(self) -> Stream[E]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class OpenedAsyncStream:
    """A stream of an event loop, as its driver opens it."""

    def __init__(
        self,
        arrivals: Arrivals,
        chunks: AsyncIterator[bytes],
        close: Callable[[], Awaitable[None]],
        drop: Callable[[], None],
        failure_of: Callable[[Exception], Failure],
        idle: float,
    ) -> None:
        self.arrivals, self._chunks, self._failure_of = arrivals, chunks, failure_of
        self._close, self.drop, self._idle = close, drop, idle

    async def prime(self) -> None:
        """Read until the first event; the driver bounds the time."""
        while not self.arrivals.begun:
            await self._read(None)

    async def next(self) -> Any:
        """The next event; ``None`` at the end.

        Raises:
            StatusError: it is an error, amid the stream.
            StreamInterrupted: the stream broke off.
        """
        arrivals = self.arrivals
        while (event := arrivals.next()) is None and not arrivals.over:
            await self._read(self._idle)
        return event

    async def linger(self) -> None:
        """Read the end of the bytes, where it comes at once."""
        if not self.arrivals.closed:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LINGER):
                    await anext(self._chunks, None)

    async def _read(self, idle: float | None) -> None:
        try:
            async with asyncio.timeout(idle):
                chunk = await anext(self._chunks, None)
            self.arrivals.take(chunk)
        except Exception as error:
            self.arrivals.broke(self._failure_of(error))

    async def aclose(self) -> None:
        """Close the response and give the slot back."""
        if self.arrivals.closed:
            return
        try:
            await self._close()
            # What decodes is an asynchronous generator, which the event loop would close later.
            if isinstance(self._chunks, AsyncGenerator):
                with contextlib.suppress(RuntimeError):  # another task reads at this moment
                    await self._chunks.aclose()
        finally:
            self.arrivals.close()


class AsyncStream(Generic[E]):
    """The events of one call, for a task.

    ``async with client.chat.astream(...) as stream:``, or ``async for`` over it, or await it; the
    call is made at the first of these.
    """

    def __init__(
        self,
        open: Callable[[], Awaitable[Reply]],
        answer: Callable[[list[Any], Reply], Answer],
    ) -> None:
        self._open, self._answer = open, answer
        self._stream: OpenedAsyncStream | None = None
        self._reply: Reply | None = None

    async def _opened(self) -> OpenedAsyncStream:
        if self._stream is None:
            self._reply = await self._open()
            stream: OpenedAsyncStream = self._reply.stream
            self._stream = stream
            _when_dropped(self, stream.arrivals, stream.drop)
            return stream
        return self._stream

    def __await__(self) -> Generator[Any, None, AsyncStream[E]]:
        return self.__aenter__().__await__()

    def __aiter__(self) -> AsyncStream[E]:
        return self

    async def __anext__(self) -> E:
        stream = self._stream or await self._opened()
        try:
            event = await stream.next()
        except errors.ProviderError as error:
            await stream.aclose()
            raise stream.arrivals.told(error) from None
        except BaseException:
            await stream.aclose()
            raise
        if event is None:
            await stream.linger()
            await stream.aclose()
            raise StopAsyncIteration
        return event  # type: ignore[no-any-return]

    @property
    def events(self) -> tuple[E, ...]:
        """The events that were iterated over so far."""
        return tuple(self._stream.arrivals.given) if self._stream else ()

    async def texts(self) -> AsyncIterator[str]:
        """The pieces of text alone."""
        async for event in self:
            if event.text:
                yield event.text

    async def answer(self) -> Any:
        """Read to the end, and give the answer that the same call has without streaming.

        Raises:
            StreamInterrupted: it broke off, or was closed before its end.
        """
        async for _ in self:
            pass
        assert self._stream is not None
        assert self._reply is not None
        return self._answer(self._stream.arrivals.whole(), self._reply)

    async def aclose(self) -> None:
        """Stop here: the connection and the slot are free."""
        if self._stream is not None:
            await self._stream.aclose()

    async def __aenter__(self) -> AsyncStream[E]:
        await self._opened()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


def _when_dropped(
    stream: Stream[Any] | AsyncStream[Any], arrivals: Arrivals, drop: Callable[[], None]
) -> weakref.finalize[[], Any]:
    """Free slot and connection of a stream that nobody holds any more."""

    def free() -> None:
        if not arrivals.closed:
            drop()
            arrivals.close()

    finalizer = weakref.finalize(stream, free)
    finalizer.atexit = False
    return finalizer
