"""The reproductions of what OpenVINO does wrong, which expectations and reasons rest on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docs" / "openvino_defects.py"


def test_what_openvino_does_wrong_it_still_does() -> None:
    """Each reproduction fails as told; where one does not, its expectation is out of date."""
    told = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, timeout=300, check=False
    )
    lines = told.stdout.splitlines()[1:]
    found = [line.rpartition("): ")[2].split()[0] for line in lines]
    assert found == ["dies", "dies", "off", "off"], lines
    assert told.returncode == 0
