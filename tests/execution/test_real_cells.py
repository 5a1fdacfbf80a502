"""Real models on real backends, forked from a warmed server and inline."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pytest_accelerate import execution
from pytest_accelerate.cells import CellSettings, ModelCell, Result, Verdict
from pytest_accelerate.execution.base import Executor
from tests.execution.family import marked, watchdog_and_server


@pytest.fixture(scope="module")
def family() -> Iterator[str]:
    """The mark of the module's processes."""
    with marked() as mark:
        yield mark


@pytest.fixture(scope="module")
def executor(family: str) -> Iterator[Executor]:
    """A server with torch, transformers and OpenVINO, warmed."""
    executor = execution.create("forked", hardware=("cpu", "openvino"))
    executor.start()
    yield executor
    executor.close()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("hardware", ["cpu", "openvino"])
def test_a_forked_cell_computes_with_any_number_of_threads(
    executor: Executor, hardware: str, threads: int
) -> None:
    """A child of the warmed server compiles and infers with one thread and with two."""
    cell = ModelCell("bert", hardware)
    result = executor.run(cell, CellSettings(threads=threads))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert result.measures.threads == threads
    assert result.measures.peak_memory_bytes is not None
    assert result.measures.peak_memory_bytes > 0
    assert result.measures.cell_seconds is not None
    assert result.measures.library_seconds is not None
    assert result.measures.cell_seconds > result.measures.library_seconds > 0


def test_the_warmed_server_has_one_thread(executor: Executor, family: str) -> None:
    """Nothing that was imported or warmed left a thread, which a fork would lose."""
    executor.run(ModelCell("bert", "cpu"), CellSettings())
    assert watchdog_and_server(family)[1].num_threads() == 1


def test_a_cap_too_small_for_openvino_is_out_of_memory(executor: Executor) -> None:
    """Whatever the backend raises when memory is refused, the verdict is oom and names the cap."""
    cell = ModelCell("bert", "openvino")
    result = executor.run(cell, CellSettings(memory_bytes=2**20))
    assert result.verdict is Verdict.OOM
    assert "memory cap: 1 MiB" in result.reason


INLINE = """
import sys
from pytest_accelerate import execution
from pytest_accelerate.cells import CellSettings, ModelCell

executor = execution.create("inline")
executor.start()
result = executor.run(ModelCell("bert", "cpu"), CellSettings(threads=1, timeout_seconds=0.001))
unknown = executor.run(ModelCell("bert", "abacus"), CellSettings())
executor.close()
sys.stdout.write(result.dumps() + "\\n" + unknown.dumps())
"""


def test_inline_finds_what_forked_finds(executor: Executor) -> None:
    """Where a cell runs changes nothing of what it finds, nor what it says of a wrong cell."""
    run = subprocess.run([sys.executable, "-c", INLINE], capture_output=True, text=True, check=True)
    inline, inline_unknown = (
        Result.from_json(json.loads(line)) for line in run.stdout.splitlines()
    )
    forked = executor.run(inline.cell, CellSettings())
    assert inline.verdict is forked.verdict is Verdict.PASS
    for name in ("max_relative_error", "parameters", "modalities", "cosine", "outputs_compared"):
        assert getattr(inline.measures, name) == getattr(forked.measures, name)
    assert inline.measures.peak_memory_bytes is not None
    assert inline.measures.cell_seconds is not None
    forked_unknown = executor.run(inline_unknown.cell, CellSettings())
    assert inline_unknown.verdict is forked_unknown.verdict is Verdict.ERROR
    assert "unknown hardware 'abacus'" in inline_unknown.reason
    assert "unknown hardware 'abacus'" in forked_unknown.reason
