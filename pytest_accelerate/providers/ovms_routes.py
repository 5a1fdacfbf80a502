"""Routes that a version or a label may stand in, and routes that some servers lack.

A server answers 404 to a route that it does not have and to a model that it does not have, and what
it says of it differs from server to server; so the text of an answer decides nothing here. 501 says
that there is no such thing, as KServe's does of versions. After a 404 or 405 one more request is
sent, once, to a route that every server of the Open Inference Protocol has: to the same model's
metadata, or to the server's where no model is named. What answers there exists, so it is the route
that is missing. In any other case nothing is proven, and the first answer stays the error that it
was; so it does with a label, of which that protocol knows nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pytest_accelerate.errors import ProviderError, StatusError
from pytest_accelerate.providers.llvm_offer import lacking
from pytest_accelerate.providers.operation import Handler, Operation
from pytest_accelerate.providers.preparing import call_of
from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.exchange import Call, Step, exchange
from pytest_accelerate.transport.metrics import Metrics
from pytest_accelerate.transport.outcome import Reply

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

P = ParamSpec("P")
A = TypeVar("A", bound=Answer)

_PLACES: Mapping[str, str] = {
    "version": "{model}/versions/{version}",
    "label": "{model}/labels/{label}",
}
"""Parameter to what stands in the path where it is given."""
_ABSENT = frozenset({404, 405})
"""What a server answers that has no such route; the first also where it has no such model."""
_NOT_IMPLEMENTED = 501
_MODELS = "/v1/models/"


class ModelOperation(Operation[P, A]):
    """An operation whose path names a ``version`` or a ``label`` where one is given."""

    @classmethod
    def of(cls, operation: Operation[P, A]) -> ModelOperation[P, A]:
        """Make one of a declared operation."""
        return cls(operation.declared, operation.declaration)

    def handler(self, provider: Provider) -> Handler[P, A]:
        """The handler for one client."""
        return ModelHandler(provider, self)

    def at(self, parameters: Mapping[str, Any]) -> Operation[P, A]:
        """The operation with the path that these parameters need."""
        given = [name for name in _PLACES if parameters.get(name) is not None]
        return self._elsewhere[given[0]] if given else self

    @cached_property
    def _elsewhere(self) -> Mapping[str, Operation[P, A]]:
        return {name: self._moved(place) for name, place in _PLACES.items()}

    def _moved(self, place: str) -> Operation[P, A]:
        path = self.declaration.path.replace("{model}", place)
        moved: Operation[P, A] = Operation(self.declared, replace(self.declaration, path=path))
        moved.name = self.name
        return moved


class ModelHandler(Handler[P, A]):
    """Sends to the path that the parameters need."""

    def _call(
        self, parameters: dict[str, Any], options: dict[str, Any], *, streaming: bool
    ) -> Call:
        assert isinstance(self.operation, ModelOperation)
        at = self.operation.at(parameters)
        return call_of(self._provider, at, parameters, options, streaming=streaming)


def offered(client: Provider, call: Call, *, optional: bool) -> Generator[Step, Any, Reply]:
    """Bring a call to its reply.

    Args:
        client: of the server.
        call: of one operation.
        optional: whether a server of the protocol may lack its route.

    Raises:
        UnsupportedOperation: the server has no such route; what it said is the cause.
        ProviderError: in any other case.
    """
    try:
        return (yield from exchange(call, client.shared))
    except StatusError as error:
        lacks = error.status == _NOT_IMPLEMENTED
        if optional and error.status in _ABSENT and not lacks:
            lacks = yield from _is_there(client, call)
        if not lacks:
            raise
        raise lacking(client, call, str(error)) from error


def _is_there(client: Provider, call: Call) -> Generator[Step, Any, bool]:
    asked = replace(
        call,
        method="GET",
        url=client.url(_subject(call.url.removeprefix(client.base_url))),
        headers={**{name: value for name, value in call.headers.items() if name != "content-type"},
                 "accept": "application/json"},
        body=None,
        max_tries=1,
        report=None,
    )  # fmt: skip
    try:
        # Metrics of its own: whoever reads the client's knows of one call.
        yield from exchange(asked, replace(client.shared, metrics=Metrics()))
    except ProviderError:
        return False
    return True


def _subject(path: str) -> str:
    """Where the Open Inference Protocol tells of the model of a path, or of the server."""
    path = path.partition("?")[0]
    if not path.startswith(_MODELS):
        return "/v2"
    return "/v2/models/" + path.removeprefix(_MODELS).removesuffix(":predict").removesuffix(
        "/metadata"
    )
