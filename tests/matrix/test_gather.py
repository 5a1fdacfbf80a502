"""``merge``: runs of other machines and parts come together, always to the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from matrix_builders import make_api_result, make_result, make_run

from pytest_accelerate.cells import Verdict
from pytest_accelerate.cli import main
from pytest_accelerate.matrix.history import RunNews, read_history
from pytest_accelerate.matrix.merge import merge_folder


@pytest.fixture
def machines(tmp_path: Path, write_run: Callable[..., Path]) -> tuple[Path, Path]:
    """The matrix folders of two machines, a run each."""
    folders = []
    for day, hardware in ((1, "cpu"), (2, "openvino")):
        path = write_run(make_run(day), make_result("bert", hardware=hardware))
        folder = tmp_path / f"machine{day}" / "results"
        folder.mkdir(parents=True)
        shutil.move(path, folder)
        folders.append(folder.parent)
    return folders[0], folders[1]


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_runs_of_two_machines_make_one_matrix(
    machines: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In whatever order, and twice, the folder, its page and its badges are the same."""
    there, back, twice = (tmp_path / name for name in ("there", "back", "twice"))
    first, second = map(str, machines)
    assert main(["merge", first, second, "--matrix-dir", str(there)]) == 0
    assert "new       20261101T080000Z-0001" in capsys.readouterr().out
    assert main(["merge", f"{second}/results", first, "--matrix-dir", str(back)]) == 0
    assert main(["merge", first, "--matrix-dir", str(twice)]) == 0
    for _ in range(2):
        assert main(["merge", first, second, str(there), "--matrix-dir", str(twice)]) == 0
    assert "known     20261101T080000Z-0001" in capsys.readouterr().out
    assert contents(there) == contents(back) == contents(twice)
    columns = [column.name for column in merge_folder(there / "results").columns]
    assert columns == ["cpu-fp32", "openvino-fp32"]


def test_a_run_that_went_on_replaces_what_it_was(
    machines: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two files of one run the longer one stays, whichever comes first."""
    (short,) = (machines[0] / "results").iterdir()
    longer = tmp_path / "later" / short.name
    longer.parent.mkdir()
    line = short.read_text().splitlines()[1].replace('"bert"', '"vit"')
    longer.write_text(f"{short.read_text()}{line}\n")
    for index, order in enumerate(((short, longer), (longer, short))):
        into = tmp_path / f"into{index}"
        for path in order:
            assert main(["merge", str(path), "--matrix-dir", str(into)]) == 0
        assert merge_folder(into / "results").model_types == ("bert", "vit")
    assert "continued 20261101T080000Z-0001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "neither a results file nor a folder"),
        ("empty", "has no results"),
        ("unknown", "unknown.jsonl:1: expected results of schema 1"),
        ("differs", "tell the run 20261101T080000Z-0001 differently"),
    ],
)
def test_what_cannot_be_merged_changes_nothing(
    name: str,
    said: str,
    machines: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line names the file, and no run comes in, not even a good one of the same call."""
    (path,) = (machines[0] / "results").iterdir()
    bad = tmp_path / name
    if name == "empty":
        bad.mkdir()
    if name == "unknown":
        bad = tmp_path / "unknown.jsonl"
        bad.write_text(path.read_text().replace('"schema":1', '"schema":7'))
    if name == "differs":
        bad = tmp_path / "differs.jsonl"
        bad.write_text(path.read_text().replace('"pass"', '"crash"'))
    into = tmp_path / "into"
    good = [str(machine) for machine in machines]
    assert main(["merge", *good, str(bad), "--matrix-dir", str(into)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    if name != "unknown":
        assert said in error
    else:
        assert "unknown.jsonl" in error
        assert "schema 7" in error
    assert not into.exists()


def test_a_change_of_models_is_told_after_a_run_of_providers(
    tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    """The newest run of each half is compared with what was before it, and it alone tells it."""
    write_run(make_run(1), make_result("bert"))
    write_run(make_run(2), make_api_result())
    write_run(make_run(3), make_result("bert", Verdict.CRASH))
    write_run(make_run(4), make_api_result(verdict=Verdict.ERROR))
    history = read_history(tmp_path / "results")
    assert [regressed(news) for news in history.news] == [["openai-chat-mock"], ["bert-cpu-fp32"]]
    assert [news.title for news in history.news] == [
        "mock since the run of 2026-11-02 08:00 UTC",
        "cpu-fp32 since the run of 2026-11-01 08:00 UTC",
    ]
    _, (told,) = history.told(whole=False)
    assert told == history.news[0]


def test_each_machine_of_a_merge_tells_what_it_changed(
    tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    """Runs of one column each, as of one hardware a machine, hide none of each other's news."""
    write_run(make_run(1), make_result("bert"), make_result("bert", hardware="openvino"))
    write_run(make_run(2), make_result("bert", Verdict.CRASH))
    write_run(make_run(3), make_result("bert", Verdict.ERROR, "openvino"))
    write_run(make_run(4), make_result("bert", hardware="cuda"))
    history = read_history(tmp_path / "results")
    assert [(*news.columns, regressed(news)) for news in history.news] == [
        ("cuda-fp32", []),
        ("openvino-fp32", ["bert-openvino-fp32"]),
        ("cpu-fp32", ["bert-cpu-fp32"]),
    ]
    first = history.news[0]
    assert first.title == "cuda-fp32 for the first time"
    assert [change.cell.id for change in first.changes.new] == ["bert-cuda-fp32"]
    records, _ = history.told(whole=True)
    assert [cell.id for record in records for cell in record.results] == [
        "bert-cuda-fp32",
        "bert-openvino-fp32",
        "bert-cpu-fp32",
    ]


def test_the_whole_matrix_is_told_when_asked(
    tmp_path: Path, write_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Summary and export tell the newest run alone, and with --whole that of each column."""
    write_run(make_run(1), make_result("bert", Verdict.CRASH, reason="died of SIGSEGV"))
    write_run(make_run(2), make_result("vit", hardware="openvino"))
    folder = ["--matrix-dir", str(tmp_path)]
    for command in (["summary"], ["summary", "--markdown"], ["export"]):
        assert main([*command, *folder]) == 0
        assert "SIGSEGV" not in capsys.readouterr().out
        assert main([*command, "--whole", *folder]) == 0
        told = capsys.readouterr().out
        assert told.count("died of SIGSEGV") == (0 if command == ["summary"] else 1)
        assert all(f"{name}-fp32" in told for name in ("cpu", "openvino"))


def regressed(news: RunNews) -> list[str]:
    """The cells that a run made worse."""
    return [change.cell.id for change in news.changes.regressed]


def test_a_history_is_the_merge_of_all_its_runs(
    tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    """What newer runs supersede is not read, and nothing else is missed for it."""
    write_run(make_run(1), make_result("bert", Verdict.CRASH), make_result("vit"))
    write_run(make_run(2), make_result("bert"), make_result("gpt2", Verdict.NOT_RUN))
    write_run(make_run(3), make_result("bert", Verdict.NOT_RUN), make_result("gpt2"))
    write_run(make_run(4), make_result("vit", Verdict.ERROR), make_result("bert", hardware="cuda"))
    results = tmp_path / "results"
    assert read_history(results).matrix == merge_folder(results)
    verdicts = {cell.id: each.result.verdict for cell, each in merge_folder(results).models.items()}
    assert verdicts == {
        "bert-cpu-fp32": Verdict.PASS,
        "bert-cuda-fp32": Verdict.PASS,
        "gpt2-cpu-fp32": Verdict.PASS,
        "vit-cpu-fp32": Verdict.ERROR,
    }
