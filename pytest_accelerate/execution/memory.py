"""Memory of this process, as Linux counts it."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

_PROC = Path("/proc/self")


def reset_high_water_mark() -> int | None:
    """Begin to measure: the mark falls to what is resident now where the kernel allows it.

    Returns:
        The mark in bytes; ``None`` on a system that does not tell.
    """
    with contextlib.suppress(OSError):
        (_PROC / "clear_refs").write_text("5")
    return high_water_mark()


def high_water_mark() -> int | None:
    """The most that was ever resident, in bytes; ``None`` on a system that does not tell."""
    return _status("VmHWM")


def cap(additional_bytes: int) -> None:
    """Let this process allocate so much private memory beyond what it has now."""
    used = _status("VmData")
    if used is None:
        raise OSError("/proc/self/status does not tell VmData, so memory cannot be capped")
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (used + additional_bytes, hard))


def lift_cap() -> None:
    """Undo :func:`cap`: a process that ran into it needs memory to say so."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def readable(size: int) -> str:
    """``1.5 GiB``, ``512 MiB``."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"


def _status(field: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in (_PROC / "status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
    return None
