"""A server on loopback that plays scripted replies, for clients whose connections are native."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx

Answer: TypeAlias = Callable[[httpx.Request], "httpx.Response | None"]
"""From a request to its reply: ``None`` is silence for ever, an ``OSError`` a reset."""

_RESET = struct.pack("ii", 1, 0)
"""To close a socket so that the other side sees it as broken."""


class Loopback:
    """Listens until it is closed; each connection brings one request."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._start(self._accept)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _start(self, function: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            request = _read(connection, self.url)
            if request is not None:
                self._reply(connection, request)
        except OSError:
            pass  # the client went away
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _reply(self, connection: socket.socket, request: httpx.Request) -> None:
        try:
            reply = self._answer(request)
        except OSError:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        if reply is None:
            while connection.recv(1):  # until the client gives up, or this is closed
                pass
            return
        connection.sendall(_bytes_of(reply, request.method))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(2**16):  # closed with something unread, it would be broken
            pass

    def close(self) -> None:
        """End it, and what it holds open."""
        with self._lock:
            self._closed = True
            open_ones = list(self._open)
        for each in (self._listening, *open_ones):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(timeout=5)


def _read(connection: socket.socket, url: str) -> httpx.Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(2**16)
        if not piece:
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    size = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    while len(body) < size:
        piece = connection.recv(2**16)
        if not piece:
            return None
        body += piece
    return httpx.Request(method, url + target, headers=headers, content=body)


def _bytes_of(reply: httpx.Response, method: str) -> bytes:
    content = b"" if method == "HEAD" or reply.status_code in (204, 304) else reply.content
    headers = httpx.Headers(reply.headers)
    if reply.status_code != 204:
        headers.setdefault("content-length", str(len(content)))
    headers["connection"] = "close"  # so that each connection is one request
    lines = [f"HTTP/1.1 {reply.status_code} {reply.reason_phrase or 'Status'}"]
    lines += [f"{name}: {value}" for name, value in headers.multi_items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content
