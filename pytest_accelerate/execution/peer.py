"""The server's side of its two bonds: the client that asks, and the watchdog that cleans up."""

from __future__ import annotations

import select
import socket
from collections.abc import Collection
from math import ceil

from pytest_accelerate.execution.wire import Decoder, Message, encode


class Gone(Exception):
    """The client or the watchdog has died: nobody wants an answer any more."""


class Peer:
    """The connection to the client, watched together with the watchdog's life."""

    def __init__(self, connection: socket.socket, watchdog: int) -> None:
        self._connection = connection
        self._watchdog = watchdog
        self._decoder = Decoder()
        self._received: list[Message] = []

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a forked cell must close, so that nobody takes it for the server."""
        return (self._connection.fileno(), self._watchdog)

    def send(self, message: Message) -> None:
        """Tell the client.

        Raises:
            Gone: it is not there any more.
        """
        try:
            self._connection.sendall(encode(message))
        except OSError as error:
            raise Gone from error

    def receive(self) -> Message:
        """Wait for the client's next message.

        Raises:
            Gone: there will be none.
        """
        while not self._received:
            self.wait((self._connection.fileno(),))
            try:
                data = self._connection.recv(2**16)
            except OSError as error:
                raise Gone from error
            if not data:
                raise Gone
            self._received += self._decoder.feed(data)
        return self._received.pop(0)

    def wait(self, descriptors: Collection[int], seconds: float | None = None) -> set[int]:
        """Wait until one of ``descriptors`` can be read, and say which; none when time is over.

        Raises:
            Gone: client or watchdog have died meanwhile.
        """
        poller = select.poll()
        # Without events asked for, a socket still tells that its other end was closed.
        poller.register(self._connection, 0)
        poller.register(self._watchdog, select.POLLIN)
        for descriptor in descriptors:
            poller.register(descriptor, select.POLLIN)
        ready = {
            event[0] for event in poller.poll(None if seconds is None else ceil(seconds * 1e3))
        }
        if not ready.isdisjoint(self.descriptors) and ready.isdisjoint(descriptors):
            raise Gone
        return ready & set(descriptors)
