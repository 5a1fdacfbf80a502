"""Find the processes of an executor, wherever they went: all inherit a mark in the environment."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

MARK = "PYTEST_ACCELERATE_TEST_FAMILY"


@contextmanager
def marked() -> Iterator[str]:
    """Mark every process that is started within."""
    mark = uuid.uuid4().hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        yield mark


def members(mark: str) -> list[psutil.Process]:
    """Every living process that carries ``mark``, this one aside."""
    found = []
    for process in psutil.process_iter():
        try:
            belongs = process.environ().get(MARK) == mark
            if belongs and process.pid != os.getpid() and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found


def watchdog_and_server(mark: str) -> tuple[psutil.Process, psutil.Process]:
    """The one watchdog of the family and its server."""
    (watchdog,) = (member for member in members(mark) if _is_watchdog(member, mark))
    (server,) = watchdog.children()
    return watchdog, server


def _is_watchdog(process: psutil.Process, mark: str) -> bool:
    parent = process.parent()
    return "forkserver" in " ".join(process.cmdline()) and (
        parent is None or "forkserver" not in " ".join(parent.cmdline())
    )


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait until ``condition`` holds; false when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
