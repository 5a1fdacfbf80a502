"""Connections for threads: httpcore's pool, its reads kept to the pace of the call."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import httpcore
import httpx

from pytest_accelerate.transport.connections import KEEPALIVE, as_httpx, proxy_for, ssl_context
from pytest_accelerate.transport.pace import PacedBackend

_MAPPED: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ProxyError, httpx.ProxyError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.ProtocolError, httpx.RemoteProtocolError),
    (httpcore.NetworkError, httpx.ReadError),
)


class PooledTransport(httpx.BaseTransport):
    """httpcore's connection pool behind httpx's interface."""

    def __init__(self, base_url: str) -> None:
        proxy = proxy_for(base_url)
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context(base_url),
            proxy=_proxy(proxy) if proxy else None,
            max_connections=None,  # the slots bound them
            keepalive_expiry=KEEPALIVE,
            network_backend=PacedBackend(),
        )
        self._closed = False
        self._dropped: deque[tuple[httpcore.Response, Iterator[bytes]]] = deque()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and give its answer with the body unread."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        self._sweep()
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            response = self._pool.handle_request(sent)
        except Exception as error:
            raise as_httpx(error, _MAPPED) from error
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response, self)
        )

    def drop(self, response: httpcore.Response, chunks: Iterator[bytes]) -> None:
        """Close the connection of a response that nobody reads any more.

        It takes no lock, since the garbage collector may call it while this thread holds the
        pool's: the pool is told at the next request. The end of ``chunks`` takes it too, so they
        are kept until then.
        """
        response.extensions["network_stream"].close()
        self._dropped.append((response, chunks))

    def ended(self) -> None:
        """A response is over: after :meth:`close` its connection is not to be kept."""
        if self._closed:
            self._pool.close()

    def close(self) -> None:
        """Close all connections; what is in flight breaks off."""
        self._closed = True
        self._sweep()
        self._pool.close()

    def _sweep(self) -> None:
        while self._dropped:
            try:
                response, _ = self._dropped.popleft()
            except IndexError:  # another thread was quicker
                return
            response.close()


class _Body(httpx.SyncByteStream):
    """The body of an answer, its errors httpx's."""

    def __init__(self, response: httpcore.Response, transport: PooledTransport) -> None:
        self._response, self._transport = response, transport

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_stream()
        except Exception as error:
            raise as_httpx(error, _MAPPED) from error

    def close(self) -> None:
        """Give the connection back, or close it where the body was not read."""
        self._response.close()
        self._transport.ended()

    def drop(self, chunks: Iterator[bytes]) -> None:
        """Close the connection from wherever the garbage collector happens to be."""
        self._transport.drop(self._response, chunks)


def pooled(base_url: str) -> httpx.BaseTransport:
    """Connections for threads."""
    return PooledTransport(base_url)


def _proxy(url: str) -> httpcore.Proxy:
    """A proxy, with the user and password that its URL may name."""
    given = httpx.Proxy(url)
    return httpcore.Proxy(
        httpcore.URL(
            scheme=given.url.raw_scheme,
            host=given.url.raw_host,
            port=given.url.port,
            target=given.url.raw_path,
        ),
        auth=given.raw_auth,
        headers=given.headers.raw,
    )
