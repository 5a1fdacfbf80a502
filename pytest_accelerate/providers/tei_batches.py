"""Batches that are larger than a TEI server takes: cut to its limit, and the answers rejoined.

The limit is ``max_client_batch_size`` of ``/info``, 32 where the server was started without one. It
is asked for once a client, and only where it matters: before a batch of more than 32, and after one
that was refused. ``TEI(max_batch=...)`` tells it instead.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pytest_accelerate import errors
from pytest_accelerate.errors import ProviderError
from pytest_accelerate.providers.operation import Handler, Operation
from pytest_accelerate.providers.preparing import split
from pytest_accelerate.providers.tei_joining import Answered, Join, check, concatenated
from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.exchange import Call, Sleep, Step

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

P = ParamSpec("P")
A = TypeVar("A", bound=Answer)

USUAL = 32
"""The limit of a server that was started without one."""
_GLANCE = 0.01
"""Seconds between two looks at whether another call has been told the limit."""
_REFUSED = (413, 422)
"""TEI answers 413 to a batch that is too large; a proxy or another version may say 422."""


@dataclass(frozen=True)
class Batching:
    """How the inputs of an operation are cut."""

    parameter: str
    """The one that holds the inputs."""
    single: type | None = None
    """A list of such entries is one input: ``int`` where tokens may stand for a text."""
    join: Join = concatenated
    beside: int = 0
    """Inputs that the server counts in each part beside those."""

    def inputs(self, parameters: Mapping[str, Any]) -> Sequence[Any] | None:
        """The inputs; ``None`` where there is one alone, which is no batch."""
        given = parameters[self.parameter]
        if isinstance(given, str) or (self.single and isinstance(given[0], self.single)):
            return None
        return given  # type: ignore[no-any-return]


class BatchOperation(Operation[P, A]):
    """An operation of many inputs."""

    batching: Batching

    def handler(self, provider: Provider) -> BatchHandler[P, A]:
        """The handler for one client."""
        return BatchHandler(provider, self, self.batching)


def batched(
    parameter: str, *, single: type | None = None, join: Join = concatenated, beside: int = 0
) -> Callable[[Operation[P, A]], BatchOperation[P, A]]:
    """Make an operation one that is cut; see :class:`Batching` for the parameters."""

    def make(operation: Operation[P, A]) -> BatchOperation[P, A]:
        made = BatchOperation[P, A](operation.declared, operation.declaration)
        made.batching = Batching(parameter, single, join, beside)
        return made

    return make


class Limit:
    """How many inputs a server takes at once; asked for once, by whichever call is first."""

    def __init__(self, told: int | None) -> None:
        self.known = told
        """``None`` before it was asked for, and where the server does not tell."""
        self._settled = told is not None
        self._asking = threading.Lock()

    def ask(self, client: Provider, until: float) -> Generator[Step, Any, int | None]:
        """The limit, from ``/info`` where nobody has asked yet.

        Raises:
            DeadlineExceeded: another call asks, and does not come to an end in time.
            ProviderError: the server cannot be asked; not where it has no such route.
        """
        while not self._settled:
            # Threads and tasks of any loop may ask at the same time: none waits for a lock.
            if self._asking.acquire(blocking=False):
                try:
                    if not self._settled:
                        self.known = yield from _told(client, until)
                        self._settled = True
                finally:
                    self._asking.release()
            elif client.shared.clock.now() >= until:
                raise errors.DeadlineExceeded("the call's own time is over, nothing was sent")
            else:
                yield Sleep(_GLANCE)
        return self.known


def _told(client: Provider, until: float) -> Generator[Step, Any, int | None]:
    handler = client.handler("info")
    try:
        call = handler._prepare((), {}, streaming=False)
        reply = yield from client.exchange(_within(client, call, until))
        return handler._answer(reply, call).max_batch  # type: ignore[no-any-return]
    except (errors.NotFound, errors.BadRequest, errors.InvalidResponse):
        return None  # what speaks TEI's protocol need not have all of its routes


def _within(client: Provider, call: Call, until: float) -> Call:
    return replace(call, deadline=max(until - client.shared.clock.now(), 0.0))


@dataclass(frozen=True)
class _Batch:
    """One call of an operation."""

    parameters: dict[str, Any]
    options: dict[str, Any]
    inputs: Sequence[Any]
    batching: Batching
    until: float
    """When its own time is over, by the client's clock."""

    @property
    def size(self) -> int:
        return len(self.inputs)

    def fits(self, limit: int) -> bool:
        """Whether a server with this limit takes it whole."""
        return self.size == 1 or self.size + self.batching.beside <= limit

    def part(self, start: int, stop: int) -> dict[str, Any]:
        """The parameters of a part."""
        return {**self.parameters, self.batching.parameter: list(self.inputs[start:stop])}

    def ranges(self, limit: int) -> Iterator[tuple[int, int]]:
        """Where each part begins and ends."""
        step = max(limit - self.batching.beside, 1)
        return ((start, min(start + step, self.size)) for start in range(0, self.size, step))


