"""Starts the servers that tests of this folder want."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_accelerate.errors import ServerNotInstalled
from pytest_accelerate.servers.running import RunningServer, running


@contextmanager
def started(name: str, factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that runs; the tests are skipped, with the remedy, where it is not installed."""
    try:
        with running(name, factory.mktemp(name)) as server:
            yield server
    except ServerNotInstalled as error:
        pytest.skip(str(error))


def answers_of(server: RunningServer, provider: str) -> list[Any]:
    """What each call that a server's file lists is answered, from a thread and from a task."""

    async def ask() -> list[Any]:
        async with server.client(provider) as made:
            return [await made[name].acall(each) for name, each in calls.items()]

    calls = server.calls(provider)
    with server.client(provider) as made:
        answers = [made[name](each) for name, each in calls.items()]
    return answers + asyncio.run(ask())
