"""Mocked providers: respx routes that answer each operation with its canned reply.

::

    router = mocks.router(OpenAI)
    with OpenAI("any key", **mocks.transports(router)) as client:
        client.chat(model="m", messages=[{"role": "user", "content": "Hello"}])
        router["chat"].respond(429, headers={"retry-after": "1"})  # respx's own API from here on
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import respx
from respx.models import AllMockedAssertionError

from pytest_accelerate.providers.examples import CannedReply, Example, examples

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider
    from pytest_accelerate.providers.operation import Declaration, Operation

KEY = "mocked-key-that-opens-nothing"
"""The key of mocked clients: it is sent, and no real provider knows it."""


class MockTransport(httpx.MockTransport):
    """A router in place of the network, for threads and for event loops."""

    def __init__(self, router: respx.MockRouter) -> None:
        super().__init__(router.handler)
        self._router = router

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the router says.

        Raises:
            AssertionError: no route is for this request.
        """
        try:
            return super().handle_request(request)
        except AllMockedAssertionError:
            raise self._unknown(request) from None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The same, awaiting side effects that are asynchronous."""
        await request.aread()
        try:
            return await self._router.async_handler(request)
        except AllMockedAssertionError:
            raise self._unknown(request) from None

    def _unknown(self, request: httpx.Request) -> AssertionError:
        routes = ", ".join(str(route.name or route.pattern) for route in self._router.routes)
        return AllMockedAssertionError(
            f"the mock has no route for {request.method} {request.url}; it has {routes or 'none'}: "
            "add one to the router, or run with --live-apis to use the real API"
        )


def router(
    provider: type[Provider], operations: Iterable[str] | None = None, base_url: str = ""
) -> respx.MockRouter:
    """Routes for the operations of a provider, each under its operation's name.

    Args:
        provider: the client class.
        operations: by default all.
        base_url: where the client is told to send; by default the provider's own.
    """
    # Only a client knows its URLs: those of an upload may stand elsewhere.
    client = provider(KEY, base_url=base_url or provider.default_base_url)
    made = respx.MockRouter(assert_all_called=False, base_url=client.base_url)
    declared, replies = provider.operations(), examples(provider.name)
    chosen = list(declared if operations is None else operations)
    # The most literal first: a parameter may take in what another path spells out.
    for name in sorted(chosen, key=lambda each: -_literal(declared[each].declaration.path)):
        if name in replies:
            _add(made, client, declared[name], replies[name])
    return made


def transports(router: respx.MockRouter) -> dict[str, Any]:
    """The arguments that a client class takes to be answered by ``router``."""
    return {"transport": MockTransport(router)}


def response(reply: CannedReply) -> httpx.Response:
    """A canned reply, as httpx has it."""
    headers = {"content-type": reply.media_type, **reply.headers}
    return httpx.Response(reply.status, headers=headers, content=reply.body)


def wants_stream(declared: Declaration, request: httpx.Request) -> bool:
    """Whether a request of our client asks for a stream."""
    streaming = declared.streaming
    return streaming is not None and (
        streaming.only or request.headers.get("accept") == streaming.framing.media_type
    )


def _add(
    made: respx.MockRouter, client: Provider, operation: Operation[..., Any], example: Example
) -> None:
    declared = operation.declaration
    paths = [declared.path]
    if declared.streaming is not None and declared.streaming.path:
        paths.append(declared.streaming.path)
    urls = [client.url(path) for path in paths]
    if len(urls) == 1 and "{" not in urls[0] and urls[0].startswith(client.base_url):
        # A pattern that people can write as well: router.post("/chat/completions") is this route.
        path = urls[0].removeprefix(client.base_url)
        route = made.request(declared.method, path, name=operation.name)
    else:
        pattern = "|".join(_pattern(urlsplit(url).path) for url in urls)
        route = made.route(
            method=declared.method,
            host=urlsplit(client.base_url).hostname,
            path__regex=f"^(?:{pattern})$",
            name=operation.name,
        )
    if example.stream is None:
        route.mock(return_value=response(example.reply))
    else:
        route.mock(side_effect=_either(declared, example))


def _either(declared: Declaration, example: Example) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        streamed = example.stream if wants_stream(declared, request) else None
        return response(streamed or example.reply)

    return answer


def _pattern(path: str) -> str:
    """The regular expression of a path: the name of a model may hold a slash."""
    pieces = re.split(r"\{(\w+)\}", path)
    named = {True: ".+", False: "[^/]+"}
    return "".join(
        named[piece == "model"] if place % 2 else re.escape(piece)
        for place, piece in enumerate(pieces)
    )


def _literal(path: str) -> int:
    return len(re.sub(r"\{\w+\}", "", path))
