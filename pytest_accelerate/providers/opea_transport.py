"""Connections to several servers: which proxy and certificates they need is each one's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx

from pytest_accelerate.transport.looped import looped
from pytest_accelerate.transport.pooled import pooled

T = TypeVar("T")


class _Origins(Generic[T]):
    """One transport a server, made when it is first needed."""

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: dict[str, T] = {}
        self._closed = False

    def of(self, request: httpx.Request) -> T:
        """The transport for a request.

        Raises:
            httpx.ConnectError: all are closed.
        """
        url = request.url
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        with self._lock:
            if self._closed:
                raise httpx.ConnectError("the connections are closed")
            if origin not in self._made:
                self._made[origin] = self._make(origin)
            return self._made[origin]

    def close(self) -> list[T]:
        """Those that were made, and there will be no more."""
        with self._lock:
            self._closed = True
            return list(self._made.values())


class PooledByOrigin(httpx.BaseTransport):
    """For threads."""

    def __init__(self) -> None:
        self._origins = _Origins(pooled)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and give its answer with the body unread."""
        return self._origins.of(request).handle_request(request)

    def close(self) -> None:
        """Close all connections; what is in flight breaks off."""
        for each in self._origins.close():
            each.close()


class LoopedByOrigin(httpx.AsyncBaseTransport):
    """For the event loop in which it was made."""

    def __init__(self) -> None:
        self._origins = _Origins(looped)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and give its answer with the body unread."""
        return await self._origins.of(request).handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for each in self._origins.close():
            await each.aclose()
