"""The servers of one process's part of a run: each started when it is first needed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pytest_accelerate.servers import names, server
from pytest_accelerate.servers.environments import is_installed, python_of
from pytest_accelerate.servers.running import RunningServer, running

ALL = "all"


def selected(wanted: Sequence[str]) -> tuple[str, ...]:
    """The servers that were asked for, ``all`` being those that are installed.

    Raises:
        UnknownServer: there is none of a name.
        ServerNotInstalled: one that was named is not installed.
    """
    named = [name for name in wanted if name != ALL]
    for name in named:
        python_of(server(name))
    if ALL in wanted:
        named += [name for name in names() if is_installed(server(name))]
    return tuple(dict.fromkeys(named))


def offering(chosen: Sequence[str], provider: str, operation: str) -> tuple[str, ...]:
    """Those of the servers that offer an operation."""
    return tuple(name for name in chosen if operation in offered(name, provider))


def offered(name: str, provider: str) -> tuple[str, ...]:
    """The operations of a provider that a server offers."""
    declared = server(name)
    return tuple(declared.calls(provider, Path())) if provider in declared.providers else ()


class Hosts:
    """Starts servers and keeps them until it is closed."""

    def __init__(self) -> None:
        self._running: dict[str, RunningServer] = {}
        self._open = ExitStack()

    def get(self, name: str) -> RunningServer:
        """A server that runs.

        Raises:
            ServerNotInstalled, ServerNotStarted: as :func:`~.running.running`.
        """
        if name not in self._running:
            folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-")))
            self._running[name] = self._open.enter_context(running(name, folder))
        return self._running[name]

    def close(self) -> None:
        """End them all."""
        self._running.clear()
        self._open.close()
