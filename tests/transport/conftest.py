"""What many tests of transport call, and from where."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.transport.calling import WAYS
from tests.transport.hostile import HostileServer


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    """One server for all tests of a file: each has a path of its own."""
    with HostileServer() as running:
        yield running


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """From a thread, and from a task."""
    return str(request.param)
