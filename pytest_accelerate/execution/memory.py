"""Memory of this process, as Linux counts it."""

from __future__ import annotations

import contextlib
import ctypes
import resource
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc/self")
_HUGE_PAGE = 2**21
_MADV_COLLAPSE = 25


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


def collapse() -> None:
    """Move this process's private memory into huge pages, so that it is forked faster.

    A fork copies a page table, an exit takes it down again, and a huge page is one entry in it
    instead of 512. Linux 6.1 and later can; elsewhere nothing happens.
    """
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, end in _private_memory():
        for page in range(-(-start // _HUGE_PAGE) * _HUGE_PAGE, end - _HUGE_PAGE + 1, _HUGE_PAGE):
            # It refuses a page that holds nothing, or where there is no huge page to be had.
            madvise(page, _HUGE_PAGE, _MADV_COLLAPSE)


def _private_memory() -> Iterator[tuple[int, int]]:
    """First and last address of what this process has allocated and can write to."""
    with contextlib.suppress(OSError):
        for line in (_PROC / "maps").read_text().splitlines():
            addresses, rights, *_, name = (line + " [anonymous]").split(maxsplit=5)
            if rights.startswith("rw-p") and name.split()[0] in ("[anonymous]", "[heap]"):
                start, end = addresses.split("-")
                yield int(start, 16), int(end, 16)


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
