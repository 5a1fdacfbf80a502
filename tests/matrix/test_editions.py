"""Releases of a package side by side, and what the newest of them changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import wait_until_ready
from matrix_builders import ENVIRONMENT, make_api_result, make_result, make_run

from pytest_accelerate.cells import ModelCell, Verdict
from pytest_accelerate.cli import main
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
    news = read_editions(results, "transformers").news
    new = "transformers 5.23.0"
    assert [change.cell for change in news.changes.regressed] == [
        ModelCell("bert", "cpu", edition=new)
    ]
    assert [change.cell.id for change in news.changes.fixed] == [f"vit-cpu-fp32 ({new})"]
    assert news.since == "transformers 5.9.0"


@pytest.mark.parametrize(
    ("package", "said"),
    [("transformer", "did you mean 'transformers'"), ("torch", "all runs .* have torch 2.13.0")],
)
def test_what_cannot_be_told_apart_is_said(results: Path, package: str, said: str) -> None:
    """An unknown package, and one that was the same all the time."""
    with pytest.raises(UsageError, match=said):
        read_editions(results, package)


def test_what_vanished_stands_where_it_was(tmp_path: Path, write_run: Callable[..., Path]) -> None:
    """A type that the newest release has no more is told at the cell of the one before."""
    old = replace(run_with("5.9.0", 1), listed=("bert", "mega"))
    new = replace(run_with("5.23.0", 2), listed=("bert",))
    write_run(old, make_result("bert"), make_result("mega"))
    write_run(new, make_result("bert"))
    (change,) = read_editions(tmp_path / "results", "transformers").news.changes.vanished
    assert change.cell == ModelCell("mega", "cpu", edition="transformers 5.9.0")


def test_a_newer_run_of_a_release_supersedes_an_older_one(
    tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    """Of each release the newest result of a cell counts, and one that was not run hides none."""
    write_run(run_with("5.9.0", 1), make_result("bert", Verdict.ERROR), make_result("vit"))
    write_run(run_with("5.9.0", 2), make_result("bert"), make_result("vit", Verdict.NOT_RUN))
    write_run(run_with("5.23.0", 3), make_result("bert"))
    matrix = read_editions(tmp_path / "results", "transformers").matrix
    found = {cell.id: entry.result.verdict for cell, entry in matrix.models.items()}
    assert set(found.values()) == {Verdict.PASS}
    assert len(found) == 3


def test_releases_are_a_page_of_their_own(
    results: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """``render --by`` leaves the folder's own page and badges as they are, byte by byte."""
    folder = ["--matrix-dir", str(results.parent)]
    assert main(["render", *folder]) == 0
    before = {path: path.read_bytes() for path in results.parent.rglob("*") if path.is_file()}
    assert main(["render", "--by", "transformers", *folder]) == 0
    page = results.parent / "by-transformers.html"
    assert str(page) in capsys.readouterr().out
    after = {path: path.read_bytes() for path in results.parent.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() == {page}
    assert {path: after[path] for path in before} == before
    other = tmp_path / "elsewhere" / "two.html"
    assert main(["render", "--by", "transformers", "--to", str(other), *folder]) == 0
    assert other.read_bytes() == after[page]


def test_a_page_of_releases_needs_two_of_them(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be drawn is one line on stderr, exit status 2, and no page."""
    folder = ["--matrix-dir", str(results.parent)]
    assert main(["render", "--by", "torch", *folder]) == 2
    assert "one release alone" in capsys.readouterr().err
    assert main(["render", "--to", "x.html", *folder]) == 2
    assert "--by" in capsys.readouterr().err
    assert not list(results.parent.glob("*.html"))


def test_a_regression_between_releases_is_named_on_the_page(browser: Any, results: Path) -> None:
    """Columns carry the release; the strip leads to the regressed cell, and a chip finds all."""
    assert main(["render", "--by", "transformers", "--matrix-dir", str(results.parent)]) == 0
    page = browser.new_page()
    page.goto((results.parent / "by-transformers.html").as_uri())
    wait_until_ready(page)
    heads = page.locator("#matrix thead th").all_inner_texts()
    assert [head.split(" \u2195")[0] for head in heads[1:]] == [
        "cpu fp32 transformers 5.9.0", "cpu fp32 transformers 5.23.0"
    ]  # fmt: skip
    strip = page.get_by_role("region", name="What changed since transformers 5.9.0")
    assert "1 regressed" in " ".join(strip.inner_text().split())
    strip.get_by_role("link", name="bert cpu-fp32-5.23.0").click()
    drawer = page.get_by_role("dialog", name="bert")
    drawer.get_by_text("5.23.0", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="cpu-fp32-5.23.0 fails, cpu-fp32-5.9.0 passes").click()
    assert page.inner_text("#count") == "1 of 3 types"
    page.close()
