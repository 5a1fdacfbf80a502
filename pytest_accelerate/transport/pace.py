"""The pace of a blocking read: a deadline that holds across the reads of one answer.

A socket's timeout bounds one read. A server that sends a header a byte a second passes it each time
and holds a thread for ever; so each read is given what is left of the call's own time.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


class Pace(threading.local):
    """When the answer that this thread reads must be there, in :func:`time.monotonic`'s seconds."""

    def __init__(self) -> None:
        self._until: float | None = None
        self._idle: float | None = None

    def start(self, seconds: float) -> None:
        """All reads from now on share so many seconds."""
        self._until = time.monotonic() + seconds

    def stop(self) -> None:
        """Reads are bounded by their own timeouts alone."""
        self._until = None

    def wait_at_most(self, idle: float | None) -> None:
        """Bound each single read."""
        self._idle = idle

    def check(self) -> None:
        """Raise where the time is over.

        Raises:
            httpx.ReadTimeout: it is.
        """
        if self._until is not None and time.monotonic() > self._until:
            raise httpx.ReadTimeout("the call's own time is over")

    def bound(self, timeout: float | None) -> float | None:
        """The timeout of one read that begins now.

        Raises:
            httpcore.ReadTimeout: the time is over.
        """
        bounds = [each for each in (timeout, self._idle) if each is not None]
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise httpcore.ReadTimeout("the call's own time is over")
            bounds.append(left)
        return min(bounds, default=None)


PACE = Pace()


class PacedStream(httpcore.NetworkStream):
    """A connection whose reads keep the pace of the thread that reads."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is."""
        return self._stream.read(max_bytes, PACE.bound(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        self._stream.write(buffer, PACE.bound(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Go on encrypted."""
        return PacedStream(
            self._stream.start_tls(ssl_context, server_hostname, PACE.bound(timeout))
        )

    def get_extra_info(self, info: str) -> Any:
        """What the connection says of itself."""
        return self._stream.get_extra_info(info)


class PacedBackend(httpcore.NetworkBackend):
    """Opens connections that keep the pace."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        return PacedStream(
            self._backend.connect_tcp(
                host, port, PACE.bound(timeout), local_address, socket_options
            )
        )

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        self._backend.sleep(seconds)
