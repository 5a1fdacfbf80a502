"""What a cell does to its process becomes its verdict, and never touches another cell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.plugin.conftest import Matrix

FAULTY = '''
"""Hardware that goes wrong, each name in its own way."""
import ctypes
import os
import subprocess
import sys
import time

from pytest_accelerate.hardware.torch import TorchHardware


class Faulty(TorchHardware):
    """Runs like the CPU, after the fault that its name asks for."""

    def __init__(self, name):
        super().__init__("cpu")
        self.name = name

    def load(self, specimen, precision):
        getattr(self, "do_" + self.name.removeprefix("faulty_"))()
        return super().load(specimen, precision)

    def do_none(self):
        pass

    def do_segfault(self):
        ctypes.string_at(0)

    def do_exit(self):
        os._exit(3)

    def do_hang(self):
        import signal
        mark = "CHILDOFHANG in " + os.path.dirname(__file__)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)  # " + mark])
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        ctypes.CDLL(None).sleep(600)

    def do_grow(self):
        self.hoard = [b"x" * 2**26 for _ in range(64)]

    def do_unpicklable(self):
        raise type("Odd", (Exception,), {"__reduce__": lambda self: 1 / 0})("odd")
'''

CONFTEST = """
def pytest_accelerate_hardware(config):
    faults = ("none", "segfault", "exit", "hang", "grow", "unpicklable")
    return {f"faulty_{name}": "faulty:Faulty" for name in faults}
"""

NAMES = "faulty_none,faulty_segfault,faulty_exit,faulty_hang,faulty_grow,faulty_unpicklable"


@pytest.fixture
def faulty(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose conftest adds hardware that goes wrong."""
    suite.makepyfile(faulty=FAULTY)
    suite.makeconftest(CONFTEST)
    suite.syspathinsert()
    monkeypatch.setenv("PYTHONPATH", str(suite.path))
    return suite


def left_running(folder: Path) -> list[str]:
    """Command lines of processes that a run in ``folder`` left behind."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        if process.pid == os.getpid():
            continue  # pytester works in that folder
        command = " ".join(process.info["cmdline"] or ())
        if str(folder) in (process.info["cwd"] or "") or hangs_in(folder, command):
            found.append(command)
    return found


def hangs_in(folder: Path, command: str) -> bool:
    """Whether it is what a hanging cell of this test started: others run at the same time."""
    return command.endswith(f"CHILDOFHANG in {folder}")


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["serial", "n2"])
def test_each_fault_is_the_verdict_of_its_own_cell(
    faulty: pytest.Pytester, matrix: Matrix, parallel: tuple[str, ...]
) -> None:
    """Crash, exit, hang, growth and an unpicklable error are told apart; other cells pass."""
    args = ("--hardware", NAMES, "--models", "bert,gpt2", "--stages", "none")
    bounds = ("--cell-timeout", "15", "--cell-memory", "1G")
    result = faulty.runpytest_subprocess(*args, *bounds, *parallel)
    result.assert_outcomes(passed=2, failed=10)
    verdicts = matrix.verdicts()
    expected = {
        "none": "pass",
        "segfault": "crash",
        "exit": "crash",
        "hang": "timeout",
        "grow": "oom",
        "unpicklable": "error",
    }
    assert verdicts == {
        f"{model}-faulty_{fault}-fp32": verdict
        for model in ("bert", "gpt2")
        for fault, verdict in expected.items()
    }
    crash = matrix.result("bert-faulty_segfault-fp32")
    assert "SIGSEGV" in crash["reason"]
    assert [stage["stage"] for stage in crash["stages"]] == ["construct", "load"]
    assert left_running(faulty.path) == []


def test_nothing_is_left_after_kill_9_of_the_worker(faulty: pytest.Pytester) -> None:
    """A killed pytest takes its fork server and a child hung in C with it."""
    command = [sys.executable, "-m", "pytest", "--hardware", "faulty_hang", "--models", "bert"]
    with subprocess.Popen(
        command, cwd=faulty.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as pytest_process:
        deadline = time.monotonic() + 60
        while not any(hangs_in(faulty.path, line) for line in left_running(faulty.path)):
            assert time.monotonic() < deadline, "the cell never came to hang"
            time.sleep(0.2)
        os.kill(pytest_process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while left_running(faulty.path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left_running(faulty.path) == []


def test_kill_9_of_an_xdist_worker_loses_its_own_cell_alone(
    faulty: pytest.Pytester, matrix: Matrix
) -> None:
    """With -n 2 a killed worker takes its hung cell with it; the other cells are all there."""
    args = ("--hardware", "faulty_hang,faulty_none", "--models", "bert,gpt2", "--stages", "none")
    command = [sys.executable, "-m", "pytest", *args, "--cell-timeout", "20", "-n", "2"]
    with subprocess.Popen(
        command, cwd=faulty.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as controller:
        deadline = time.monotonic() + 60
        while not (hung := hung_processes(faulty.path)):
            assert time.monotonic() < deadline, "no cell came to hang"
            time.sleep(0.2)
        ancestors = [hung[0], *hung[0].parents()]
        pids = [process.pid for process in ancestors]
        ancestors[pids.index(controller.pid) - 1].kill()
        controller.wait(timeout=90)
    assert left_running(faulty.path) == []
    verdicts = matrix.verdicts()
    assert verdicts.pop("bert-faulty_none-fp32") == "pass"
    assert verdicts.pop("gpt2-faulty_none-fp32") == "pass"
    assert set(verdicts.values()) <= {"timeout"}
    assert matrix.lines()[-1]["partial"] == (len(verdicts) < 2)


def hung_processes(folder: Path) -> list[psutil.Process]:
    """What cells that hang have started."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if hangs_in(folder, " ".join(process.info["cmdline"] or ()))
    ]


def test_a_killed_run_goes_on_with_resume(faulty: pytest.Pytester, matrix: Matrix) -> None:
    """What was finished before kill -9 is kept, and --resume runs the rest alone."""
    args = ["--hardware", "faulty_none,faulty_hang", "--models", "bert", "--stages", "none"]
    args += ["--cell-timeout", "15"]
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *args], cwd=faulty.path, stdout=subprocess.DEVNULL
    ) as killed:
        deadline = time.monotonic() + 60
        while len(matrix.lines()) < 2 if faulty.path.joinpath("matrix").exists() else True:
            assert time.monotonic() < deadline, "the first cell was never written"
            time.sleep(0.1)
        killed.kill()
    assert matrix.verdicts() == {"bert-faulty_none-fp32": "pass"}
    result = faulty.runpytest_subprocess(*args, "--resume")
    result.stdout.fnmatch_lines(["accelerate: resumes *, 1 cells finished"])
    result.assert_outcomes(passed=1, failed=1)
    cells = [line for line in matrix.lines() if "model_type" in line]
    assert [(cell["hardware"], cell["verdict"]) for cell in cells] == [
        ("faulty_none", "pass"),
        ("faulty_hang", "timeout"),
    ]


def test_resume_says_what_is_not_the_same(faulty: pytest.Pytester) -> None:
    """A run under other options is not gone on with; the difference is named."""
    args = ("--hardware", "faulty_exit,faulty_none", "--models", "bert")
    faulty.runpytest_subprocess(*args, "-x")
    result = faulty.runpytest_subprocess(*args, "--cell-timeout", "7", "--resume")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*cell_timeout: 120.0 then, 7.0 now*"])
