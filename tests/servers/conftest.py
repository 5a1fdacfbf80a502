"""Starts the servers that tests of this folder want."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
