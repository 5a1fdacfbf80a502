"""News that holds: a regression is seen twice, and other reports tell verdicts too."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from tests.plugin.conftest import Matrix

FICKLE = '''
"""Hardware that fails as often as the file beside it says."""
from pathlib import Path

from pytest_accelerate.hardware.torch import TorchHardware

LEFT = Path(__file__).with_name("failures")


class Fickle(TorchHardware):
    """Runs like the CPU once it has failed its times."""

    def __init__(self, name):
        super().__init__("cpu")
        self.name = name

    def load(self, specimen, precision):
        left = int(LEFT.read_text())
        if left:
            LEFT.write_text(str(left - 1))
            raise RuntimeError("the weather")
        return super().load(specimen, precision)
'''

CONFTEST = """
def pytest_accelerate_hardware(config):
    return {"fickle": "fickle:Fickle"}
"""

ARGS = ("--models", "bert", "--hardware", "fickle", "--stages", "none")
CELL = "bert-fickle-fp32"


@pytest.fixture
def fickle(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose conftest adds hardware that fails at times."""
    suite.makepyfile(fickle=FICKLE)
    suite.makeconftest(CONFTEST)
    suite.syspathinsert()
    monkeypatch.setenv("PYTHONPATH", str(suite.path))
    return suite


def fails(fickle: pytest.Pytester, times: int) -> None:
    """Let the hardware fail so many times from now on."""
    (fickle.path / "failures").write_text(str(times))


def failures_left(fickle: pytest.Pytester) -> int:
    """How many of these are left."""
    return int((fickle.path / "failures").read_text())


def newest(matrix: Matrix) -> dict[str, object]:
    """The newest result line of the cell."""
    found: dict[str, object] = [line for line in matrix.lines() if "model_type" in line][-1]
    return found


def test_what_passed_before_is_run_once_more_before_it_fails(
    fickle: pytest.Pytester, matrix: Matrix
) -> None:
    """A failure that does not come again is no regression, and the result says what came first."""
    fails(fickle, 0)
    fickle.runpytest_subprocess(*ARGS).assert_outcomes(passed=1)
    fails(fickle, 1)
    fickle.runpytest_subprocess(*ARGS).assert_outcomes(passed=1)
    line = newest(matrix)
    assert line["verdict"] == "pass"
    assert line["measures"]["unsteady"] == "error: RuntimeError: the weather"  # type: ignore[index]


def test_a_failure_that_comes_again_is_a_regression(
    fickle: pytest.Pytester, matrix: Matrix
) -> None:
    """It is run twice and no more, and told as what changed."""
    fails(fickle, 0)
    fickle.runpytest_subprocess(*ARGS).assert_outcomes(passed=1)
    fails(fickle, 5)
    result = fickle.runpytest_subprocess(*ARGS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*1 regressed*", f"  {CELL}: pass -> error*"])
    assert failures_left(fickle) == 3
    assert "unsteady" not in newest(matrix)["measures"]  # type: ignore[operator]


def test_what_never_passed_is_run_once(fickle: pytest.Pytester, matrix: Matrix) -> None:
    """Without a pass before there is nothing that could have regressed."""
    for left in (4, 3):
        fails(fickle, left + 1)
        fickle.runpytest_subprocess(*ARGS).assert_outcomes(failed=1)
        assert failures_left(fickle) == left


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_junit_report_tells_verdicts(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """Each test case has verdict, cell and error as properties, and not the whole result."""
    path = suite.path / "junit.xml"
    suite.runpytest_subprocess(
        "--models", "bert,dinat",
        "--stages", "none", f"--junit-xml={path}", *workers,
    )  # fmt: skip
    cases = {}
    for case in ElementTree.parse(path).iter("testcase"):
        cases[case.get("name")] = {
            each.get("name"): each.get("value", "") for each in case.iter("property")
        }
    bert = cases["test_model_type[bert-cpu-fp32]"]
    assert (bert["verdict"], bert["model_type"], bert["hardware"]) == ("pass", "bert", "cpu")
    assert 0 < float(bert["max_relative_error"]) < 1e-4
    dinat = cases["test_model_type[dinat-cpu-fp32]"]
    assert dinat["verdict"] == "skip"
    assert "natten" in dinat["reason"]
    assert not any("{" in value for case in cases.values() for value in case.values())
