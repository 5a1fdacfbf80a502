"""From a step to an httpx request, and from httpx's errors to failures."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx

from pytest_accelerate.transport.body import Multipart, Upload
from pytest_accelerate.transport.events import StreamFailure
from pytest_accelerate.transport.exchange import Send
from pytest_accelerate.transport.outcome import Failure, FailureKind, Reply


@functools.lru_cache(maxsize=256)
def _url(url: str) -> httpx.URL:
    return httpx.URL(url)


def build(step: Send, now: float) -> httpx.Request:
    """The request of one try, its timeouts no longer than the call's own time."""
    call, policy = step.call, step.policy
    remaining = max(step.until - now, 0.001)
    read = min(policy.read_timeout, remaining)
    timeout = {
        "connect": min(policy.connect_timeout, remaining),
        # The call's own time ends with a stream's first event.
        "read": read if call.streaming is None else max(read, policy.stream_idle_timeout),
        "write": min(policy.write_timeout, remaining),
        "pool": remaining,
    }
    body = call.body
    if isinstance(body, Multipart):
        return _form(step, body, {"timeout": timeout})
    if isinstance(body, Upload):
        return httpx.Request(
            call.method, _url(call.url), stream=_FileBody(body),
            # httpx names the host of a body of its own making alone.
            headers={**step.headers, "host": _url(call.url).netloc.decode("ascii"),
                     "content-length": str(body.size())},
            extensions={"timeout": timeout},
        )  # fmt: skip
    return httpx.Request(
        call.method, _url(call.url), headers=step.headers, content=body,
        extensions={"timeout": timeout},
    )  # fmt: skip


def _form(step: Send, form: Multipart, extensions: dict[str, Any]) -> httpx.Request:
    with contextlib.ExitStack() as stack:
        files = []
        for file in form.files:
            content = file.open()
            if isinstance(file.content, Path) and not isinstance(content, bytes):
                stack.enter_context(content)
            files.append((file.field, (file.name, content, file.media_type)))
        request = httpx.Request(
            step.call.method,
            _url(step.call.url),
            headers=step.headers,
            data=_repeated(form.fields),
            files=files or _NO_FILES,
            extensions=extensions,
        )
        # The request has copied its extensions.
        request.extensions[_FILES] = stack.pop_all()
    return request


class _NoFiles(list[Any]):
    """True although it is empty: httpx sends a form without files as ``multipart`` then too."""

    def __bool__(self) -> bool:
        return True


_NO_FILES = _NoFiles()


class _FileBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A file that is all of the body, read in pieces."""

    def __init__(self, file: Upload) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        return self._file.pieces()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._file.pieces():
            yield piece


_FILES = "pytest_accelerate_files"


def close_files(request: httpx.Request) -> None:
    """Close the files that were opened to send a request."""
    opened = request.extensions.get(_FILES)
    if opened is not None:
        opened.close()


def _repeated(fields: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return values


def failure_of(error: Exception) -> Failure:
    """What an exception of a transport means for the call.

    Raises:
        Exception: ``error`` itself, where it is none of a transport.
    """
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return Failure(FailureKind.CONNECT_TIMEOUT, _said(error, "no connection in time"))
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return Failure(FailureKind.TIMEOUT, _said(error, "no answer in time"))
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)):
        return Failure(FailureKind.CONNECT, _said(error, "no connection"))
    if isinstance(error, httpx.DecodingError):
        return Failure(FailureKind.DECODING, _said(error, "the answer's compression is broken"))
    if isinstance(error, httpx.LocalProtocolError):
        return _unsendable(error)
    if isinstance(error, (httpx.TransportError, httpx.StreamError, ConnectionError)):
        return Failure(FailureKind.LOST, _said(error, "the connection broke"))
    if isinstance(error, (ValueError, OSError)):
        return _unsendable(error)
    raise error


def _unsendable(error: Exception) -> Failure:
    # Without its text, which may show a header with a key.
    return Failure(
        FailureKind.UNSENDABLE,
        "the request cannot be sent: a header has characters that HTTP does not allow, "
        f"or a file cannot be read ({type(error).__name__})",
    )


def _said(error: BaseException, otherwise: str) -> str:
    text = str(error).strip()
    return f"{otherwise}: {text}" if text else otherwise


def in_band(failure: StreamFailure | None, headers: httpx.Headers) -> Reply | None:
    """The reply that a stream is whose first event is an error."""
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


def is_plain(response: httpx.Response) -> bool:
    """Whether the bytes of an answer are as they came, so that httpx need not decode them."""
    return "content-encoding" not in response.headers
