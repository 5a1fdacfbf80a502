"""Connections for event loops: aiohttp's pool behind httpx's interface.

httpx's own asynchronous pool takes 2.6 ms of processor time a request with 64 in flight, and
aiohttp's 0.3 ms (``benchmarks/providers.py``). The package ``httpx-aiohttp`` has such a transport
too; its 0.2.0 tells a refused connection, a broken one and a timeout of connecting by one and the
same error, and what may be sent again depends on which it was.
"""

from __future__ import annotations

import asyncio
import functools

import aiohttp
import httpx
import yarl

from pytest_accelerate.transport.connections import KEEPALIVE, as_httpx, proxy_for, ssl_context

_MAPPED: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (TimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientError, httpx.ReadError),
    (OSError, httpx.ReadError),
)


@functools.lru_cache(maxsize=256)
def _url(url: str) -> yarl.URL:
    # As it is: yarl would write some escapes in another way than threads send them.
    return yarl.URL(url, encoded=True)


class LoopedTransport(httpx.AsyncBaseTransport):
    """aiohttp's connection pool, of the event loop in which it was made."""

    def __init__(self, base_url: str) -> None:
        context = ssl_context(base_url)
        self._proxy = proxy_for(base_url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the slots bound them
                keepalive_timeout=KEEPALIVE,
                ssl=context if context is not None else True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # What a request is to carry is said by the call alone.
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            auto_decompress=False,
        )
        # aiohttp sends GET, PUT and DELETE again by itself when a kept connection breaks. What is
        # sent again is the policy's to say, and there is no public switch (aiohttp 3.14).
        self._session._retry_connection = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and give its answer with the body unread."""
        if self._session.closed:
            raise httpx.ConnectError("the connections are closed")
        timeout = request.extensions["timeout"]
        try:
            response = await self._session.request(
                request.method,
                _url(str(request.url)),
                headers=request.headers,
                data=_data(request),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=timeout["pool"],
                    sock_connect=timeout["connect"],
                    sock_read=timeout["read"],
                ),
                proxy=self._proxy,
            )
        except Exception as error:
            raise as_httpx(error, _MAPPED) from error
        return httpx.Response(
            response.status, headers=list(response.raw_headers), stream=_Body(response)
        )

    async def aclose(self) -> None:
        """Close all connections; what is in flight breaks off."""
        await self._session.close()


def _data(request: httpx.Request) -> bytes | httpx.AsyncByteStream | None:
    try:
        return request.content or None
    except httpx.RequestNotRead:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        # aiohttp says by itself that it sends chunks.
        request.headers.pop("transfer-encoding", None)
        return request.stream


class _Body(httpx.AsyncByteStream):
    """The body of an answer; no asynchronous generator, which would have to be closed too."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response, self._loop = response, asyncio.get_running_loop()

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except Exception as error:
            raise as_httpx(error, _MAPPED) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body was not read."""
        self._response.release()

    def drop(self) -> None:
        """Close the connection from whatever thread the garbage collector runs in."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._response.close)


def looped(base_url: str) -> httpx.AsyncBaseTransport:
    """Connections for the running event loop."""
    return LoopedTransport(base_url)
