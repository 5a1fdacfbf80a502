"""From a step to an httpx request, and from httpx's errors to failures."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx

from pytest_accelerate.transport.body import Multipart, Parts, Upload
from pytest_accelerate.transport.events import StreamFailure
from pytest_accelerate.transport.exchange import Send
from pytest_accelerate.transport.outcome import Failure, FailureKind, Reply
from pytest_accelerate.transport.progress import Reporter


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
    request = _request(step, {"timeout": timeout})
    if call.report is not None:
        request.extensions[_REPORTER] = reporter = Reporter(call.report)
        if call.body is not None:
            total = int(request.headers.get("content-length", 0)) or None
            request.stream = _Counted(request.stream, reporter, total)
    return request


def _request(step: Send, extensions: dict[str, Any]) -> httpx.Request:
    call, body = step.call, step.call.body
    if isinstance(body, bytes) and call.report is not None:
        body = Parts((body,), step.headers.get("content-type", ""))
    if isinstance(body, Multipart):
        return _form(step, body, extensions)
    if isinstance(body, (Upload, Parts)):
        return httpx.Request(
            call.method, _url(call.url), stream=_PiecesBody(body),
            # httpx names the host of a body of its own making alone.
            headers={**step.headers, "host": _url(call.url).netloc.decode("ascii"),
                     "content-length": str(body.size())},
            extensions=extensions,
        )  # fmt: skip
    return httpx.Request(
        call.method, _url(call.url), headers=step.headers, content=body, extensions=extensions
    )


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


class _PiecesBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A file or buffers that are all of the body, in pieces."""

    def __init__(self, body: Upload | Parts) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self._body.pieces()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._body.pieces():
            yield piece


class _Counted(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose pieces are counted when they are taken."""

    def __init__(self, body: Any, reporter: Reporter, total: int | None) -> None:
        self._body, self._reporter, self._total = body, reporter, total

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            yield piece
            self._reporter.passed("sent", len(piece), self._total)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            yield piece
            self._reporter.passed("sent", len(piece), self._total)


_REPORTER = "pytest_accelerate_reporter"


def reporter_of(request: httpx.Request | None) -> Reporter | None:
    """What tells how far a request and its answer are; ``None`` where nobody asked."""
    return None if request is None else request.extensions.get(_REPORTER)


def failed(error: Exception, request: httpx.Request | None) -> Failure:
    """What an exception that ended a try means for the call.

    Raises:
        Exception: ``error`` itself where it is none of a transport, and what a report raised.
    """
    reporter = reporter_of(request)
    if reporter is not None and reporter.error is not None:
        raise reporter.error
    return failure_of(error)


class Received:
    """The body of an answer as it comes, kept without ever being there twice."""

    def __init__(self, response: httpx.Response, limit: int, reporter: Reporter | None) -> None:
        length = response.headers.get("content-length", "") if is_plain(response) else ""
        self._total = int(length) if length.isdecimal() else None
        self._limit, self._reporter, self._size = limit, reporter, 0
        large = self._total is not None and _LARGE < self._total <= limit
        # One that is large is written where it is to be: to join its pieces would take twice that.
        self._whole = bytearray(self._total or 0) if large else None
        self._pieces: list[bytes] = []

    @property
    def too_large(self) -> Failure | None:
        """A failure where there is more of it than may be."""
        if max(self._size, self._total or 0) <= self._limit:
            return None
        return Failure(FailureKind.TOO_LARGE, TOO_LARGE.format(self._limit))

    def take(self, piece: bytes) -> None:
        """Keep what came."""
        start = self._size
        self._size += len(piece)
        if self._whole is not None:
            self._whole[start : self._size] = piece
        else:
            self._pieces.append(piece)
            if self._size > _LARGE:  # nobody told how long it would be
                self._whole = bytearray().join(self._pieces)
                self._pieces.clear()
        if self._reporter is not None:
            self._reporter.passed("received", len(piece), self._total)

    def body(self) -> bytes | bytearray:
        """All of it."""
        if self._whole is None:
            return b"".join(self._pieces)
        del self._whole[self._size :]
        return self._whole


_LARGE = 2**20
"""Bytes from which on an answer has one buffer."""

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
