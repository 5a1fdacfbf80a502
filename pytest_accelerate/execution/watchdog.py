"""The process between client and server that leaves nothing behind when either is killed.

client (pytest) -> watchdog -> server -> cell -> whatever the cell starts

The server cleans up after every cell, and when client or watchdog die. If the server itself is
killed, the kernel kills the cell, and what the cell had started falls to the watchdog.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import NoReturn

from pytest_accelerate.execution import processes


def fork_server(connection: socket.socket, client: int) -> int:
    """Fork; this process becomes the watchdog and never returns, the new one is the server.

    Args:
        connection: the server's end of the connection to the client.
        client: process id of the client, the parent of this process.

    Returns:
        In the server: a descriptor that can be read once the watchdog has died.
    """
    processes.become_subreaper()
    watchdog = os.getpid()
    server = os.fork()
    if server:
        _watch(server, client, connection)
    processes.become_subreaper()
    life = os.pidfd_open(watchdog)
    if os.getppid() != watchdog:
        os._exit(1)
    return life


def _watch(server: int, client: int, connection: socket.socket) -> NoReturn:
    """Wait for the death of client or server, kill what is left, and end as the server did."""
    try:
        life = os.pidfd_open(client)
    except ProcessLookupError:
        life = -1  # poll passes over negative descriptors; the connection is closed, then.
    poller = select.poll()
    # The connection tells of a client that closes it; its process id also of one whose forked
    # children still hold the other end.
    poller.register(connection, 0)
    death = os.pidfd_open(server)
    poller.register(death, select.POLLIN)
    if os.getppid() == client and life >= 0:
        poller.register(life, select.POLLIN)
        poller.poll()
    if not select.select([death], [], [], 0)[0]:
        os.kill(server, signal.SIGKILL)
    _, status = os.waitpid(server, 0)
    processes.sweep()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)
