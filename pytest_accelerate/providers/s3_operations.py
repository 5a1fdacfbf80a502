"""How S3's operations are called: checked and queued as all, and sent by obstore."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pytest_accelerate.errors import InvalidParameters, ProviderError, UnsupportedOperation
from pytest_accelerate.providers.declaration import Declaration, Effect, Encoding
from pytest_accelerate.providers.operation import Handler, Operation
from pytest_accelerate.providers.preparing import common
from pytest_accelerate.providers.s3_names import Place
from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.exchange import Call, Step
from pytest_accelerate.transport.outcome import Reply

if TYPE_CHECKING:
    from pytest_accelerate.providers.s3 import S3

P = ParamSpec("P")
A = TypeVar("A", bound=Answer)
Work = Callable[["S3", Place, dict[str, Any]], Any]
"""From a client, a place and the other parameters to what makes a try."""
_EXTRAS = ("extra_body", "extra_headers", "extra_query")


class StoreOperation(Operation[P, A]):
    """An operation whose requests obstore makes."""

    def __init__(
        self,
        declared: Callable[P, None],
        declaration: Declaration,
        work: Work | None,
        handler: type[StoreHandler[Any, Any]],
    ) -> None:
        super().__init__(declared, declaration)
        self.work, self._handler = work, handler

    def handler(self, provider: Any) -> StoreHandler[P, A]:
        """The handler for one client."""
        return self._handler(provider, self)


def stored(
    method: str,
    path: str,
    *,
    answer: type[A],
    work: Work | None = None,
    handler: type[StoreHandler[Any, Any]] | None = None,
    effect: Effect = Effect.READ,
    **more: Any,
) -> Callable[[Callable[P, None]], StoreOperation[P, A]]:
    """Declare an operation, as :func:`~pytest_accelerate.providers.operation.operation` does.

    Args:
        method: of its first request.
        path: likewise.
        answer: what a call gives.
        work: makes the tries of a call of one request.
        handler: of a call of several, or of none.
        effect: what it leaves behind.
        more: other fields of the declaration.
    """
    declaration = Declaration(method, path, answer, Encoding.QUERY, effect, **more)
    chosen = handler or StoreHandler
    return lambda declared: StoreOperation(declared, declaration, work, chosen)


class StoreHandler(Handler[P, A]):
    """An operation of one client."""

    _provider: S3

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the operation.

        Raises:
            ProviderError: see :mod:`pytest_accelerate.errors` for the kinds.
        """
        call = self._prepare(args, kwargs, streaming=False)
        with self._telling(call):
            return self._answer(self._provider.threads.run(self._steps(call)), call)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """The same, awaitable."""
        call = self._prepare(args, kwargs, streaming=False)
        with self._telling(call):
            return self._answer(await self._provider.tasks.run(self._steps(call)), call)

    def _steps(self, call: Call) -> Generator[Step, Any, Reply]:
        return self._provider.exchange(call)

    def _call(
        self, parameters: dict[str, Any], options: dict[str, Any], *, streaming: bool
    ) -> Call:
        if streaming:
            raise UnsupportedOperation(f"{self} does not stream", (self.operation.name,))
        for name in _EXTRAS:
            if options.get(name):
                raise InvalidParameters(f"{name}: nothing can be added to a request of S3")
        values = self.operation.signature.check(parameters)
        bucket = values.pop("bucket", "") or self._provider.bucket
        key = values.pop("key", "") or values.pop("prefix", "")
        place = self._provider.place(key, bucket, self.operation)
        return self._made(place, values, options)

    def _made(self, place: Place, values: dict[str, Any], options: dict[str, Any]) -> Call:
        assert isinstance(self.operation, StoreOperation)
        assert self.operation.work is not None
        work = self.operation.work(self._provider, place, values)
        return self.call_of(place, work, options)

    def call_of(self, place: Place, work: Any, options: dict[str, Any], method: str = "") -> Call:
        """The call of one request."""
        from pytest_accelerate.transport.stores import StoreCall

        known = common(self._provider, self.operation, options)
        known["method"] = method or known["method"]
        return StoreCall(**known, url=place.url, headers={}, body=None, streaming=None, work=work)

    def _telling(self, call: Call) -> _Telling:
        return _Telling(lambda error: self._told(error, call))


class _Telling:
    """Has errors that are raised beside the exchange tell where they are from."""

    def __init__(self, told: Callable[[ProviderError], ProviderError]) -> None:
        self._told = told

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ProviderError) and not error.operation:
            self._told(error)


class GetHandler(StoreHandler[P, A]):
    """Brings an object; a client is a mapping, too, so with a name alone it is a mapping's get."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the operation.

        Raises:
            ProviderError: see :mod:`pytest_accelerate.errors` for the kinds.
        """
        if args and isinstance(args[0], str):
            return Mapping.get(self._provider, *args, **kwargs)
        return super().__call__(*args, **kwargs)


class PresignHandler(StoreHandler[P, A]):
    """Signs here: nothing is sent, so there is nothing to queue for."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Sign a URL.

        Raises:
            MissingCredential: there is no key to sign with.
            InvalidParameters: it cannot be signed.
        """
        return self._signed(self._prepare(args, kwargs, streaming=False))

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """The same, awaitable; it takes no time."""
        return self(*args, **kwargs)

    def _signed(self, call: Call) -> A:
        import obstore

        from pytest_accelerate.providers.s3_requests import done

        store, (method, until, told), place = call.work  # type: ignore[attr-defined]
        try:
            self._provider.authorise(self.operation.name)
            url = obstore.sign(store, method, place.key, until)
        except ProviderError as error:
            raise self._told(error, call) from None
        data = {**told, "url": url}
        origin = self._origin(done(data), call)
        return self.operation.declaration.answer(data, origin)  # type: ignore[return-value]
