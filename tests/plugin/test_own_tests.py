"""People's own tests over ``endpoint`` and ``provider`` as stages of their cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_accelerate.cells import ModelCell, ProviderCell, Verdict
from pytest_accelerate.matrix.merge import Matrix, merge_folder

OVER_MODELS = """
import pytest

def test_model_type(cell):
    cell.verify()

def test_finite(endpoint):
    assert endpoint(endpoint.example_inputs)["last_hidden_state"].isfinite().all()

def test_small(endpoint, model_type):
    assert model_type != "bert", "bert is <b>too</b> large"

def test_later(endpoint):
    pytest.skip("not yet")

@pytest.mark.xfail(reason="known", strict=True)
def test_known(endpoint):
    assert False

def test_of_nothing():
    assert True
"""

OVER_PROVIDERS = """
import pytest

@pytest.mark.providers("openai")
def test_greets(provider):
    answer = provider.chat(model="m", messages=[{"role": "user", "content": "Hello"}])
    assert answer.text

@pytest.mark.providers("openai")
def test_calls_nothing(provider):
    assert provider.name == "openai"
"""


def merged(pytester: pytest.Pytester) -> Matrix:
    """The matrix of the runs of this test."""
    return merge_folder(pytester.path / "matrix" / "results")


def stages(matrix: Matrix, cell: ModelCell | ProviderCell) -> dict[str, Verdict]:
    """Stages of a cell and their verdicts."""
    return {stage.stage: stage.verdict for stage in matrix.entries[cell].result.stages}


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_own_tests_are_stages_of_their_cells(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """Each is named after its function, and one that fails makes of a pass a ``partial``."""
    pytester.makepyfile(test_it=OVER_MODELS)
    result = pytester.runpytest_subprocess("--models", "bert,gpt2", "--stages", "none", *workers)
    result.stdout.fnmatch_lines(["*own tests: 1 error, 3 pass, 4 skip*"])
    matrix = merged(pytester)
    bert, gpt2 = ModelCell("bert", "cpu"), ModelCell("gpt2", "cpu")
    assert list(stages(matrix, gpt2)) == [
        "construct", "load", "run", "agree",
        "test_finite", "test_known", "test_later", "test_small",
    ]  # fmt: skip
    assert matrix.entries[gpt2].result.verdict is Verdict.PASS
    found = matrix.entries[bert].result
    assert (found.verdict, stages(matrix, bert)["test_small"]) == (Verdict.PARTIAL, Verdict.ERROR)
    assert found.reason == "test_small: AssertionError: bert is <b>too</b> large"
    failed = found.stages[-1]
    assert "assert model_type" in failed.traceback
    assert str(pytester.path) not in failed.traceback
    known = next(stage for stage in found.stages if stage.stage == "test_known")
    assert known.reason == "expected to fail: known"


def test_cells_that_only_own_tests_have_run_on_are_not_run(pytester: pytest.Pytester) -> None:
    """A test that passes says nothing of an agreement: the cell is ``not-run`` and says why."""
    pytester.makepyfile(test_it=OVER_MODELS.replace("cell.verify()", "pass"))
    pytester.runpytest_subprocess("--models", "gpt2", "-k", "finite").assert_outcomes(passed=1)
    found = merged(pytester).entries[ModelCell("gpt2", "cpu")].result
    assert found.verdict is Verdict.NOT_RUN
    assert "only tests of your own" in found.reason
    assert [stage.stage for stage in found.stages] == ["test_finite"]


def test_the_newest_word_of_each_test_stays(pytester: pytest.Pytester) -> None:
    """A later run that selects other tests leaves those of before, and replaces its own."""
    path = pytester.makepyfile(test_it=OVER_MODELS)
    pytester.runpytest_subprocess("--models", "bert", "--stages", "none")
    path.write_text(OVER_MODELS.replace('!= "bert"', '== "bert"'))
    pytester.runpytest_subprocess("--models", "bert", "-k", "test_small")
    found = merged(pytester).entries[ModelCell("bert", "cpu")].result
    assert found.verdict is Verdict.PASS
    assert {stage.stage for stage in found.stages} >= {"agree", "test_finite", "test_small"}


def test_own_tests_of_providers_are_stages_of_what_they_called(pytester: pytest.Pytester) -> None:
    """The operations that a test's client has called have it as a stage, mocked as it was."""
    pytester.makepyfile(test_it=OVER_PROVIDERS)
    result = pytester.runpytest_subprocess("--providers", "openai")
    result.assert_outcomes(passed=2)
    matrix = merged(pytester)
    cell = ProviderCell("openai", "chat", "mock")
    assert list(matrix.entries) == [cell]
    assert stages(matrix, cell) == {"test_greets": Verdict.PASS}
    assert not matrix.models
    assert matrix.newest is not None
    assert "hardware" not in matrix.newest.options


def test_a_suite_that_asks_for_no_matrix_gets_none(pytester: pytest.Pytester) -> None:
    """Without any option of the plugin own tests leave nothing behind."""
    pytester.makepyfile(test_it=OVER_PROVIDERS)
    pytester.runpytest_subprocess().assert_outcomes(passed=2)
    assert not Path(pytester.path, "matrix").exists()
