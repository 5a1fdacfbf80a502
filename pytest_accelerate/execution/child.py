"""The process of one cell: its limits, the run, and the answer."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Callable
from typing import NoReturn

from pytest_accelerate.cells import CellSettings, ModelCell, Result, Stage, StageResult, Verdict
from pytest_accelerate.execution import memory
from pytest_accelerate.execution.imports import Runner
from pytest_accelerate.execution.wire import Message, encode


def main(runner: Runner, cell: ModelCell, settings: CellSettings, answers: int) -> NoReturn:
    """Run ``cell``, write what happens to the pipe ``answers``, and end this process.

    The messages: ``baseline`` (bytes), ``stage`` (it begins), ``finished`` (a result with the
    stages so far), and at last ``result``, or ``failure`` where there is none to be had.
    """

    def tell(message: Message) -> None:
        data = memoryview(encode(message))
        while data:
            data = data[os.write(answers, data) :]

    finished: list[StageResult] = []

    def on_stage(stage: Stage) -> None:
        tell({"stage": str(stage)})

    def on_result(result: StageResult) -> None:
        finished.append(result)
        tell({"finished": Result(cell, Verdict.NOT_RUN, tuple(finished)).to_json()})

    status = 1
    try:
        _apply_limits(settings)
        tell({"baseline": memory.reset_high_water_mark()})
        if settings.memory_bytes is not None:
            memory.cap(settings.memory_bytes)
        result = runner(cell, settings, on_stage=on_stage, on_result=on_result)
        memory.lift_cap()
        _tell_result(tell, result)
        status = 0
    except BaseException as error:
        memory.lift_cap()
        tell({"failure": _describe(error)})
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _tell_result(tell: Callable[[Message], None], result: Result) -> None:
    try:
        tell({"result": result.to_json()})
    except (TypeError, ValueError) as error:
        raise TypeError(f"the result cannot be serialised: {error}") from error


def _apply_limits(settings: CellSettings) -> None:
    # A crash is told by its signal and faulthandler's trace: nobody looks for a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # Where the machine runs out of memory, let the kernel take the cell and not the server.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    if settings.visible_cuda_devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = settings.visible_cuda_devices
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(settings.threads)


def _describe(error: BaseException) -> Message:
    from pytest_accelerate.stages.base import reason_of, verdict_of
    from pytest_accelerate.stages.tracebacks import publishable, relative_paths

    return {
        "verdict": str(verdict_of(error)),
        "reason": relative_paths(reason_of(error)),
        "traceback": publishable(error),
    }
