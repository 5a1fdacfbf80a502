"""A server that runs: started on a free port of loopback, and ended whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from pytest_accelerate.errors import ServerNotStarted
from pytest_accelerate.servers import server as server_named
from pytest_accelerate.servers.base import Server
from pytest_accelerate.servers.environments import python_of, version_of

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

STARTED_WITHIN = 240.0
"""Seconds: importing torch on a busy machine takes a good part of a minute."""

PATIENCE = 5.0
"""Seconds that a server has to end by itself."""


@dataclass(frozen=True)
class RunningServer:
    """A server that answers."""

    server: Server
    url: str
    """``http://127.0.0.1:PORT``."""
    version: str
    folder: Path
    """What it serves."""

    @property
    def shown(self) -> str:
        """Name and version, as results and the page have it: ``moto 5.2.5``."""
        return f"{self.server.name} {self.version}"

    def client(self, provider: str, **options: Any) -> Provider:
        """A client of it, with what its calls need made before."""
        made = self.server.client(provider, self.url, **options)
        self.server.before(made)
        return made

    def calls(self, provider: str) -> Mapping[str, Mapping[str, Any]]:
        """The parameters of one tiny call of each operation that it offers."""
        return self.server.calls(provider, self.folder)


@contextmanager
def running(wanted: str | Server, folder: Path) -> Iterator[RunningServer]:
    """Start a server, and end it and what it has started.

    Args:
        wanted: the server, or its name.
        folder: an empty folder for what it serves and for its log.

    Raises:
        UnknownServer: there is none of this name.
        ServerNotInstalled: its environment is not there; carries the command that makes it.
        ServerNotStarted: it ended, or did not answer in time; carries the end of its log.
    """
    server = server_named(wanted) if isinstance(wanted, str) else wanted
    python = python_of(server)
    server.prepare(python, folder)
    port = _free_port()
    log = folder / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            server.command(python, folder, port),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", **server.environment(folder)},
            start_new_session=True,  # so that its workers can be ended with it
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(server, f"{url}{server.health}", process, log)
        yield RunningServer(server, url, version_of(server), folder)
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: Server, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = build_opener(ProxyHandler({}))  # a proxy of the environment does not reach loopback
    until = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ServerNotStarted(server.name, f"it ended at once. {_end_of(log)}")
        try:
            with opener.open(url, timeout=2):
                return
        except (HTTPError, URLError, OSError):
            time.sleep(0.2)
    raise ServerNotStarted(
        server.name, f"it did not answer within {STARTED_WITHIN:.0f} s. {_end_of(log)}"
    )


def _end_of(log: Path) -> str:
    return f"Its log ends with: {log.read_text(errors='replace')[-1500:]}"


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=PATIENCE)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # workers that outlived it
