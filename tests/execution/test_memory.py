"""What the fork server does with its own memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

_COLLAPSE = """
import re
from pathlib import Path
from pytest_accelerate.execution import memory

def huge():
    return int(re.search(r"AnonHugePages: *(\\d+)", Path("/proc/self/smaps_rollup").read_text())[1])

pattern = bytes(range(256)) * 4096
held = [bytearray(pattern) for _ in range(32)]
before = huge()
memory.collapse()
assert all(one == pattern for one in held), "memory has changed"
print(huge() - before)
"""


def test_collapsed_memory_holds_what_it_held() -> None:
    """Moving memory into huge pages changes no byte, and does move it where the kernel can."""
    done = subprocess.run(
        [sys.executable, "-c", _COLLAPSE], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    if done.stdout.strip() == "0":
        pytest.skip("this kernel has no MADV_COLLAPSE (Linux 6.1) or no free huge page")
    assert int(done.stdout) >= 2 * 2**10
