"""Operations: declared once by a function's signature, called as handlers.

::

    class OpenAI(Provider):
        @operation("POST", "/embeddings", answer=OpenAIEmbeddings)
        def embeddings(
            *, model: str, input: str | Sequence[str], **options: Unpack[CallOptions]
        ) -> None:
            \"\"\"Vectors of texts.\"\"\"

    client.embeddings(model="...", input="...")                 # a call
    await client.embeddings.acall(model="...", input="...")     # the same, awaitable
    client.embeddings({"model": "...", "input": "..."})         # the same, from a mapping
    client["embeddings"] is client.handler("embeddings")        # the same handler

The signature is what type checkers see and what is checked before anything is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from pytest_accelerate.errors import InvalidResponse, ProviderError, UnsupportedOperation
from pytest_accelerate.providers.declaration import Declaration, Effect, Encoding, Paging
from pytest_accelerate.providers.parameters import Signature
from pytest_accelerate.providers.preparing import call_of, split
from pytest_accelerate.transport.answers import Answer, Origin, Usage
from pytest_accelerate.transport.classify import request_id
from pytest_accelerate.transport.exchange import Call
from pytest_accelerate.transport.outcome import Reply
from pytest_accelerate.transport.streams import AsyncStream, Stream

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

__all__ = ["Declaration", "Effect", "Encoding", "Handler", "Operation", "Paging", "operation"]

P = ParamSpec("P")
A = TypeVar("A", bound=Answer)


class Operation(Generic[P, A]):
    """One declared operation: an attribute of its provider's class."""

    def __init__(self, declared: Callable[P, None], declaration: Declaration) -> None:
        self.declared, self.declaration = declared, declaration
        self.name = declared.__name__
        self.__doc__ = declared.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @cached_property
    def signature(self) -> Signature:
        """The parameters, read at the first call."""
        return Signature.of(self.declared)

    @cached_property
    def path_parameters(self) -> tuple[str, ...]:
        """The parameters that stand in the path."""
        return tuple(name for name in self.signature.parameters
                     if f"{{{name}}}" in self.declaration.path)  # fmt: skip

    @overload
    def __get__(self, instance: None, owner: type) -> Operation[P, A]: ...
    @overload
    def __get__(self, instance: Provider, owner: type) -> Handler[P, A]: ...
    def __get__(self, instance: Provider | None, owner: type) -> Any:
        if instance is None:
            return self
        handler = self.handler(instance)
        # An attribute of the instance is found before this one: the same handler from now on.
        vars(instance)[self.name] = handler
        return handler

    def handler(self, provider: Provider) -> Handler[P, A]:
        """The handler of this operation for one client; a call of several requests has its own."""
        return Handler(provider, self)

    def __repr__(self) -> str:
        return f"<operation {self.name}: {self.declaration.method} {self.declaration.path}>"


def operation(
    method: str,
    path: str,
    *,
    answer: type[A],
    encoding: Encoding | None = None,
    effect: Effect | None = None,
    **more: Any,
) -> Callable[[Callable[P, None]], Operation[P, A]]:
    """Declare an operation by a function of keyword parameters that does nothing.

    Args:
        method: of HTTP.
        path: below the base URL, with ``{name}`` where a parameter stands.
        answer: what a call gives.
        encoding: by default JSON for POST, PUT and PATCH, else the query.
        effect: by default none for GET, a deletion for DELETE, else inference.
        more: other fields of :class:`Declaration`.
    """
    if encoding is None:
        encoding = Encoding.JSON if method in ("POST", "PUT", "PATCH") else Encoding.QUERY
    if effect is None:
        effect = {"GET": Effect.READ, "DELETE": Effect.DELETE}.get(method, Effect.INFER)
    declaration = Declaration(method, path, answer, encoding, effect, **more)
    return lambda declared: Operation(declared, declaration)


