"""The fork server comes up or says why not, is replaced when it breaks, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_accelerate import execution
from pytest_accelerate.cells import CellSettings, ModelCell, Verdict
from pytest_accelerate.errors import ExecutorFailed, MissingPackage, UsageError
from pytest_accelerate.execution.forked import ForkedExecutor
from pytest_accelerate.execution.imports import Imports
from tests.execution.conftest import FAULTS
from tests.execution.family import eventually, members, watchdog_and_server

NONE, HANG = ModelCell("none", "cpu"), ModelCell("hang", "cpu")
SETTINGS = CellSettings(timeout_seconds=100)
HANGING_FAMILY = 6
"""Watchdog, server, the cell, and the three that it starts."""

CLIENT = f"""
import os, sys
from pytest_accelerate.cells import CellSettings, ModelCell
from pytest_accelerate.execution.forked import ForkedExecutor
from pytest_accelerate.execution.imports import Imports

executor = ForkedExecutor(ahead=Imports(runner={FAULTS!r}))
executor.run(ModelCell("none", "cpu"), CellSettings())
"""


def client(program: str) -> subprocess.Popen[bytes]:
    """Another Python process that uses an executor."""
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT + program],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )


def once_hanging(mark: str, act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as a cell hangs and has started all its children."""

    def wait_and_act() -> None:
        assert eventually(lambda: len(members(mark)) >= HANGING_FAMILY)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def test_start_returns_at_once_and_close_leaves_nothing(mark: str) -> None:
    """Imports go on while the caller does something else; closing in their midst is clean."""
    executor = ForkedExecutor(ahead=Imports(runner=FAULTS, modules=("torch",)))
    started = time.monotonic()
    executor.start()
    assert time.monotonic() - started < 2
    executor.close()
    executor.close()
    assert members(mark) == []


def test_a_closed_executor_can_be_used_again(light: ForkedExecutor, mark: str) -> None:
    """The next cell after close has a new server."""
    assert light.run(NONE, SETTINGS).verdict is Verdict.PASS
    light.close()
    assert members(mark) == []
    assert light.run(NONE, SETTINGS).verdict is Verdict.PASS


@pytest.mark.parametrize("victim", ["watchdog", "server"])
def test_kill_9_in_a_cell_is_no_verdict(light: ForkedExecutor, mark: str, victim: str) -> None:
    """A server or watchdog killed in the midst is an error that says so; the next cell is right."""
    light.run(NONE, SETTINGS)
    process = watchdog_and_server(mark)[victim == "server"]
    thread = once_hanging(mark, process.kill)
    with pytest.raises(ExecutorFailed, match="was killed by signal 9 while it ran hang-cpu-fp32"):
        light.run(HANG, SETTINGS)
    thread.join()
    assert eventually(lambda: members(mark) == [])
    assert light.run(NONE, SETTINGS).verdict is Verdict.PASS


def test_a_server_killed_between_cells_is_replaced(light: ForkedExecutor, mark: str) -> None:
    """No cell was asked for when the server died, so none is lost."""
    light.run(NONE, SETTINGS)
    watchdog, server = watchdog_and_server(mark)
    server.kill()
    assert eventually(lambda: watchdog.status() == "zombie")
    assert light.run(NONE, SETTINGS).verdict is Verdict.PASS


