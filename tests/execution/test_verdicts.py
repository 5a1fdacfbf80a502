"""What a cell does to its process becomes its own verdict, and touches no other cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_accelerate.cells import CellSettings, ModelCell, Result, Stage, Verdict
from pytest_accelerate.execution.forked import ForkedExecutor
from pytest_accelerate.execution.imports import Imports
from tests.execution.conftest import FAULTS
from tests.execution.family import marked, members, watchdog_and_server

SETTINGS = CellSettings(timeout_seconds=60, memory_bytes=2**29)


@pytest.fixture(scope="module")
def family() -> Iterator[str]:
    """The mark of the module's processes."""
    with marked() as mark:
        yield mark


@pytest.fixture(scope="module")
def executor(family: str) -> Iterator[ForkedExecutor]:
    """One server for all tests of this module: what a cell breaks, the next one would feel."""
    executor = ForkedExecutor(ahead=Imports(runner=FAULTS, modules=("pytest_accelerate.stages",)))
    yield executor
    executor.close()


def run(executor: ForkedExecutor, fault: str, settings: CellSettings = SETTINGS) -> Result:
    """Run the cell with this fault."""
    return executor.run(ModelCell(fault, "cpu"), settings)


@pytest.mark.parametrize(
    ("fault", "verdict", "reason"),
    [
        ("segfault", Verdict.CRASH, "died of SIGSEGV"),
        ("nameless-signal", Verdict.CRASH, "died of signal 35"),
        ("exit", Verdict.CRASH, "exited with status 3 and without an answer"),
        ("grow", Verdict.OOM, "MemoryError (memory cap: 512 MiB)"),
        ("tensor", Verdict.OOM, "(memory cap: 512 MiB)"),
        ("abort-for-memory", Verdict.OOM, "aborted: std::bad_alloc (memory cap: 512 MiB)"),
        ("killed-from-outside", Verdict.OOM, "killed by SIGKILL from outside"),
        ("odd-exception", Verdict.ERROR, "Odd: odd"),
        ("leave", Verdict.ERROR, "SystemExit: enough"),
        ("not-a-number", Verdict.ERROR, "the result cannot be serialised: "),
        ("not-json", Verdict.ERROR, "the result cannot be serialised: "),
        ("garbage", Verdict.ERROR, "answered with what cannot be read"),
    ],
)
def test_each_fault_has_its_verdict_and_keeps_what_was_finished(
    executor: ForkedExecutor, family: str, fault: str, verdict: Verdict, reason: str
) -> None:
    """The verdict, its reason and its stage are told; the cells around it are right."""
    assert run(executor, "none").verdict is Verdict.PASS
    server = watchdog_and_server(family)[1]
    result = run(executor, fault)
    assert result.verdict is verdict
    assert reason in result.reason
    assert result.reason.startswith("load: ")
    construct, load = result.stages
    assert (construct.stage, construct.verdict, construct.seconds) == (
        Stage.CONSTRUCT,
        Verdict.PASS,
        0.25,
    )
    assert (load.stage, load.verdict) == (Stage.LOAD, verdict)
    assert reason in load.reason
    assert run(executor, "none").verdict is Verdict.PASS
    assert watchdog_and_server(family)[1] == server


def test_a_hang_is_killed_with_all_it_started(executor: ForkedExecutor, family: str) -> None:
    """A cell that hangs in C with every signal blocked ends in time, and so do its children."""
    settings = replace(SETTINGS, timeout_seconds=2.0)
    result = run(executor, "hang", settings)
    assert result.verdict is Verdict.TIMEOUT
    assert result.reason == "load: killed after 2 s"
    assert 1 <= result.stages[-1].seconds <= 2.5
    assert len(members(family)) == 2


def test_a_hang_is_told_with_where_it_hung(executor: ForkedExecutor) -> None:
    """A cell that was killed in time names the Python function that it was in, also in C."""
    result = run(executor, "wait", replace(SETTINGS, timeout_seconds=1.0))
    assert result.verdict is Verdict.TIMEOUT
    assert result.reason.startswith("load: killed after 1 s in _wait, tests/execution/faults.py:")
    assert "in run_cell" in result.stages[-1].traceback


def test_what_a_cell_started_does_not_outlive_its_answer(
    executor: ForkedExecutor, family: str
) -> None:
    """Children of a cell that passed are killed, also those in a session of their own."""
    assert run(executor, "family").verdict is Verdict.PASS
    assert set(members(family)) == set(watchdog_and_server(family))


def test_a_crash_is_told_with_its_output_and_stack(executor: ForkedExecutor) -> None:
    """The traceback of a crash has what the cell printed and where its Python code was."""
    trace = run(executor, "segfault").stages[-1].traceback
    assert trace.startswith("the last words\nFatal Python error: Segmentation fault")
    assert 'File "tests/execution/faults.py"' in trace
    assert "in _segfault" in trace
    assert "Extension modules" not in trace


def test_much_output_neither_blocks_nor_floods(executor: ForkedExecutor) -> None:
    """A cell may print megabytes; the end of it is kept."""
    result = run(executor, "spam")
    assert result.verdict is Verdict.CRASH
    assert "the last words\nFatal Python error: Aborted" in result.stages[-1].traceback
    assert len(result.stages[-1].traceback) <= 8000


def test_memory_and_seconds_are_measured(executor: ForkedExecutor) -> None:
    """Peak memory is what the cell added, whatever the server or an earlier cell had used."""
    big = run(executor, "allocate").measures
    small = run(executor, "none").measures
    assert big.peak_memory_bytes is not None
    assert small.peak_memory_bytes is not None
    assert 95 * 2**20 <= big.peak_memory_bytes <= 150 * 2**20
    assert small.peak_memory_bytes <= 20 * 2**20
    assert small.cell_seconds is not None
    assert 0 < small.cell_seconds < 60


def test_a_dead_cell_has_its_memory_measured_too(executor: ForkedExecutor) -> None:
    """A cell that ran into its cap shows what it had reached."""
    peak = run(executor, "grow").measures.peak_memory_bytes
    assert peak is not None
    assert 2**28 <= peak <= 2**29 + 2**26


def test_cells_share_nothing(executor: ForkedExecutor) -> None:
    """What a cell keeps in a global is not there for the next one; its device is its own."""
    run(executor, "allocate")
    measures = run(executor, "look", replace(SETTINGS, visible_cuda_devices="7")).measures
    assert (measures.path, measures.device) == ("0", "7")
    assert run(executor, "look").measures.device != "7"