class Handler(Generic[P, A]):
    """An operation of one client: call it, await :meth:`acall`, iterate over :meth:`stream`."""

    # The implementations of the overloads are ignored by mypy 2.4, which holds the parameters of a
    # ParamSpec for narrower than (*Any, **Any).

    def __init__(self, provider: Provider, operation: Operation[P, A]) -> None:
        self._provider, self.operation = provider, operation
        self.__doc__ = operation.__doc__

    @property
    def implementation_type(self) -> str:
        """``REAL``, or ``MOCK`` where the client was given a mock transport."""
        return self._provider.implementation_type

    @property
    def streams(self) -> bool:
        """Whether :meth:`stream` and :meth:`astream` can be had."""
        return self.operation.declaration.streaming is not None

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> A: ...
    @overload
    def __call__(self, parameters: Mapping[str, Any], /, **named: Any) -> A: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Call the operation.

        Raises:
            ProviderError: see :mod:`pytest_accelerate.errors` for the kinds.
        """
        call = self._prepare(args, kwargs, streaming=False)
        reply = self._provider.threads.run(self._provider.exchange(call))
        return self._answer(reply, call)

    @overload
    async def acall(self, *args: P.args, **kwargs: P.kwargs) -> A: ...
    @overload
    async def acall(self, parameters: Mapping[str, Any], /, **named: Any) -> A: ...
    async def acall(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """The same as a call, awaitable."""
        call = self._prepare(args, kwargs, streaming=False)
        reply = await self._provider.tasks.run(self._provider.exchange(call))
        return self._answer(reply, call)

    @overload
    def stream(self, *args: P.args, **kwargs: P.kwargs) -> Stream[Any]: ...
    @overload
    def stream(self, parameters: Mapping[str, Any], /, **named: Any) -> Stream[Any]: ...
    def stream(self, *args: Any, **kwargs: Any) -> Stream[Any]:  # type: ignore[misc]
        """Call the operation, and iterate over its events as they come.

        Raises:
            UnsupportedOperation: it does not stream.
            ProviderError: likewise, here and while it is iterated over.
        """
        call = self._prepare(args, kwargs, streaming=True)
        reply = self._provider.threads.run(self._provider.exchange(call))
        stream: Stream[Any] = reply.stream
        origin, attempts = self._origin(reply, call), reply.attempts
        # Not the reply itself: it holds the stream, which then would not be freed when dropped.
        stream.bind(lambda events: self._collected(events, origin, attempts))
        return stream

    @overload
    def astream(self, *args: P.args, **kwargs: P.kwargs) -> AsyncStream[Any]: ...
    @overload
    def astream(self, parameters: Mapping[str, Any], /, **named: Any) -> AsyncStream[Any]: ...
    def astream(self, *args: Any, **kwargs: Any) -> AsyncStream[Any]:  # type: ignore[misc]
        """The same for a task: use it in ``async with`` or ``async for``, or await it."""
        call = self._prepare(args, kwargs, streaming=True)

        async def open() -> Reply:
            return await self._provider.tasks.run(self._provider.exchange(call))

        return AsyncStream(
            open,
            lambda events, reply: self._collected(
                events, self._origin(reply, call), reply.attempts
            ),
        )

    def pages(self, **parameters: Any) -> Iterator[A]:
        """Every page of a list, each asked for when it is reached."""
        following: dict[str, Any] | None = parameters
        while following is not None:
            page: A = self(following)
            yield page
            following = self._following(page, following)

    async def apages(self, **parameters: Any) -> AsyncIterator[A]:
        """The same for a task."""
        following: dict[str, Any] | None = parameters
        while following is not None:
            page: A = await self.acall(following)
            yield page
            following = self._following(page, following)

    def _following(self, page: Answer, parameters: dict[str, Any]) -> dict[str, Any] | None:
        paging = self.operation.declaration.paging
        if paging is None:
            raise UnsupportedOperation(f"{self} is no list of pages", (self.operation.name,))
        if paging.back is not None and parameters.get(paging.back.parameter):
            paging = paging.back
        value = paging.next(page.data)
        return None if value is None else {**parameters, paging.parameter: value}

    def _prepare(self, args: tuple[Any, ...], named: dict[str, Any], *, streaming: bool) -> Call:
        try:
            return self._call(*split(args, named), streaming=streaming)
        except ProviderError as error:
            raise self._told(error) from None

    def _call(
        self, parameters: dict[str, Any], options: dict[str, Any], *, streaming: bool
    ) -> Call:
        return call_of(self._provider, self.operation, parameters, options, streaming=streaming)

    def _answer(self, reply: Reply, call: Call) -> A:
        try:
            answer = self.operation.declaration.answer.of(reply, self._origin(reply, call))
        except InvalidResponse as error:
            error.attempts = reply.attempts
            self._provider.shared.metrics.broke(self.operation.name, type(error).__name__)
            raise self._told(error, call) from None
        self._spend(answer)
        return answer  # type: ignore[return-value]

    def _collected(self, events: list[Any], origin: Origin, attempts: int) -> Answer:
        declared = self.operation.declaration
        assert declared.streaming is not None
        try:
            data = declared.streaming.event.collect(events)
        except InvalidResponse as error:
            error.call_id, error.attempts = origin.call_id, attempts
            raise self._told(error) from None
        answer = declared.answer.of_events(data, origin)
        self._spend(answer)
        return answer

    def _spend(self, answer: Answer) -> None:
        usage, effect = answer.usage, self.operation.declaration.effect
        # To read what an earlier call came to spends nothing again. What tells no usage where
        # something was spent, such as sound or an image, costs what it costs: not nothing.
        spends = effect in (Effect.INFER, Effect.SPEND)
        if spends or (usage is not None and effect is Effect.CREATE):
            usage, provider = usage or Usage(), self._provider
            provider.shared.metrics.spent(
                self.operation.name, usage.input_tokens, usage.output_tokens, provider.cost(answer)
            )

    def _origin(self, reply: Reply, call: Call) -> Origin:
        return Origin(
            call.provider,
            call.operation,
            self.implementation_type,
            call.id,
            request_id(reply.headers),
            reply.status,
        )

    def _told(self, error: ProviderError, call: Call | None = None) -> ProviderError:
        """The error with where it is from, and without keys."""
        error.provider, error.operation = self._provider.name, self.operation.name
        if call is not None:
            error.call_id = call.id
        error.message = self._provider.shared.redact(error.message)
        error.args = (error.message,)
        return error

    def __str__(self) -> str:
        return f"{self._provider.name}.{self.operation.name}"

    def __repr__(self) -> str:
        return f"<handler {self} {self.implementation_type}>"