def test_a_server_that_hangs_is_replaced(
    light: ForkedExecutor, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer some time after the cell's timeout is given up."""
    monkeypatch.setattr("pytest_accelerate.execution.forked.GRACE_SECONDS", 1)
    light.run(NONE, SETTINGS)
    watchdog_and_server(mark)[1].suspend()
    with pytest.raises(ExecutorFailed, match=r"hung for 3 s while it ran none-cpu-fp32"):
        light.run(NONE, CellSettings(timeout_seconds=2))
    assert members(mark) == []
    assert light.run(NONE, SETTINGS).verdict is Verdict.PASS


INTERRUPTED = """
hang, none = ModelCell("hang", "cpu"), ModelCell("none", "cpu")
executor.run(none, CellSettings())
try:
    executor.run(hang, CellSettings())
except KeyboardInterrupt:
    right = executor.run(none, CellSettings()).cell == none
    executor.close()
    os._exit(0 if right else 1)
os._exit(2)
"""


def test_an_interrupted_cell_leaves_nothing(mark: str) -> None:
    """Ctrl-C in a cell stops the server, and its late answer is nobody's.

    In a process of its own: one that comes a moment late would end the worker that runs this.
    """
    with client(INTERRUPTED) as process:
        assert eventually(lambda: len(members(mark)) > HANGING_FAMILY)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert eventually(lambda: members(mark) == [])


def test_nothing_is_left_after_kill_9_of_the_client(mark: str) -> None:
    """A killed client takes everything with it, a child hung in C and its children included."""
    with client('executor.run(ModelCell("hang", "cpu"), CellSettings())') as process:
        assert eventually(lambda: len(members(mark)) > HANGING_FAMILY)
        process.kill()
    assert eventually(lambda: members(mark) == [])


def test_nothing_is_left_when_the_client_just_ends(mark: str) -> None:
    """A client that never calls close leaves nothing."""
    with client("os._exit(0)") as process:
        assert process.wait() == 0
    assert eventually(lambda: members(mark) == [])


def test_a_copy_of_the_connection_keeps_nothing_alive(mark: str) -> None:
    """The client's death is noticed while a process that it forked holds its end open."""
    program = """
if os.fork() == 0:
    import time
    time.sleep(600)
os._exit(0)
"""
    with client(program) as process:
        assert process.wait() == 0
    try:
        assert eventually(lambda: len(members(mark)) == 1)
    finally:
        for member in members(mark):
            member.kill()


def test_a_failed_import_is_an_error_of_the_run(mark: str) -> None:
    """A module that cannot be imported is told with the server's own traceback."""
    executor = ForkedExecutor(ahead=Imports(runner=FAULTS, modules=("tests.execution.broken",)))
    with pytest.raises(ExecutorFailed, match="could not start: ZeroDivisionError") as caught:
        executor.run(NONE, SETTINGS)
    assert "broken.py" in str(caught.value)
    assert members(mark) == []


def test_a_server_that_dies_in_its_imports_says_so(mark: str) -> None:
    """A crash of the server itself names the signal and shows its stack."""
    ahead = Imports(runner=FAULTS, warm=("tests.execution.broken_server:segfault",))
    executor = ForkedExecutor(ahead=ahead)
    with pytest.raises(ExecutorFailed, match="signal 11 while it was getting ready") as caught:
        executor.run(NONE, SETTINGS)
    assert "Segmentation fault" in str(caught.value)
    assert members(mark) == []


def test_a_failed_canary_is_an_error_of_the_run(mark: str) -> None:
    """A server whose children would hang runs no cell at all: no model is called a timeout."""
    ahead = Imports(runner=FAULTS, warm=("tests.execution.broken_server:use_two_threads",))
    executor = ForkedExecutor(ahead=ahead)
    with pytest.raises(ExecutorFailed, match="first child did not work: timeout: run: killed"):
        executor.run(NONE, SETTINGS)
    assert members(mark) == []


@pytest.mark.parametrize(("package", "extra"), [("torch", "torch"), ("openvino", "openvino")])
def test_an_absent_package_is_told_with_its_remedy(package: str, extra: str) -> None:
    """What is not installed is named with the command that installs it."""
    ahead = Imports(runner=FAULTS, warm=(f"tests.execution.broken_server:miss_{package}",))
    with pytest.raises(MissingPackage, match=rf"pip install 'pytest-accelerate\[{extra}\]'"):
        ForkedExecutor(ahead=ahead).run(NONE, SETTINGS)


def test_an_unknown_executor_is_a_usage_error() -> None:
    """The known executors are named."""
    with pytest.raises(UsageError, match="unknown executor 'ray'; known: forked, inline"):
        execution.create("ray")


def test_creating_an_executor_starts_and_imports_nothing(mark: str) -> None:
    """An executor that is never used costs nothing."""
    execution.create("forked", hardware=("cpu", "openvino"))
    program = (
        "import sys; from pytest_accelerate import execution; "
        "execution.create('forked', hardware=('cpu', 'openvino')); "
        "sys.exit(bool({'torch', 'transformers', 'openvino'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert members(mark) == []
