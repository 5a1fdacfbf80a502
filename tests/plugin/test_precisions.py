"""Precisions as columns: what is collected, and what results say of it."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Matrix


def test_quantized_cells_tell_how_much_was(suite: pytest.Pytester, matrix: Matrix) -> None:
    """bert passes in int8 on the CPU and in int4 on OpenVINO with figures; resnet is unsupported.

    The CPU has no int4, so that there are three cells of each, and not four.
    """
    args = ("--hardware", "cpu,openvino", "--precision", "int8,int4", "--models", "bert,resnet")
    result = suite.runpytest_subprocess(*args, "--stages", "none", "--junit-xml=junit.xml")
    result.assert_outcomes(passed=4, failed=2)
    assert matrix.verdicts() == {
        "bert-cpu-int8": "pass",
        "bert-openvino-int8": "pass",
        "bert-openvino-int4": "pass",
        "resnet-cpu-int8": "unsupported",
        "resnet-openvino-int8": "pass",
        "resnet-openvino-int4": "unsupported",
    }
    for cell, how in (("bert-cpu-int8", "torch int8"), ("bert-openvino-int4", "nncf int4_asym")):
        measures = matrix.result(cell)["measures"]
        assert 10 < measures["quantized_modules"] <= measures["quantizable_modules"]
        assert 0.5 < measures["quantized_share"] < 1
        assert measures["quantization"].startswith(how)
        assert measures["tolerance"] <= 0.5
    assert "nothing to quantize" in matrix.result("resnet-cpu-int8")["reason"]
    share = 'name="quantized_share"'
    assert (suite.path / "junit.xml").read_text(encoding="utf-8").count(share) == 4


def test_a_precision_that_no_hardware_has_is_refused(suite: pytest.Pytester) -> None:
    """Before collection, with what the hardware asked for has."""
    result = suite.runpytest_subprocess(
        "--hardware", "cpu", "--precision", "int4", "--models", "t5"
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*unknown precision 'int4' on cpu; known on cpu: fp32, fp16, bf16, int8*"]
    )


def test_half_precision_tells_how_much_ran_in_it(suite: pytest.Pytester, matrix: Matrix) -> None:
    """A cell in bf16 on OpenVINO passes with what the device itself says that it ran, or fails."""
    args = ("--hardware", "openvino", "--precision", "bf16", "--models", "bert")
    suite.runpytest_subprocess(*args, "--stages", "none")
    line = matrix.result("bert-openvino-bf16")
    if line["verdict"] == "unsupported":
        assert "OpenVINO's CPU runs bf16 as fp32" in line["reason"]
        return
    assert line["verdict"] == "pass"
    assert line["measures"]["executed"].endswith("operations on floats run in bf16")
