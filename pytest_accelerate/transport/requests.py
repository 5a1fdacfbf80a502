"""From a step to an httpx request, and from httpx's errors to failures."""

from __future__ import annotations

import functools
import json
from typing import Any

import httpx

from pytest_accelerate.transport.body import Multipart
from pytest_accelerate.transport.exchange import Send
from pytest_accelerate.transport.outcome import Failure, FailureKind, Reply


@functools.lru_cache(maxsize=256)
def _url(url: str) -> httpx.URL:
    return httpx.URL(url)


def build(step: Send, now: float) -> httpx.Request:
    """The request of one try, its timeouts no longer than the call's own time."""
    call, policy = step.call, step.policy
    remaining = max(step.until - now, 0.001)
    timeout = {
        "connect": min(policy.connect_timeout, remaining),
        "read": min(policy.read_timeout, remaining),
        "write": min(policy.write_timeout, remaining),
        "pool": remaining,
    }
    url, extensions = _url(call.url), {"timeout": timeout}
    headers = dict(step.headers)
    if isinstance(call.body, Multipart):
        return httpx.Request(
            call.method,
            url,
            headers=headers,
            data=_repeated(call.body.fields),
            files=[
                (file.field, (file.name, file.open(), file.media_type)) for file in call.body.files
            ],
            extensions=extensions,
        )
    return httpx.Request(
        call.method, url, headers=headers, content=call.body, extensions=extensions
    )


def _repeated(fields: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return values


def failure_of(error: BaseException) -> Failure:
    """What an exception of a transport means for the call.

    Raises:
        BaseException: ``error`` itself, where it is none of a transport.
    """
    if isinstance(error, httpx.TimeoutException) and not _lost(error):
        connecting = isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout))
        kind = FailureKind.CONNECT_TIMEOUT if connecting else FailureKind.TIMEOUT
        return Failure(kind, _said(error, "no answer in time"))
    if isinstance(error, TimeoutError):
        return Failure(FailureKind.TIMEOUT, _said(error, "no answer in time"))
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)):
        return Failure(FailureKind.CONNECT, _said(error, "no connection"))
    if isinstance(error, httpx.DecodingError):
        return Failure(FailureKind.DECODING, _said(error, "the answer's compression is broken"))
    if isinstance(error, (httpx.TransportError, httpx.StreamError)):
        return Failure(FailureKind.LOST, _said(error, "the connection broke"))
    raise error


def _lost(error: BaseException) -> bool:
    """Whether httpx-aiohttp 0.2.0 calls a broken connection a timeout of connecting.

    It maps every ``aiohttp.ClientConnectionError`` to that, a reset after sending too, and then
    the provider may have seen the request.
    """
    cause = error.__cause__
    return (
        isinstance(error, httpx.ConnectTimeout)
        and cause is not None
        and type(cause).__module__.startswith("aiohttp")
        and not isinstance(cause, TimeoutError)
    )


def _said(error: BaseException, otherwise: str) -> str:
    text = str(error).strip()
    return f"{otherwise}: {text}" if text else otherwise


def in_band(stream: Any, headers: httpx.Headers) -> Reply | None:
    """The reply that a stream is whose first event is an error."""
    failure = stream.first_failure
    if failure is None:
        return None
    body = json.dumps({"error": {"message": failure.message, "type": failure.code}}).encode()
    return Reply(failure.status, headers, body)


def streams(step: Send, status: int, headers: httpx.Headers) -> bool:
    """Whether the answer is the stream that was asked for."""
    streaming = step.call.streaming
    if streaming is None or not 200 <= status < 300:
        return False
    # Some servers name no content type at all.
    found = headers.get("content-type", "").partition(";")[0].strip().lower()
    return found in ("", streaming.framing.media_type, *streaming.media_types)


TOO_LARGE = "the answer is larger than the policy's max_response_bytes ({} bytes)"
