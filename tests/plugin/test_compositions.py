"""Rows that are no type of transformers, through pytest."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Matrix


def test_a_composition_is_asked_for_by_name(suite: pytest.Pytester, matrix: Matrix) -> None:
    """``--models`` takes its name, ``-`` and all, and the matrix has its row."""
    result = suite.runpytest_subprocess("--models", "vision-t5", "--stages", "none", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_model_type*vision-t5-cpu-fp32* PASSED*"])
    assert matrix.verdicts() == {"vision-t5-cpu-fp32": "pass"}
    measures = matrix.result("vision-t5-cpu-fp32")["measures"]
    assert measures["model_class"] == "VisionT5ForConditionalGeneration"
