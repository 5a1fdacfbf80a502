"""What the executor's tests share: a light fork server for cells that go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_accelerate.execution.forked import ForkedExecutor
from pytest_accelerate.execution.imports import Imports
from tests.execution.family import marked

FAULTS = "tests.execution.faults:run_cell"
LIGHT = Imports(runner=FAULTS)
"""A server that imports nothing of torch: ready in a moment."""


@pytest.fixture
def mark() -> Iterator[str]:
    """The mark of every process that the test starts."""
    with marked() as mark:
        yield mark


@pytest.fixture
def light(mark: str) -> Iterator[ForkedExecutor]:
    """An executor of one test alone, whose processes are marked."""
    executor = ForkedExecutor(ahead=LIGHT)
    yield executor
    executor.close()
