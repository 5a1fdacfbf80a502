"""Fixtures of the matrix's tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate.cells import Result
from pytest_accelerate.matrix.store import Run, RunWriter

HOW = "needs a browser: pip install playwright && apt-get install chromium"


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium, without a window, for one module's tests.

    Playwright's loop runs in this thread until it stops, and no test could run a loop of
    its own meanwhile: so it goes with the module, and does not stay for the session.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason=HOW)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip(HOW)
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(
            executable_path=chromium,
            # Chromium refuses to run as root, as in a container, with its own sandbox.
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        launched.close()
