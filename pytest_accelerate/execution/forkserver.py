"""The fork server: imports the libraries once, and forks one child for each cell.

Started by :mod:`pytest_accelerate.execution.forked` with the descriptor of its connection and the
client's process id. The client's first message says what to import; the server answers ``ready``
or ``failed``, and then each request with the cell's ``result``.

Nothing here may touch a driver or enter a parallel region: every child inherits the consequences.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import io
import itertools
import os
import socket
import sys
import traceback

from pytest_accelerate.cells import Result, Verdict
from pytest_accelerate.execution import canary, imports, memory, processes, watchdog
from pytest_accelerate.execution.peer import Gone, Peer
from pytest_accelerate.execution.supervisor import run_in_child
from pytest_accelerate.execution.wire import Message, unpack_request

_CELLS_BEFORE_COLLAPSE = 50
"""It costs half a second and saves 6 to 9 ms a cell: a short run does without."""


def main() -> None:
    """Serve until the client closes its end or dies."""
    descriptor, client = map(int, sys.argv[1:])
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    # A cell inherits the handler, and writes to its own standard error.
    faulthandler.enable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    peer = Peer(connection, watchdog.fork_server(connection, client))
    status = 0
    try:
        _serve(peer)
    except Gone:
        pass
    except BaseException:
        traceback.print_exc()
        status = 1
    processes.sweep()
    sys.stderr.flush()
    # Threads and exit handlers of the libraries are no reason to stay.
    os._exit(status)


def _serve(peer: Peer) -> None:
    hello = peer.receive()
    try:
        _import(hello)
        run_cell = imports.load(hello["runner"])
    except BaseException as error:
        peer.send({"failed": _describe(error)})
        raise
    gc.collect()
    # What lives now lives in every child: out of the collector's sight it is not copied there.
    gc.freeze()
    proof = run_in_child(canary.run, canary.CELL, canary.SETTINGS, peer)
    if proof.verdict is not Verdict.PASS:
        peer.send({"failed": {"reason": _describe_canary(proof), "missing": None}})
        return
    peer.send({"ready": True})
    for served in itertools.count():
        if served == _CELLS_BEFORE_COLLAPSE:
            memory.collapse()
        cell, settings = unpack_request(peer.receive())
        peer.send({"result": run_in_child(run_cell, cell, settings, peer).to_json()})


def _import(hello: Message) -> None:
    sys.path[:] = hello["sys_path"]
    # Importing openvino starts a thread that sends telemetry, unless this module is not found;
    # it reads no environment variable that would forbid it. A server must not fork with threads.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    for module in hello["modules"]:
        importlib.import_module(module)
        if module == "torch":
            # Before any operation: a server that has used two threads forks children that hang.
            sys.modules["torch"].set_num_threads(1)
    if (tqdm := sys.modules.get("tqdm")) is not None:
        tqdm.tqdm.monitor_interval = 0  # Its first progress bar starts a thread otherwise.
    for warm in hello["warm"]:
        imports.load(warm)()


def _describe(error: BaseException) -> Message:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    reason = "".join(traceback.format_exception_only(error)).strip()
    return {"reason": reason, "missing": missing}


def _describe_canary(proof: Result) -> str:
    output = "".join(stage.traceback for stage in proof.stages)
    return f"its first child did not work: {proof.verdict}: {proof.reason}\n{output}".strip()
