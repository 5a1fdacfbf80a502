"""``--weights pretrained``: the project's own checkpoints in cells, and what they may bring."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.endpoints import checkpoints
from tests.plugin.conftest import Matrix

ASKED = ("--weights", "pretrained", "--models", "bert", "--stages", "none")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT, made outside pytester, which would have torch's parts imported twice."""
    return checkpoints.text(tmp_path_factory.mktemp("made") / "bert")


@pytest.fixture
def folder(made: Path, suite: pytest.Pytester) -> Path:
    """A copy of it in the project, to which the project maps the type."""
    copied = Path(shutil.copytree(made, suite.path / "models" / "bert"))
    (suite.path / "mapped_models.json").write_text(json.dumps({"bert": str(copied)}))
    return copied


def test_a_mapped_folder_passes_on_both_hardwares(
    suite: pytest.Pytester, matrix: Matrix, folder: Path
) -> None:
    """The project's mapped_models.json is followed, and the result says what was loaded."""
    result = suite.runpytest_subprocess("--hardware", "cpu,openvino", *ASKED)
    result.assert_outcomes(passed=2)
    for name in ("cpu", "openvino"):
        line = matrix.result(f"bert-{name}-fp32")
        assert line["verdict"] == "pass"
        assert line["measures"]["weights"] == "pretrained"
        assert line["measures"]["loading"].startswith("fed by its own ")


def test_a_pickle_takes_the_permission_of_the_command_line(
    suite: pytest.Pytester, matrix: Matrix, folder: Path
) -> None:
    """Without --allow pickle the cell does not pass and names the option; with it, it passes."""
    checkpoints.pickled(folder)
    suite.runpytest_subprocess("--hardware", "cpu", *ASKED).assert_outcomes(failed=1)
    refused = matrix.result("bert-cpu-fp32")
    assert refused["verdict"] == "error"
    assert "--allow pickle" in refused["reason"]
    args = ("--hardware", "cpu", *ASKED, "--allow", "pickle", "--matrix-dir=allowed")
    suite.runpytest_subprocess(*args).assert_outcomes(passed=1)
    allowed = Matrix(suite.path / "allowed").result("bert-cpu-fp32")
    assert allowed["verdict"] == "pass"
    assert allowed["measures"]["weights"] == "pretrained"


def test_an_unknown_permission_ends_the_run(suite: pytest.Pytester) -> None:
    """A misspelt name is one ERROR line before anything is collected."""
    result = suite.runpytest_subprocess("--models", "bert", "--allow", "pickles")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --allow 'pickles': expected pickle, remote-code"])
    assert "Traceback" not in result.stderr.str()
