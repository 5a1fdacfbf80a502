"""Fixtures of the matrix's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_accelerate.cells import Result
from pytest_accelerate.matrix.store import Run, RunWriter


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run into ``tmp_path/results`` and returns the file."""

    def write(run: Run, *results: Result, partial: bool = False) -> Path:
        writer = RunWriter(tmp_path / "results", run)
        for result in results:
            writer.write(result)
        writer.end(partial=partial, seconds=12.0)
        return writer.path

    return write
