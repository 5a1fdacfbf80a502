"""Families of processes on Linux: who dies with whom, and how none is left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
SWEEP_SECONDS = 5.0
"""A process that survives SIGKILL for longer hangs in the kernel: waiting more does not help."""


def become_subreaper() -> None:
    """Inherit orphaned descendants, also those that left their group and session."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent``, its parent, dies."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It died before the kernel was asked.
        os._exit(1)


def kill_group(leader: int) -> None:
    """Kill a child that is not yet waited for, and all of its process group."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(leader, signal.SIGKILL)


def sweep() -> None:
    """Kill all descendants of this subreaper and wait for them.

    Children of a killed process become children of this one, so going on until there is none
    reaches every generation.
    """
    deadline = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.001)


def _children() -> Iterator[int]:
    """Living and dead children of this process."""
    me = os.getpid()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as stat:
            # The name in parentheses may hold anything; state and parent follow the last one.
            parent = int(stat.read().rpartition(b")")[2].split()[1])
            if parent == me:
                yield int(entry)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")
