"""What the stages of one operation share: clients that are mocked anew for each, and checks."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import httpx

from pytest_accelerate.errors import ProviderError
from pytest_accelerate.providers import mocks
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.examples import NEW_FOLDER, CannedReply, Example
from pytest_accelerate.providers.operation import Declaration, Handler, Operation
from pytest_accelerate.stages.base import Outcome
from pytest_accelerate.transport.clock import FakeClock
from pytest_accelerate.transport.policy import Policy

Reply: TypeAlias = httpx.Response | BaseException | Callable[[httpx.Request], Any]
"""What a mocked server does with one request."""

ONE_AT_A_TIME = Policy(concurrency=1, queue_size=0)
"""A slot that was not given back makes the next call fail."""


class Failed(Exception):
    """A check of a stage does not hold: the cell's verdict is ``mismatch``."""


def check(holds: object, otherwise: str) -> None:
    """Go on where something holds.

    Raises:
        Failed: it does not.
    """
    if not holds:
        raise Failed(otherwise)


class Way(Protocol):
    """How a call is made."""

    name: str

    def call(
        self, handler: Handler[..., Any], parameters: Mapping[str, Any], **options: Any
    ) -> Any:
        """The answer of one call."""

    def events(self, handler: Handler[..., Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
        """All events of a stream."""

    def collected(
        self, handler: Handler[..., Any], parameters: Mapping[str, Any], **options: Any
    ) -> Any:
        """The answer that a stream adds up to."""

    def first_event(self, handler: Handler[..., Any], parameters: Mapping[str, Any]) -> Any:
        """The first event of a stream that is closed after it."""


class Threads:
    """From a thread."""

    name = "called"

    def call(
        self, handler: Handler[..., Any], parameters: Mapping[str, Any], **options: Any
    ) -> Any:
        """The answer of one call."""
        return handler(parameters, **options)

    def events(self, handler: Handler[..., Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
        """All events of a stream."""
        return list(handler.stream(parameters))

    def collected(
        self, handler: Handler[..., Any], parameters: Mapping[str, Any], **options: Any
    ) -> Any:
        """The answer that a stream adds up to."""
        with handler.stream(parameters, **options) as stream:
            return stream.answer()

    def first_event(self, handler: Handler[..., Any], parameters: Mapping[str, Any]) -> Any:
        """The first event of a stream that is closed after it."""
        with handler.stream(parameters) as stream:
            return next(stream)


class Tasks:
    """In an event loop, the same one for all calls of a cell."""

    name = "awaited"

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def call(
        self, handler: Handler[..., Any], parameters: Mapping[str, Any], **options: Any
    ) -> Any:
        """The answer of one call."""
        return self._runner.run(handler.acall(parameters, **options))

    def events(self, handler: Handler[..., Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
        """All events of a stream."""

        async def read() -> list[Any]:
            return [event async for event in handler.astream(parameters)]

        return self._runner.run(read())

    def collected(
        self, handler: Handler[..., Any], parameters: Mapping[str, Any], **options: Any
    ) -> Any:
        """The answer that a stream adds up to."""

        async def read() -> Any:
            async with handler.astream(parameters, **options) as stream:
                return await stream.answer()

        return self._runner.run(read())

    def first_event(self, handler: Handler[..., Any], parameters: Mapping[str, Any]) -> Any:
        """The first event of a stream that is closed after it."""

        async def read() -> Any:
            async with handler.astream(parameters) as stream:
                return await anext(stream)

        return self._runner.run(read())


@dataclass
class Bench:
    """One mocked client, and what its server was sent."""

    client: Provider
    clock: FakeClock
    handler: Handler[..., Any]
    requests: list[httpx.Request] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How often something was sent."""
        return len(self.requests)

    def check_free(self, after: str) -> None:
        """Hold that every slot was given back."""
        check(self.client.shared.slots.active == 0, f"{after} holds its slot still")


@dataclass
class Context:
    """One operation: the stages of its cell look here."""

    provider: type[Provider]
    operation: Operation[..., Any]
    example: Example
    runner: asyncio.Runner
    client: Provider | None = None
    """The client of the real API; ``None`` where it is mocked."""
    answer: Any = None
    """What a live ``request`` was answered."""
    failure: ProviderError | None = None
    """Why what a live ``request`` was answered could not be read."""
    seconds: float | None = None
    """What that took."""
    requests: int = 0
    """How many were sent so far."""
    per_call: int = 1
    """How many one call takes: an upload may take several."""
    folder: Path | None = None
    """Where calls may write."""

    @property
    def declared(self) -> Declaration:
        """What is declared of the operation."""
        return self.operation.declaration

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Those of the example; a folder that it writes to is another each time."""
        return {
            name: Path(tempfile.mkdtemp(dir=self.folder)) if value is NEW_FOLDER else value
            for name, value in self.example.parameters.items()
        }

    @property
    def streams(self) -> bool:
        """Whether there is a stream to look at."""
        return self.declared.streaming is not None and self.example.stream is not None

    @property
    def streams_only(self) -> bool:
        """Whether a stream is all that the operation gives."""
        return self.declared.streaming is not None and self.declared.streaming.only

    @property
    def ways(self) -> tuple[Way, Way]:
        """Both ways to call."""
        return Threads(), Tasks(self.runner)

    def call(self, way: Way, handler: Handler[..., Any], **options: Any) -> Any:
        """The answer of one call, of its stream where there is no other."""
        if self.streams_only:
            return way.collected(handler, self.parameters, **options)
        return way.call(handler, self.parameters, **options)

    @property
    def canned(self) -> CannedReply:
        """What the server answers to :meth:`call`."""
        if self.streams_only:
            assert self.example.stream is not None
            return self.example.stream
        return self.example.reply

    @property
    def answered(self) -> httpx.Response:
        """The same, as a reply to be sent."""
        return mocks.response(self.canned)

    @property
    def streamed(self) -> httpx.Response:
        """The example's stream, as a reply to be sent."""
        assert self.example.stream is not None
        return mocks.response(self.example.stream)

    @contextmanager
    def mocked(
        self,
        *replies: Reply,
        then: httpx.Response | None = None,
        keys: str | Sequence[str] = mocks.KEY,
        policy: Policy = ONE_AT_A_TIME,
    ) -> Iterator[Bench]:
        """A client whose server answers with one reply after the other, by a clock of its own.

        Args:
            replies: each to one request.
            then: to all further ones; without it, they are too many.
            keys: of the client.
            policy: likewise.
        """
        clock = FakeClock()
        if self.provider.native:
            from pytest_accelerate.providers.stages.stored import stored as made
        else:
            made = _routed
        client, serve, end = made(self, keys, policy, clock)
        bench = Bench(client, clock, client.handler(self.operation.name))
        script = list(replies)

        def answer(request: httpx.Request) -> Any:
            bench.requests.append(request)
            if not script and then is not None:
                return then
            check(script, f"it was sent {bench.sent} times, {len(replies)} expected")
            reply = script.pop(0)
            if isinstance(reply, BaseException):
                raise reply
            return reply if isinstance(reply, httpx.Response) else reply(request)

        serve(answer)
        try:
            yield bench
        finally:
            self.requests += bench.sent
            client.close()
            end()


def _routed(context: Context, keys: Any, policy: Policy, clock: FakeClock) -> Mocked:
    """A client with a router in place of the network."""
    router = mocks.router(context.provider, (context.operation.name,))
    client = context.provider(
        keys,
        base_url=context.provider.default_base_url,
        policy=policy,
        clock=clock,
        **mocks.transports(router),
    )
    route = router[context.operation.name]
    return client, lambda answer: route.mock(side_effect=answer), lambda: None


Mocked: TypeAlias = tuple[
    Provider, Callable[[Callable[[httpx.Request], Any]], Any], Callable[[], None]
]
"""A client, what takes the function that answers its requests, and what ends its server."""


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, and knows whether it was closed."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    def close(self) -> None:
        """The caller needs no more."""
        self.closed = True

    async def aclose(self) -> None:
        """The same."""
        self.closed = True

    def response(self, canned: CannedReply) -> httpx.Response:
        """A reply like ``canned``, with these pieces for a body."""
        headers = {"content-type": canned.media_type, **canned.headers}
        return httpx.Response(canned.status, headers=headers, stream=self)


def error_of(call: Callable[[], Any], kind: type[ProviderError], when: str) -> Any:
    """The error that a call ends in.

    Raises:
        Failed: it ends in none, or in one of another kind.
    """
    try:
        answer = call()
    except kind as error:
        return error
    except ProviderError as error:
        raise Failed(
            f"{when}: expected {kind.__name__}, it raised {type(error).__name__}: {error}"
        ) from error
    raise Failed(f"{when}: expected {kind.__name__}, it gave {type(answer).__name__}")


StageFunction: TypeAlias = Callable[[Context], Outcome]
