"""The pace of blocking reads and writes: a deadline that holds across those of one answer.

A socket's timeout bounds one read. A server that sends a header a byte a second passes it each time
and holds a thread for ever; so each read is given what is left of the call's own time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

_PIECE = 2**16
"""Bytes that are written before the time is looked at again."""
_HELD = 2**14
"""Bytes that are held back at most."""


class Pace(threading.local):
    """When this thread must be done, in :func:`time.monotonic`'s seconds."""

    def __init__(self) -> None:
        self._until: float | None = None

    def start(self, seconds: float) -> None:
        """All reads and writes from now on share so many seconds."""
        self._until = time.monotonic() + seconds

    def stop(self) -> None:
        """Reads and writes are bounded by their own timeouts alone."""
        self._until = None

    def next(self, chunks: Iterator[bytes], seconds: float) -> bytes | None:
        """The next chunk, within so many seconds or else within what was started.

        However slowly its bytes come: a socket's own timeout begins anew with each.
        """
        if self._until is not None:
            return next(chunks, None)
        self.start(seconds)
        try:
            return next(chunks, None)
        finally:
            self.stop()

    def check(self) -> None:
        """Raise where the time is over.

        Raises:
            httpx.ReadTimeout: it is.
        """
        if self._until is not None and time.monotonic() > self._until:
            raise httpx.ReadTimeout("the call's own time is over")

    def bound(self, timeout: float | None) -> float | None:
        """The timeout of one read or write that begins now.

        Raises:
            httpcore.ReadTimeout: the time is over.
        """
        if self._until is None:
            return timeout
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the call's own time is over")
        return left if timeout is None or left < timeout else timeout


PACE = Pace()


class PacedStream(httpcore.NetworkStream):
    """A connection whose reads and writes keep the pace of their thread."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._held = b""
        """The head of a request, until its body comes or the answer is read: httpcore writes the
        two one by one, and one system call is cheaper than two."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is."""
        if self._held:
            # What the server does about it, the read tells.
            with contextlib.suppress(httpcore.WriteError):
                self._flush(timeout)
        return self._stream.read(max_bytes, PACE.bound(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it, now or with what follows."""
        self._held += buffer
        if len(self._held) > _HELD:
            self._flush(timeout)

    def _flush(self, timeout: float | None) -> None:
        buffer, self._held = self._held, b""
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[start : start + _PIECE], PACE.bound(timeout))

    def close(self) -> None:
        """Close the connection, and wake a thread that reads from it."""
        sock = self._stream.get_extra_info("socket")
        if sock is not None:
            # Closing alone leaves the other thread waiting until its timeout.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
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
