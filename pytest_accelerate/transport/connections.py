"""The connections, as httpx transports: httpcore's pool for threads, aiohttp's for event loops.

httpx's own asynchronous pool takes 2.6 ms of processor time a request with 64 in flight, and
aiohttp's 0.3 ms (``benchmarks/providers.py``).
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpcore
import httpx

from pytest_accelerate.transport.pace import PacedBackend

KEEPALIVE = 30.0
"""Seconds that an idle connection is kept."""

_MAPPED: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ProxyError, httpx.ProxyError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
    (httpcore.ProtocolError, httpx.RemoteProtocolError),
    (httpcore.NetworkError, httpx.ReadError),
)
"""The first that fits."""


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        for kind, mapped in _MAPPED:
            if isinstance(error, kind):
                raise mapped(str(error)) from error
        raise


class _Body(httpx.SyncByteStream):
    """The body of an answer, its errors httpx's."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._response.iter_stream()

    def close(self) -> None:
        """Give the connection back, or close it where the body was not read."""
        with _as_httpx():
            self._response.close()


class PooledTransport(httpx.BaseTransport):
    """httpcore's connection pool, its reads kept to the pace of the call."""

    def __init__(self, base_url: str) -> None:
        proxy = proxy_for(base_url)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context(base_url),
            proxy=httpcore.Proxy(proxy) if proxy else None,
            max_connections=None,  # the slots bound them
            keepalive_expiry=KEEPALIVE,
            network_backend=PacedBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and give its answer with the body unread."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        with _as_httpx():
            response = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def pooled(base_url: str) -> httpx.BaseTransport:
    """Connections for threads."""
    return PooledTransport(base_url)


def looped(base_url: str) -> httpx.AsyncBaseTransport:
    """Connections for the running event loop."""
    import aiohttp
    from httpx_aiohttp import AiohttpTransport

    context = _ssl_context(base_url)
    proxy = proxy_for(base_url)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the slots bound them
                keepalive_timeout=KEEPALIVE,
                ssl=context if context is not None else True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # What a request is to carry is said by the call alone.
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    return AiohttpTransport(
        client=session,
        verify=context if context is not None else False,
        proxy=httpx.Proxy(proxy) if proxy else None,
    )


def proxy_for(base_url: str) -> str | None:
    """The proxy that the environment names for a server; ``None`` for none."""
    parts = urlsplit(base_url)
    if parts.hostname is None or urllib.request.proxy_bypass(parts.hostname):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _ssl_context(base_url: str) -> ssl.SSLContext | None:
    # Reading the certificates takes 10 to 20 ms.
    return httpx.create_ssl_context() if base_url.startswith("https:") else None
