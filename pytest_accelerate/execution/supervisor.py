"""Fork a cell's process and follow it to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, replace

from pytest_accelerate.cells import CellSettings, ModelCell, Result, Verdict
from pytest_accelerate.execution import child, processes
from pytest_accelerate.execution.endings import Ending, Progress, conclude
from pytest_accelerate.execution.imports import Runner
from pytest_accelerate.execution.peer import Peer
from pytest_accelerate.execution.wire import Decoder

_CHUNK = 2**16
OUTPUT_BYTES = 2**15
"""How much of the end of a cell's output is kept: faulthandler's trace of some threads."""
TRACEBACK_CHARACTERS = 8000
LAST_WORDS_SECONDS = 2.0
"""For a process whose time is over to write where it is."""


def run_in_child(runner: Runner, cell: ModelCell, settings: CellSettings, peer: Peer) -> Result:
    """Run one cell in a child; afterwards no descendant of this process is alive.

    Raises:
        Gone: client or watchdog have died meanwhile.
    """
    deadline = time.monotonic() + settings.timeout_seconds
    forked = _fork(runner, cell, settings, peer)
    try:
        in_time = forked.follow(peer, deadline)
        forked.progress.ended = time.monotonic()
        if not in_time:
            forked.ask_where(peer)
    finally:
        processes.kill_group(forked.pid)
        code, peak = _wait(forked.pid)
        processes.sweep()
    forked.close()
    ending = None
    if not forked.progress.answered:
        output = _publishable(forked.output)
        timed_out = Ending.of_timeout(settings.timeout_seconds, output)
        ending = Ending.of_exit_code(code, output) if in_time else timed_out
    elif forked.progress.failure is not None:
        ending = Ending.of_failure(forked.progress.failure)
    result = conclude(forked.progress, ending, settings.memory_bytes)
    if forked.progress.baseline is None:
        return result
    increase = max(0, peak - forked.progress.baseline)
    return replace(result, measures=replace(result.measures, peak_memory_bytes=increase))


@dataclass
class _Forked:
    """A cell's process, and what was heard of it."""

    pid: int
    death: int
    """A descriptor that can be read once the process has died."""
    answers_pipe: int
    output_pipe: int
    progress: Progress
    decoder: Decoder
    output: bytes = b""

    def follow(self, peer: Peer, deadline: float) -> bool:
        """Listen until it has answered or died; false when its time is over before."""
        pipes = {self.answers_pipe, self.output_pipe}
        while not self.progress.answered:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                return False
            ready = peer.wait((self.death, *pipes), seconds)
            pipes -= {pipe for pipe in ready & pipes if not self._read(pipe)}
            if self.death in ready:
                break
        return True

    def ask_where(self, peer: Peer) -> None:
        """Have a process whose time is over write where it is, which faulthandler does at SIGABRT.

        It may have to be killed all the same: a signal can be blocked.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGABRT)
        self.follow(peer, time.monotonic() + LAST_WORDS_SECONDS)

    def close(self) -> None:
        """Hear what it said before it died, and close the pipes."""
        for pipe in (self.answers_pipe, self.output_pipe):
            with contextlib.suppress(BlockingIOError):
                while self._read(pipe):
                    pass
        for descriptor in (self.death, self.answers_pipe, self.output_pipe):
            os.close(descriptor)

    def _read(self, pipe: int) -> bool:
        """Take one piece; false at the pipe's end."""
        data = os.read(pipe, _CHUNK)
        if pipe == self.output_pipe:
            self.output = (self.output + data)[-OUTPUT_BYTES:]
        elif not self.progress.answered:
            self._take(data)
        return bool(data)

    def _take(self, data: bytes) -> None:
        try:
            for message in self.decoder.feed(data):
                self.progress.take(message)
        except (ValueError, KeyError, TypeError) as error:
            # The pipe is open in the cell's process, so anything in there can write to it.
            self.progress.failure = {
                "verdict": Verdict.ERROR,
                "reason": f"answered with what cannot be read: {error}",
                "traceback": "",
            }


def _fork(runner: Runner, cell: ModelCell, settings: CellSettings, peer: Peer) -> _Forked:
    answers, answers_end = os.pipe()
    output, output_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            processes.die_with(server)
            os.dup2(output_end, 1)
            os.dup2(output_end, 2)
            for descriptor in (answers, output, output_end, *peer.descriptors):
                os.close(descriptor)
            child.main(runner, cell, settings, answers_end)
        finally:
            os._exit(1)
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)  # Both sides do: whichever comes first.
    os.close(answers_end)
    os.close(output_end)
    os.set_blocking(answers, False)
    os.set_blocking(output, False)
    return _Forked(pid, os.pidfd_open(pid), answers, output, Progress(cell), Decoder())


def _wait(pid: int) -> tuple[int, int]:
    """Exit code, negative for a signal, and peak of resident memory in bytes."""
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024


def _publishable(output: bytes) -> str:
    from pytest_accelerate.stages.tracebacks import relative_paths

    lines = output.decode(errors="replace").splitlines()
    # faulthandler ends with the names of every extension module that the server has imported.
    told = "\n".join(line for line in lines if not line.startswith("Extension modules:"))
    return relative_paths(told)[-TRACEBACK_CHARACTERS:]
