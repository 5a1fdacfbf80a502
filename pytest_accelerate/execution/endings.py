"""The verdict on a cell whose process ended without a result of its own."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_accelerate.cells import Measures, ModelCell, Result, Stage, StageResult, Verdict
from pytest_accelerate.execution import memory

_OUT_OF_MEMORY = ("std::bad_alloc", "DefaultCPUAllocator", "MemoryError", "bad allocation")
_REFUSED = (
    *_OUT_OF_MEMORY,
    "allocate memory",
    "can't alloc",
    "Resource temporarily unavailable",
    "Thread creation failed",
    "can't start new thread",
    "failed to map segment",
)
"""What libraries say when memory is refused to them, for a thread's stack too [seen of libgomp,
glibc, oneDNN and OpenVINO under caps of 1 to 64 MiB]. Some of it has other causes without a cap.
"""
_WHERE = re.compile(
    r'^Current thread .*\n  File "(?P<file>.+)", line (?P<line>\d+) in (?P<function>.+)$', re.M
)
"""The innermost call that faulthandler names."""
_LAST_WORDS = 4000
"""How much of the output's end may hold the reason for an abort, in characters."""


@dataclass
class Progress:
    """What a cell's process has told so far."""

    cell: ModelCell
    stage: Stage = Stage.CONSTRUCT
    """The stage begun last."""
    stage_started: float = field(default_factory=time.monotonic)
    finished: tuple[StageResult, ...] = ()
    baseline: int | None = None
    """Its high-water mark at the start, in bytes."""
    ended: float | None = None
    """When it answered, died or was given up; on the clock of ``stage_started``."""
    result: Result | None = None
    failure: Mapping[str, Any] | None = None

    @property
    def answered(self) -> bool:
        """Whether it has said its last word."""
        return self.result is not None or self.failure is not None

    def take(self, message: Mapping[str, Any]) -> None:
        """Read one message of :mod:`pytest_accelerate.execution.child`."""
        if "stage" in message:
            self.stage, self.stage_started = Stage(message["stage"]), time.monotonic()
        elif "finished" in message:
            self.finished = Result.from_json(message["finished"]).stages
        elif "baseline" in message:
            self.baseline = message["baseline"]
        elif "result" in message:
            self.result = Result.from_json(message["result"])
        elif "failure" in message:
            self.failure = message["failure"]


@dataclass(frozen=True)
class Ending:
    """Why there is no result."""

    verdict: Verdict
    reason: str
    traceback: str = ""

    @classmethod
    def of_failure(cls, failure: Mapping[str, Any]) -> Ending:
        """The cell's own process says that it could not come to a result."""
        return cls(Verdict(failure["verdict"]), failure["reason"], failure["traceback"])

    @classmethod
    def of_timeout(cls, seconds: float, output: str) -> Ending:
        """It was killed because its time was over; ``output`` may tell where it was."""
        where = _WHERE.search(output)
        place = f" in {where['function']}, {where['file']}:{where['line']}" if where else ""
        return cls(Verdict.TIMEOUT, f"killed after {seconds:g} s{place}", output)

    @classmethod
    def of_exit_code(cls, code: int, output: str) -> Ending:
        """It ended by itself; ``code`` is negative for a signal, as subprocess has it."""
        if code >= 0:
            return cls(Verdict.CRASH, f"exited with status {code} and without an answer", output)
        name = _signal_name(-code)
        if name == "SIGKILL":
            reason = "killed by SIGKILL from outside, as the kernel does when memory runs out"
            return cls(Verdict.OOM, reason, output)
        last_words = output[-_LAST_WORDS:]
        if name == "SIGABRT" and (sign := _first(_OUT_OF_MEMORY, last_words)):
            return cls(Verdict.OOM, f"aborted: {sign}", output)
        return cls(Verdict.CRASH, f"died of {name}", output)


def conclude(progress: Progress, ending: Ending | None, memory_bytes: int | None) -> Result:
    """The cell's result: its own, or what it had finished and how it ended."""
    result = progress.result
    if result is None:
        assert ending is not None, "a cell without a result has ended somehow"
        result = _ended(progress, ending)
    if memory_bytes is None:
        return result
    if sign := _refusal(result):
        result = _out_of_memory(result, sign)
    if result.verdict is Verdict.OOM:
        result = _name_cap(result, f" (memory cap: {memory.readable(memory_bytes)})")
    return result


def _refusal(result: Result) -> str:
    """What says that memory was refused, where another verdict was made of it."""
    blamed = (Verdict.ERROR, Verdict.CRASH, Verdict.UNSUPPORTED)
    if result.verdict not in blamed or not result.stages:
        return ""
    last = result.stages[-1]
    return _first(_REFUSED, last.reason + last.traceback[-_LAST_WORDS:])


def _out_of_memory(result: Result, sign: str) -> Result:
    *before, last = result.stages
    told = "" if sign in result.reason else f": {sign}"
    stages = (*before, replace(last, verdict=Verdict.OOM, reason=last.reason + told))
    return replace(result, verdict=Verdict.OOM, stages=stages, reason=result.reason + told)


def _ended(progress: Progress, ending: Ending) -> Result:
    stages = progress.finished
    if progress.stage not in {stage.stage for stage in stages}:
        ended = time.monotonic() if progress.ended is None else progress.ended
        seconds = ended - progress.stage_started
        last = StageResult(progress.stage, ending.verdict, seconds, ending.reason, ending.traceback)
        stages = (*stages, last)
    library_seconds = sum(stage.seconds for stage in stages)
    measures = Measures(library_seconds=library_seconds)
    reason = f"{progress.stage}: {ending.reason}"
    return Result(progress.cell, ending.verdict, stages, measures, reason)


def _name_cap(result: Result, cap: str) -> Result:
    stages = tuple(
        replace(stage, reason=stage.reason + cap) if stage.verdict is Verdict.OOM else stage
        for stage in result.stages
    )
    return replace(result, stages=stages, reason=result.reason + cap)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # A real-time signal between the first and the last has no name.
        return f"signal {number}"


def _first(signs: tuple[str, ...], text: str) -> str:
    return next((sign for sign in signs if sign in text), "")
