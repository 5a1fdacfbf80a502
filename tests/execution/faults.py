"""A runner whose cells go wrong, each model type in its own way. Imports nothing that is slow."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from pytest_accelerate.cells import (
    CellSettings,
    Measures,
    ModelCell,
    Result,
    Stage,
    StageResult,
    Verdict,
)

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
KEPT: list[bytes] = []


class Odd(Exception):
    """Can neither be pickled nor copied."""

    def __reduce__(self) -> str:
        raise TypeError("not to be pickled")


def run_cell(
    cell: ModelCell,
    settings: CellSettings,
    on_stage: Callable[[Stage], None] | None = None,
    on_result: Callable[[StageResult], None] | None = None,
) -> Result:
    """Pass ``construct``, then do in ``load`` what the cell's model type says."""
    assert on_stage is not None
    assert on_result is not None
    on_stage(Stage.CONSTRUCT)
    constructed = StageResult(Stage.CONSTRUCT, Verdict.PASS, 0.25)
    on_result(constructed)
    on_stage(Stage.LOAD)
    measures = _FAULTS[cell.model_type]() or Measures()
    loaded = StageResult(Stage.LOAD, Verdict.PASS, 0.5)
    return Result(cell, Verdict.PASS, (constructed, loaded), measures)


def _none() -> None:
    pass


def _segfault() -> None:
    print("the last words")
    ctypes.string_at(0)


def _exit() -> None:
    os._exit(3)


def _hang() -> None:
    _family()
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    ctypes.CDLL(None).sleep(600)


def _wait() -> None:
    ctypes.CDLL(None).sleep(600)


def _family() -> None:
    subprocess.Popen(SLEEP)
    subprocess.Popen(SLEEP, start_new_session=True)
    # The second generation of what left its session: its own parent is gone at once.
    subprocess.run(["sh", "-c", f"setsid {sys.executable} -c 'import time; time.sleep(600)' &"])


def _grow() -> None:
    KEPT.extend(b"x" * 2**26 for _ in range(64))


def _tensor() -> None:
    import torch

    torch.ones(2**30)


def _abort_for_memory() -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def _killed_from_outside() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _nameless_signal() -> None:
    os.kill(os.getpid(), signal.SIGRTMIN + 1)


def _odd_exception() -> None:
    raise Odd("odd")


def _leave() -> None:
    sys.exit("enough")


def _not_a_number() -> Measures:
    return Measures(cosine=float("nan"))


def _not_json() -> Measures:
    return Measures(device=object())  # type: ignore[arg-type]


def _garbage() -> None:
    for descriptor in range(3, 32):
        try:
            os.write(descriptor, b"garbage\n")
        except OSError:
            continue
    time.sleep(600)


def _spam() -> None:
    for _ in range(64):
        print("s" * 2**16)
    print("the last words", flush=True)
    os.abort()


def _allocate() -> None:
    KEPT.append(b"x" * (100 * 2**20))


def _look() -> Measures:
    return Measures(device=os.environ.get("CUDA_VISIBLE_DEVICES", ""), path=str(len(KEPT)))


_FAULTS: dict[str, Callable[[], Measures | None]] = {
    "none": _none,
    "segfault": _segfault,
    "exit": _exit,
    "hang": _hang,
    "wait": _wait,
    "family": _family,
    "grow": _grow,
    "tensor": _tensor,
    "abort-for-memory": _abort_for_memory,
    "killed-from-outside": _killed_from_outside,
    "nameless-signal": _nameless_signal,
    "odd-exception": _odd_exception,
    "leave": _leave,
    "not-a-number": _not_a_number,
    "not-json": _not_json,
    "garbage": _garbage,
    "spam": _spam,
    "allocate": _allocate,
    "look": _look,
}
