"""Where the services of an OPEA deployment are: one URL for all, or one each.

Names and ports are those of https://github.com/opea-project/GenAIComps: each microservice listens
on a port of its own, and the megaservice of ChatQnA on 8888.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast

from pytest_accelerate.errors import InvalidParameters, nearest
from pytest_accelerate.providers.base import checked_url
from pytest_accelerate.providers.operation import Handler, Operation
from pytest_accelerate.transport.answers import Answer

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider
    from pytest_accelerate.transport.exchange import Call

P = ParamSpec("P")
A = TypeVar("A", bound=Answer)

PORTS: Mapping[str, int] = MappingProxyType(
    {
        "chatqna": 8888,
        "llm": 9000,
        "embedding": 6000,
        "retriever": 7000,
        "reranking": 8000,
        "dataprep": 5000,
        "guardrails": 9090,
        "asr": 9099,
        "tts": 9088,
    }
)
"""The port that each service listens on, unless its deployment says otherwise."""

OPERATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chatqna": ("chatqna",),
        "llm": ("chat",),
        "embedding": ("embeddings",),
        "retriever": ("retrieval",),
        "reranking": ("rerank",),
        "dataprep": ("dataprep_ingest", "dataprep_list", "dataprep_delete", "dataprep_indices"),
        "guardrails": ("guardrails",),
        "asr": ("audio_transcription", "asr"),
        "tts": ("audio_speech", "tts"),
    }
)
"""The operations of each service."""


def on_host(host: str = "127.0.0.1", scheme: str = "http") -> dict[str, str]:
    """The URL of every service where all run on one host and on OPEA's own ports."""
    return {name: f"{scheme}://{host}:{port}" for name, port in PORTS.items()}


def checked(given: Mapping[str, str], operations: Mapping[str, Any]) -> dict[str, str]:
    """The URLs of services, or of single operations, by name.

    Raises:
        InvalidParameters: there is no such service or operation, or it is no URL.
    """
    if not isinstance(given, Mapping):
        raise InvalidParameters("services: expected a mapping of names to URLs")
    known = [*OPERATIONS, *operations]
    for name, url in given.items():
        if name not in known:
            hint = nearest(str(name), known) or f"; known: {', '.join(OPERATIONS)}"
            raise InvalidParameters(f"services: no service or operation {name!r}{hint}")
        if not isinstance(url, str):
            raise InvalidParameters(f"services: the URL of {name!r} is {type(url).__name__}")
    return {name: checked_url(url, f"services: {name}") for name, url in given.items()}


def by_operation(urls: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Operation and URL, those of services first: an operation's own URL is to win."""
    for service, operations in OPERATIONS.items():
        if service in urls:
            yield from ((operation, urls[service]) for operation in operations)
    yield from ((name, url) for name, url in urls.items() if name not in OPERATIONS)


class _Deployment(Protocol):
    def service_url(self, service: str) -> str: ...


class ServiceOperation(Operation[P, A]):
    """An operation that every service has: its ``service`` says which is asked."""

    @classmethod
    def of(cls, operation: Operation[P, A]) -> ServiceOperation[P, A]:
        """Make one of a declared operation."""
        return cls(operation.declared, operation.declaration)

    def handler(self, provider: Provider) -> ServiceHandler[P, A]:
        """The handler for one client."""
        return ServiceHandler(provider, self)


class ServiceHandler(Handler[P, A]):
    """Sends to the service that was named."""

    def _call(
        self, parameters: dict[str, Any], options: dict[str, Any], *, streaming: bool
    ) -> Call:
        checked = self.operation.signature.check(parameters)
        service = checked.pop("service", None)
        call = super()._call(checked, options, streaming=streaming)
        if service is None:
            return call
        path = self.operation.declaration.path
        query = call.url.removeprefix(self._provider.url(path))
        there = cast(_Deployment, self._provider).service_url(service)
        return replace(call, url=f"{there}{path}{query}")
