"""``summary``, ``badges`` and ``export``: the newest run for CI and for other tools."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate.cells import Verdict
from pytest_accelerate.cli import main
from pytest_accelerate.matrix.store import RunWriter

sys.path.insert(0, str(Path(__file__).parents[1] / "matrix"))

from matrix_builders import make_api_result, make_result, make_run

NASTY = "</td><script>alert(1)</script> | `x` **bold** [link](http://example.com) @someone"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A matrix folder with two runs: in the second bert fails, for a reason that is hostile."""
    for day, verdict in ((1, Verdict.PASS), (2, Verdict.MISMATCH)):
        writer = RunWriter(tmp_path / "results", make_run(day))
        reason = NASTY if verdict is Verdict.MISMATCH else ""
        writer.write(make_result("bert", verdict, reason=reason, traceback="Traceback\n  a\n"))
        writer.write(make_result("vit", unsteady="error: once" if day == 2 else ""))
        writer.write(make_result("sam_mask_decoder", Verdict.COVERED, reason="covered by sam"))
        writer.write(make_api_result())
        writer.end(partial=False, seconds=12.0)
    return tmp_path


Command = Callable[..., str]


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on the folder and returns what it prints."""

    def run(*args: str) -> str:
        assert main([*args, "--matrix-dir", str(folder)]) == 0
        return capsys.readouterr().out

    return run


def test_the_job_summary_says_what_changed_and_what_fails(command: Command) -> None:
    """Totals, the regression and the failing cell stand in it, each in a table or a list."""
    text = command("summary", "--markdown")
    assert "| cpu-fp32 | 1 | 1 | 1 | 50.0 % of 2 tested |" in text
    assert "**1 regressed**" in text
    assert "- bert-cpu-fp32: pass -&gt; mismatch" in text
    assert "| bert-cpu-fp32 | ≠ mismatch |" in text


def test_a_hostile_reason_is_text_in_the_job_summary(command: Command) -> None:
    """No tag, no cell of a table, no link, no emphasis and no mention comes of it."""
    text = command("summary", "--markdown")
    row = next(line for line in text.splitlines() if line.startswith("| bert-cpu-fp32"))
    assert "<" not in text
    assert row.replace("\\|", "").count("|") == 4
    assert "\\[link\\]\\(" in row
    assert "\\*\\*bold" in row
    assert "@" not in row


def test_a_job_summary_stays_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """5,000 failing cells with long reasons stay below a quarter of a MiB, and are counted."""
    writer = RunWriter(tmp_path / "results", make_run(1))
    for number in range(5000):
        writer.write(make_result(f"type_{number:04d}", Verdict.ERROR, reason="<&|" * 500))
    writer.end(partial=False, seconds=1.0)
    assert main(["summary", "--markdown", "--matrix-dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert len(text.encode()) < 2**18 * 1.5
    assert "And 4800 more." in text


def test_the_plain_summary_is_that_of_the_run(command: Command) -> None:
    """The same lines as at the end of a run."""
    text = command("summary")
    assert "4 cells in 12 s" in text
    assert "bert-cpu-fp32: pass -> mismatch" in text


def test_the_export_is_a_report_of_its_format(command: Command) -> None:
    """Every test of the format's report has the status that its verdict stands for."""
    report = json.loads(command("export"))
    assert (report["reportFormat"], report["specVersion"]) == ("CTRF", "0.0.0")
    results: dict[str, Any] = report["results"]
    tests = {test["name"]: test for test in results["tests"]}
    assert {name: (test["status"], test["rawStatus"]) for name, test in tests.items()} == {
        "bert-cpu-fp32": ("failed", "mismatch"),
        "vit-cpu-fp32": ("passed", "pass"),
        "sam_mask_decoder-cpu-fp32": ("skipped", "covered"),
        "openai-chat-mock": ("passed", "pass"),
    }
    assert tests["vit-cpu-fp32"]["flaky"] is True
    assert tests["bert-cpu-fp32"]["suite"] == ["models", "cpu", "fp32"]
    assert tests["bert-cpu-fp32"]["message"] == NASTY
    summary = results["summary"]
    assert summary["tests"] == 4
    assert sum(summary[n] for n in ("passed", "failed", "skipped", "pending", "other")) == 4
    assert summary["stop"] - summary["start"] == 12_000
    assert all(isinstance(test["duration"], int) for test in tests.values())


def test_files_are_written_where_it_is_said(command: Command, tmp_path: Path) -> None:
    """``--to`` names the folder of the badges, and the file of the report."""
    command("badges", "--to", str(tmp_path / "b"))
    assert json.loads((tmp_path / "b" / "cpu-fp32.json").read_text())["message"] == "1 / 2 pass"
    command("export", "--to", str(tmp_path / "r" / "ctrf.json"))
    assert json.loads((tmp_path / "r" / "ctrf.json").read_text())["reportFormat"] == "CTRF"


@pytest.mark.parametrize("name", ["summary", "badges", "export", "render"])
def test_a_folder_without_results_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to run first."""
    assert main([name, "--matrix-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "run pytest with --hardware first" in error
