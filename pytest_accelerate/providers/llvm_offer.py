"""Whether a server lacks what it was asked for, or knows it and refuses.

Servers answer 404 to a route that they do not have and to a model that they do not have, and what
they say of it differs; so the text of an answer decides nothing here:

- 405 and 501 say that there is no such thing at this server.
- 404 to a request that names no model is about the route.
- 404 to a request that names a model in its body: the same route is asked again with ``{}``. That
  names no model and nothing to do, so another 404 is about the route. A server that has the route
  says what is wrong with the request, which is any other status.
- 404 to a request that names a model in its path: the list of models is asked for. Where the model
  is in it, what is missing is the route; in any other case nothing is proven, and it stays a 404.

The second question is asked once, with no further tries, and only after such an answer. Nothing is
remembered: a server that is started anew may have what it had not.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pytest_accelerate.errors import ProviderError, StatusError, UnsupportedOperation
from pytest_accelerate.providers.reading import mapping, mappings
from pytest_accelerate.transport.exchange import Call, Step, exchange
from pytest_accelerate.transport.metrics import Metrics
from pytest_accelerate.transport.outcome import Reply

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

_LACKING = frozenset({404, 405, 501})
_NAMED_IN_PATH = "/models/"


def offered(client: Provider, call: Call) -> Generator[Step, Any, Reply]:
    """Bring a call to its reply.

    Raises:
        UnsupportedOperation: the server has no such route; what it said is the cause.
        ProviderError: in any other case.
    """
    try:
        return (yield from exchange(call, client.shared))
    except StatusError as error:
        if not (yield from _is_lacking(client, call, error)):
            raise
        raise lacking(client, call, error.message) from error


def lacking(client: Provider, call: Call, why: str) -> UnsupportedOperation:
    """The error of what a server does not offer."""
    return UnsupportedOperation(
        f"{client.name}.{call.operation} is not offered by the server at {client.base_url}: {why}",
        (call.operation,),
    )


def _is_lacking(client: Provider, call: Call, error: StatusError) -> Generator[Step, Any, bool]:
    if error.status != 404:
        return error.status in _LACKING
    if _NAMED_IN_PATH in call.url:
        return (yield from _is_listed(client, call))
    if call.method != "POST":
        return True
    status = yield from _status(client, call, "POST", call.url.partition("?")[0], b"{}")
    return status in _LACKING


def _is_listed(client: Provider, call: Call) -> Generator[Step, Any, bool]:
    """Whether the server lists the model that stands in the path of a call."""
    place, _, rest = call.url.partition("?")[0].partition(_NAMED_IN_PATH)
    question = _question(call, "GET", f"{place}/models", None)
    try:
        reply = yield from _asked(client, question)
        listed = mappings(mapping(json.loads(reply.body)).get("data"))
    except (ProviderError, ValueError, RecursionError):
        return False
    model = unquote(rest.partition("/")[0])
    return any(each.get("id") == model for each in listed)


def _status(
    client: Provider, call: Call, method: str, url: str, body: bytes | None
) -> Generator[Step, Any, int]:
    """The status of an answer; 0 where none came."""
    try:
        reply = yield from _asked(client, _question(call, method, url, body))
    except StatusError as error:
        return error.status
    except ProviderError:
        return 0
    return reply.status


def _asked(client: Provider, question: Call) -> Generator[Step, Any, Reply]:
    # Metrics of its own: whoever reads the client's knows of one call.
    return exchange(question, replace(client.shared, metrics=Metrics()))


def _question(call: Call, method: str, url: str, body: bytes | None) -> Call:
    headers = {name: value for name, value in call.headers.items() if name != "content-type"}
    headers["accept"] = "application/json"
    if body is not None:
        headers["content-type"] = "application/json"
    return replace(call, method=method, url=url, headers=headers, body=body, streaming=None,
                   max_tries=1)  # fmt: skip
