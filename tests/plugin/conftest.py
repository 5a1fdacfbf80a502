"""What the plugin's tests share: a suite as ``init`` writes it, and what a run left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate.commands import init

SUITE = '''
def test_model_type(cell):
    """The cell's verdict is the expected one."""
    cell.verify()
'''

CHAT = 'model="m", messages=[{"role": "user", "content": "Hello"}]'
"""The parameters of a call, for a suite that is written."""


@dataclass(frozen=True)
class Matrix:
    """The matrix folder of a finished run."""

    folder: Path

    def lines(self) -> list[dict[str, Any]]:
        """All lines of all runs, oldest run first."""
        return [
            json.loads(line)
            for path in sorted((self.folder / "results").glob("*.jsonl"))
            for line in path.read_text(encoding="utf-8").splitlines()
        ]

    def verdicts(self) -> dict[str, str]:
        """The verdict of each cell, by cell id."""
        return {
            f"{line['model_type']}-{line['hardware']}-{line['precision']}": line["verdict"]
            for line in self.lines()
            if "model_type" in line and "verdict" in line
        }

    def result(self, cell_id: str) -> dict[str, Any]:
        """The result line of one cell."""
        for line in self.lines():
            if (
                f"{line.get('model_type')}-{line.get('hardware')}-{line.get('precision')}"
                == cell_id
            ):
                return line
        raise KeyError(cell_id)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with the suite that ``init`` writes."""
    pytester.makepyfile(test_matrix=SUITE)
    return pytester


@pytest.fixture
def matrix(pytester: pytest.Pytester) -> Matrix:
    """What the runs of this test leave in the default folder."""
    return Matrix(pytester.path / "matrix")


@pytest.fixture
def api_suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the suite of providers that ``init`` writes, on a machine without keys."""
    pytester.makepyfile(test_providers=init.suite_text(init.API_SUITE))
    monkeypatch.setenv("HOME", str(pytester.path))
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "GOOGLE_API_KEY",
                 "GEMINI_API_KEY", "OPENAI_BASE_URL"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    return pytester


def verdicts(matrix: Matrix) -> dict[str, str]:
    """The verdict of each cell of a provider, by cell id."""
    return {
        f"{line['provider']}-{line['operation']}-{line['mode']}": line["verdict"]
        for line in matrix.lines()
        if "provider" in line and "verdict" in line
    }


def result_of(matrix: Matrix, operation: str) -> dict[str, object]:
    """The newest result line of one operation."""
    found = [line for line in matrix.lines() if line.get("operation") == operation]
    assert found, f"no result of {operation}"
    line: dict[str, object] = found[-1]
    return line
