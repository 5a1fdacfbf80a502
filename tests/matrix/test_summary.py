"""The terminal summary: counts, the slowest, what changed, where the page is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matrix_builders import make_api_result, make_result, make_run

from pytest_accelerate.cells import Verdict
from pytest_accelerate.matrix.history import read_history
from pytest_accelerate.matrix.summary import summarise


def test_the_summary_of_a_run(write_run: Callable[..., Path], tmp_path: Path) -> None:
    """Counts per column, the slowest cell with its slowest stage, news, totals and the page."""
    write_run(make_run(1), make_result("bert"), make_result("vit"))
    write_run(
        make_run(2, collected=4),
        make_result("bert", Verdict.CRASH, reason="died of SIGSEGV", cell_seconds=9.0),
        make_result("vit", cell_seconds=3.0),
        make_result("vit", Verdict.SKIP, "openvino", cell_seconds=1.0),
        partial=True,
    )
    page = tmp_path / "index.html"
    lines = summarise(read_history(tmp_path / "results"), page)
    table = [line.split() for line in lines[:3]]
    assert table == [
        ["column", "pass", "crash", "skip", "share"],
        ["cpu-fp32", "1", "1", "0", "50.0", "%", "of", "2", "tested"],
        ["openvino-fp32", "0", "0", "1", "-"],
    ]
    text = "\n".join(lines)
    assert "9 s  bert-cpu-fp32  (agree 500 ms)" in text
    assert "3 cells in 12 s, partial: 4 were collected" in text
    columns = "cpu-fp32, openvino-fp32"
    counts = "1 regressed, 1 new, 1 unchanged"
    assert f"{columns} since the run of 2026-11-01 08:00 UTC: {counts}" in text
    assert "  bert-cpu-fp32: pass -> crash: died of SIGSEGV" in text
    assert lines[-1] == f"page: {page}"


def test_the_first_run_has_no_news(write_run: Callable[..., Path], tmp_path: Path) -> None:
    """Where there is nothing before, nothing is said to have changed."""
    write_run(make_run(1), make_result("bert"))
    assert "since" not in "\n".join(summarise(read_history(tmp_path / "results")))


def test_hostile_names_stay_in_their_line(write_run: Callable[..., Path], tmp_path: Path) -> None:
    """A name cannot write escape sequences to the terminal nor start a line."""
    write_run(make_run(1), make_result("a\x1b[31m\nb\u202e"))
    lines = summarise(read_history(tmp_path / "results"))
    assert not [line for line in lines if "\x1b" in line or "\n" in line or "\u202e" in line]


def test_providers_are_counted_by_mode(write_run: Callable[..., Path], tmp_path: Path) -> None:
    """Each provider has a line for its mocks and one for its live calls, below the models."""
    write_run(
        make_run(1),
        make_result("bert"),
        make_api_result("chat"),
        make_api_result("embed", Verdict.ERROR),
        make_api_result("chat", mode="live"),
        make_api_result("messages", provider="claude"),
    )
    lines = summarise(read_history(tmp_path / "results"))
    assert [line.split() for line in lines[:5]] == [
        ["column", "pass", "error", "share"],
        ["cpu-fp32", "1", "0", "100.0", "%", "of", "1", "tested"],
        ["claude-mock", "1", "0", "100.0", "%", "of", "1", "tested"],
        ["openai-mock", "1", "1", "50.0", "%", "of", "2", "tested"],
        ["openai-live", "1", "0", "100.0", "%", "of", "1", "tested"],
    ]
