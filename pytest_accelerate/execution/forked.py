"""Each cell in a process of its own, forked from a server that has imported the libraries."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

import pytest_accelerate
from pytest_accelerate.cells import CellSettings, ModelCell, Result
from pytest_accelerate.errors import ExecutorFailed, MissingPackage, UsageError
from pytest_accelerate.execution import imports
from pytest_accelerate.execution.imports import Imports
from pytest_accelerate.execution.wire import Decoder, Message, encode, pack_request

START_SECONDS = 300.0
"""Imports take 3 to 6 s; a cold disk or a driver takes longer, and more than this is a hang."""
GRACE_SECONDS = 30.0
"""How long after a cell's timeout the server may take to say so."""
STOP_SECONDS = 10.0
LOG_BYTES = 4000
_BOOT = "import sys; sys.path.append(sys.argv.pop()); from {module} import main; main()"
_EXTRAS = {"torch": "torch", "transformers": "torch", "openvino": "openvino"}


class ForkedExecutor:
    """Runs cells in children of a fork server, one at a time. Linux only.

    A crash, a hang or a hunger for memory is the verdict of its own cell and touches no other one;
    whatever a cell starts is killed with it. A server that breaks is replaced for the next cell.
    """

    def __init__(
        self,
        hardware: Sequence[str] = ("cpu",),
        plugins: Sequence[tuple[str, str]] = (),
        recipe_modules: Sequence[str] = (),
        ahead: Imports | None = None,
    ) -> None:
        if sys.platform != "linux":
            raise UsageError("the forked executor needs Linux; use --executor inline")
        self._imports = ahead or imports.of_hardware(hardware, plugins, recipe_modules)
        self._server: _Server | None = None

    def start(self) -> None:
        """Let a server begin to import; returns at once, and does nothing if there is one."""
        if self._server is None:
            self._server = _Server(self._imports)

    def run(self, cell: ModelCell, settings: CellSettings) -> Result:
        """Run one cell in its own process, to its verdict.

        Raises:
            MissingPackage: a library that models run on is not installed.
            ExecutorFailed: the server could not start, died or hung; the next call has a new one.
        """
        if self._server is not None and not self._server.alive:
            self.close()
        self.start()
        assert self._server is not None
        try:
            self._server.wait_until_ready()
            started = time.perf_counter()
            result = self._server.run(cell, settings)
        except BaseException:
            # Also Ctrl-C: an answer that is still to come would be taken for the next cell's.
            self.close()
            raise
        seconds = time.perf_counter() - started
        return replace(result, measures=replace(result.measures, cell_seconds=seconds))

    def close(self) -> None:
        """Stop the server and everything below it; idempotent."""
        if self._server is not None:
            self._server.stop()
            self._server = None


class _Server:
    """One server process with its watchdog, and the connection to it."""

    def __init__(self, ahead: Imports) -> None:
        self._connection, theirs = socket.socketpair()
        # Open as long as the server lives, and without a name, so that nothing is left of it.
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._decoder = Decoder()
        self._received: list[Message] = []
        self._ready = False
        with theirs:
            self._process = _spawn(theirs, self._log)
        self._send({**asdict(ahead), "sys_path": [entry or os.getcwd() for entry in sys.path]})

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait for the imports and the first child, if that has not been done."""
        if self._ready:
            return
        answer = self._receive(START_SECONDS, "while it was getting ready")
        if "failed" in answer:
            raise self._failed_start(answer["failed"])
        self._ready = True

    def run(self, cell: ModelCell, settings: CellSettings) -> Result:
        """Ask for one cell and wait for its result."""
        doing = f"while it ran {cell.id}"
        self._send(pack_request(cell, settings))
        answer = self._receive(settings.timeout_seconds + GRACE_SECONDS, doing)
        return Result.from_json(answer["result"])

    def stop(self) -> None:
        """Close the connection, upon which the watchdog kills everything and ends."""
        self._connection.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _send(self, message: Message) -> None:
        try:
            self._connection.sendall(encode(message))
        except OSError as error:
            raise self._failed("the fork server has gone") from error

    def _receive(self, seconds: float, doing: str) -> Message:
        deadline = time.monotonic() + seconds
        while not self._received:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self._connection.recv(2**16)
            except TimeoutError:
                raise self._failed(f"the fork server hung for {seconds:g} s {doing}") from None
            except OSError:
                data = b""
            if not data:
                raise self._failed(f"the fork server {self._death()} {doing}")
            self._received += self._decoder.feed(data)
        return self._received.pop(0)

    def _death(self) -> str:
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        # The watchdog ends with 128 + signal for the server; negative is its own death.
        number = -code if code < 0 else code - 128
        return f"was killed by signal {number}" if number > 0 else f"exited with status {code}"

    def _failed_start(self, why: Message) -> Exception:
        missing = why["missing"]
        if missing in _EXTRAS:
            return MissingPackage(missing, _EXTRAS[missing])
        self._death()  # Its last words are written after the answer.
        return self._failed(f"the fork server could not start: {why['reason']}")

    def _failed(self, what: str) -> ExecutorFailed:
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LOG_BYTES))
        log = self._log.read().decode(errors="replace").strip()
        said = f"\nIts last output:\n{log}" if log else " It said nothing."
        hint = "No verdict was reached; --executor inline runs without a fork server."
        return ExecutorFailed(f"{what}. {hint}{said}")


def _spawn(connection: socket.socket, log: IO[bytes]) -> subprocess.Popen[bytes]:
    root = Path(pytest_accelerate.__file__).parent.parent
    boot = _BOOT.format(module="pytest_accelerate.execution.forkserver")
    # -P: a file named like a standard module in the working directory must not shadow it.
    command = [sys.executable, "-P", "-c", boot, str(connection.fileno()), str(os.getpid())]
    return subprocess.Popen(
        [*command, str(root)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=[connection.fileno()],
        # Its own session: Ctrl-C is for pytest, which then ends the server in order.
        start_new_session=True,
        # OpenBLAS would start its threads in the server, when numpy is imported.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