class BatchHandler(Handler[P, A]):
    """Sends what fits into one request in one, and else a request a part.

    A thread sends the parts one after the other, a task as many at once as the client may. Their
    time is that of one call, the first error is the call's, and metrics count each part as a call.
    """

    def __init__(self, provider: Provider, operation: Operation[P, A], batching: Batching) -> None:
        super().__init__(provider, operation)
        self._batching = batching

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the operation.

        Raises:
            ProviderError: see :mod:`pytest_accelerate.errors` for the kinds.
        """
        call, batch = self._planned(args, kwargs)
        run = self._provider.threads.run
        found = run(self._whole(call, batch))
        if batch is None or not isinstance(found, int):
            return found
        return self._joined(batch, [run(self._part(batch, *each)) for each in batch.ranges(found)])

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """The same, awaitable."""
        call, batch = self._planned(args, kwargs)
        found = await self._provider.tasks.run(self._whole(call, batch))
        if batch is None or not isinstance(found, int):
            return found
        return self._joined(batch, await self._together(batch, found))

    async def _together(self, batch: _Batch, limit: int) -> list[Answered]:
        """All parts, as many at once as the client may send."""
        waiting = batch.ranges(limit)
        parts: dict[int, Answered] = {}

        async def work() -> None:
            for start, stop in waiting:
                parts[start] = await self._provider.tasks.run(self._part(batch, start, stop))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._provider.policy.concurrency, batch.size)):
                    group.create_task(work())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        return [parts[start] for start in sorted(parts)]

    def _planned(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Call, _Batch | None]:
        """The call of what goes first, and the batch where it is one; nothing is sent."""
        try:
            parameters, options = split(args, named)
            parameters = self.operation.signature.check(parameters)
            inputs = self._batching.inputs(parameters)
            if inputs is None:
                return self._call(parameters, options, streaming=False), None
            now = self._provider.shared.clock.now()
            batch = _Batch(parameters, options, inputs, self._batching, now)
            _, stop = next(batch.ranges(self._limit.known or USUAL))
            call = self._call(batch.part(0, stop), options, streaming=False)
            return call, replace(batch, until=now + call.deadline)
        except ProviderError as error:
            raise self._told(error) from None

    @property
    def _limit(self) -> Limit:
        limit: Limit = self._provider.batch_limit  # type: ignore[attr-defined]
        return limit

    def _whole(self, call: Call, batch: _Batch | None) -> Generator[Step, Any, A | int]:
        """The answer where one request does; else how many inputs one may have."""
        if batch is None:
            return self._answer((yield from self._provider.exchange(call)), call)
        limit = self._limit.known
        if limit is None and not batch.fits(USUAL):
            limit = yield from self._asked(batch)
        if limit is not None and not batch.fits(limit):
            return limit
        if not batch.fits(USUAL):  # the limit is none, or larger: the call is of its first part
            call = self._call(batch.part(0, batch.size), batch.options, streaming=False)
        try:
            reply = yield from self._provider.exchange(_within(self._provider, call, batch.until))
        except (errors.PayloadTooLarge, errors.BadRequest) as error:
            if batch.size == 1 or error.status not in _REFUSED:
                raise
            return (yield from self._after(error, batch))
        return self._answer(reply, call)

    def _after(self, refusal: errors.StatusError, batch: _Batch) -> Generator[Step, Any, int]:
        """The limit, where it is what a batch was refused for.

        Raises:
            StatusError: the refusal, where it is not, or the server does not tell.
        """
        limit = yield from self._asked(batch)
        if limit is None:
            raise _named(
                refusal,
                f"{batch.size} inputs were refused, and the server does not tell how many it takes "
                f"at once: where they are too many, give {type(self._provider).__name__}"
                "(max_batch=...)",
            ) from None
        if batch.fits(limit):
            raise refusal
        return limit

    def _asked(self, batch: _Batch) -> Generator[Step, Any, int | None]:
        try:
            return (yield from self._limit.ask(self._provider, batch.until))
        except ProviderError as error:
            raise _named(error, "asked how many inputs it takes at once") from None

    def _part(self, batch: _Batch, start: int, stop: int) -> Generator[Step, Any, Answered]:
        """One part, in what is left of the time."""
        try:
            call = self._call(batch.part(start, stop), batch.options, streaming=False)
            reply = yield from self._provider.exchange(_within(self._provider, call, batch.until))
            part = Answered(start, stop - start, self._answer(reply, call))
            self._read(call, lambda: check(part))
            return part
        except ProviderError as error:
            raise _named(error, f"inputs {start} to {stop - 1} of {batch.size}") from None

    def _joined(self, batch: _Batch, parts: Sequence[Answered]) -> Any:
        return self._read(None, lambda: batch.batching.join(parts))

    def _read(self, call: Call | None, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except errors.InvalidResponse as error:
            self._provider.shared.metrics.broke(self.operation.name, type(error).__name__)
            raise self._told(error, call) from None


def _named(error: Any, what: str) -> Any:
    """An error that says which part of the call it is of."""
    error.message = f"{what}: {error.message}"
    error.args = (error.message,)
    return error
