"""Releases of a package side by side, and what the newest of them changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from matrix_builders import ENVIRONMENT, make_api_result, make_result, make_run

from pytest_accelerate.cells import ModelCell, Verdict
from pytest_accelerate.errors import UsageError
from pytest_accelerate.matrix.editions import read_editions
from pytest_accelerate.matrix.store import Run


def run_with(transformers: str, day: int) -> Run:
    """A run that had this release of transformers."""
    packages = {**ENVIRONMENT.packages, "transformers": transformers}
    return make_run(day, environment=replace(ENVIRONMENT, packages=packages))


@pytest.fixture
def results(tmp_path: Path, write_run: Callable[..., Path]) -> Path:
    """Runs under 5.9.0 and 5.23.0, in which bert regressed and vit was mended."""
    write_run(run_with("5.23.0", 1), make_result("bert", Verdict.ERROR), make_result("vit"))
    write_run(run_with("5.9.0", 2), make_result("bert"), make_result("vit", Verdict.CRASH))
    write_run(run_with("5.9.0", 3), make_result("gpt2"), make_api_result())
    return tmp_path / "results"


def test_each_release_is_a_column(results: Path) -> None:
    """By age, not by when they were run, and without what says nothing of models."""
    matrix = read_editions(results, "transformers").matrix
    assert [column.name for column in matrix.columns] == ["cpu-fp32-5.9.0", "cpu-fp32-5.23.0"]
    assert not matrix.apis
    found = {cell.id: entry.result.verdict for cell, entry in matrix.models.items()}
    assert found == {
        "bert-cpu-fp32 (transformers 5.9.0)": Verdict.PASS,
        "bert-cpu-fp32 (transformers 5.23.0)": Verdict.ERROR,
        "gpt2-cpu-fp32 (transformers 5.9.0)": Verdict.PASS,
        "vit-cpu-fp32 (transformers 5.9.0)": Verdict.CRASH,
        "vit-cpu-fp32 (transformers 5.23.0)": Verdict.PASS,
    }
    tallies = [matrix.tally(column).passed for column in matrix.columns]
    assert tallies == [2, 1]


def test_the_newest_release_is_compared_with_the_one_before(results: Path) -> None:
    """A regression is named at the cell of the newest release."""
    editions = read_editions(results, "transformers")
    new = "transformers 5.23.0"
    assert [change.cell for change in editions.changes.regressed] == [
        ModelCell("bert", "cpu", edition=new)
    ]
    assert [change.cell.id for change in editions.changes.fixed] == [f"vit-cpu-fp32 ({new})"]
    assert editions.since == "transformers 5.9.0"


@pytest.mark.parametrize(
    ("package", "said"),
    [("transformer", "did you mean 'transformers'"), ("torch", "all runs .* have torch 2.13.0")],
)
def test_what_cannot_be_told_apart_is_said(results: Path, package: str, said: str) -> None:
    """An unknown package, and one that was the same all the time."""
    with pytest.raises(UsageError, match=said):
        read_editions(results, package)
