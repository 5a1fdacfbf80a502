"""The main line: real models on real backends, one result a cell, the page at the end."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Matrix


def test_the_main_command_writes_results_page_and_badges(
    suite: pytest.Pytester, matrix: Matrix
) -> None:
    """Two types on two backends under -n 2 give four passes, four lines, a page and badges."""
    args = ("--hardware", "cpu,openvino", "--models", "bert,vit", "-n", "2")
    result = suite.runpytest_subprocess(*args)
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    folder = matrix.folder
    result.stdout.fnmatch_lines([f"*{folder.name}/index.html*"])
    lines = matrix.lines()
    assert [line.get("kind") for line in lines] == ["run", None, None, None, None, "end"]
    assert not lines[-1]["partial"]
    cell = matrix.result("bert-openvino-fp32")
    measures = cell["measures"]
    assert cell["verdict"] == "pass"
    stages = [stage["stage"] for stage in cell["stages"]]
    assert stages == ["construct", "load", "run", "agree", "batch", "generate", "benchmark"]
    assert measures["parameters"] > 1000
    assert measures["modalities"] == ["text"]
    assert measures["implementation_type"] == "REAL"
    assert measures["path"] in ("trace", "export")
    assert measures["reference"] == "cpu-fp32"
    assert measures["max_relative_error"] <= measures["tolerance"] == 1e-4
    assert measures["latency_seconds"] > 0
    assert measures["peak_memory_bytes"] > 0
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "bert" in page
    assert "vit" in page
    badge = json.loads((folder / "badges" / "openvino-fp32.json").read_text())
    assert badge["schemaVersion"] == 1
    assert "2" in badge["message"]


def test_a_removed_type_keeps_its_row_as_a_skip(suite: pytest.Pytester, matrix: Matrix) -> None:
    """A type that this transformers no longer has says which release had it last."""
    result = suite.runpytest_subprocess("--hardware", "cpu", "--models", "transfo-xl")
    result.assert_outcomes(skipped=1)
    line = matrix.result("transfo-xl-cpu-fp32")
    assert line["verdict"] == "skip"
    assert "pip install transformers==4." in line["reason"]


def test_expectations_are_a_ratchet(suite: pytest.Pytester, matrix: Matrix) -> None:
    """A verdict other than the expected one fails, a pass included, and says how to go on."""
    folder = matrix.folder
    folder.mkdir()
    expectations = folder / "expectations.toml"
    expectations.write_text('[cpu-fp32]\nbert = { verdict = "mismatch", reason = "made up" }\n')
    args = ("--hardware", "cpu", "--models", "bert")
    result = suite.runpytest_subprocess(*args)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["bert-cpu-fp32: pass*", "expected mismatch: made up", "*--update-expectations*"]
    )
    suite.runpytest_subprocess(*args, "--update-expectations").assert_outcomes(passed=1)
    assert "bert" not in expectations.read_text()
    suite.runpytest_subprocess(*args).assert_outcomes(passed=1)
    expectations.write_text('[cpu-fp32]\nbert = { verdict = "partial", reason = "batch: rows" }\n')
    suite.runpytest_subprocess(*args, "--stages", "none").assert_outcomes(passed=1)
    suite.runpytest_subprocess(*args, "--stages", "batch").assert_outcomes(failed=1)


def test_a_failing_cell_is_told_with_traceback_and_command(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure shows a traceback free of this machine's folders, and how to see it again."""
    suite.makepyfile(
        broken="""
        from pytest_accelerate.hardware.torch import TorchHardware

        class Broken(TorchHardware):
            def __init__(self, name):
                super().__init__("cpu")
                self.name = name

            def load(self, specimen, precision):
                raise RuntimeError("no such luck")
        """
    )
    suite.makeconftest("def pytest_accelerate_hardware(config): return {'broken': 'broken:Broken'}")
    monkeypatch.setenv("PYTHONPATH", str(suite.path))
    result = suite.runpytest_subprocess("--hardware", "broken", "--models", "bert")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "bert-broken-fp32: error: RuntimeError: no such luck",
            '*File "broken.py", line *',
            "reproduce: pytest --models bert --hardware broken --precision fp32",
        ]
    )


def test_a_run_without_cells_writes_nothing(suite: pytest.Pytester) -> None:
    """A run in which every cell was deselected leaves no matrix behind."""
    suite.runpytest_subprocess("--hardware", "cpu", "--models", "bert", "-k", "nothing")
    assert not (suite.path / "matrix" / "results").exists()


def test_a_run_cut_short_says_so(suite: pytest.Pytester, matrix: Matrix) -> None:
    """A run of which -k kept some cells alone is marked partial."""
    args = ("--hardware", "cpu", "--models", "bert,gpt2", "-k", "gpt2")
    suite.runpytest_subprocess(*args).assert_outcomes(passed=1, deselected=1)
    assert matrix.lines()[-1]["partial"]


def test_the_inline_executor_gives_the_same_numbers(suite: pytest.Pytester, matrix: Matrix) -> None:
    """Where a cell runs changes nothing of what it finds."""
    args = ("--hardware", "cpu", "--models", "bert")
    suite.runpytest_subprocess(*args).assert_outcomes(passed=1)
    forked = matrix.result("bert-cpu-fp32")["measures"]
    args = (*args, "--executor", "inline", "--matrix-dir", "other")
    suite.runpytest_subprocess(*args).assert_outcomes(passed=1)
    folder = type(matrix)(suite.path / "other")
    inline = folder.result("bert-cpu-fp32")["measures"]
    for name in ("max_relative_error", "parameters", "modalities", "cosine"):
        assert inline[name] == forked[name]
