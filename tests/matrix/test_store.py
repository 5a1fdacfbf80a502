"""Results survive the disk: kills, half-written lines, unknown schemas, hostile text."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from matrix_builders import ENVIRONMENT, make_result, make_run

from pytest_accelerate.cells import Verdict
from pytest_accelerate.errors import MalformedFile, UnwritableMatrix
from pytest_accelerate.matrix import store
from pytest_accelerate.matrix.store import Run, RunWriter

Write = Callable[..., Path]

HOSTILE = "</script><!-- ]]> \" ' & \u202e \u2028 \x00 \udc80 \U0001f600 \n\t" + "x" * 1_000_000


def test_a_run_comes_back_as_it_was_written(write_run: Write) -> None:
    """What is read is equal to what was written, and the whole run is no partial one."""
    run, results = make_run(), (make_result("bert"), make_result("vit", Verdict.ERROR, reason="x"))
    record = store.read_run(write_run(run, *results))
    assert record.run == run
    assert tuple(record.results.values()) == results
    assert (record.ended, record.partial, record.seconds) == (True, False, 12.0)


def test_begin_makes_a_run_that_survives_the_disk(write_run: Write) -> None:
    """Tuples among the options do not make a run differ from itself once it was read."""
    run = Run.begin(ENVIRONMENT, {"hardware": ("cpu", "openvino")}, 2, listed=["vit", "bert"])
    assert store.read_header(write_run(run, make_result())) == run


def test_hostile_text_comes_back_exactly(write_run: Write) -> None:
    """Markup, controls, a lone surrogate and a line of a megabyte are nothing but text."""
    result = make_result(HOSTILE, Verdict.ERROR, reason=HOSTILE, traceback=HOSTILE)
    path = write_run(make_run(), result)
    assert path.read_bytes().count(b"\n") == 3
    assert list(store.read_run(path).results.values()) == [result]


def test_every_line_has_its_schema_and_run(write_run: Write) -> None:
    """Any line can be told apart from those of other versions and runs."""
    path = write_run(make_run(), make_result())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("kind") for line in lines] == ["run", None, "end"]
    assert {(line["schema"], line["run"]) for line in lines} == {(1, make_run().id)}
    assert {"model_type", "hardware", "precision", "verdict", "stages", "measures"} <= set(lines[1])


def test_a_run_without_results_leaves_no_file(tmp_path: Path) -> None:
    """A run that was stopped before its first cell leaves nothing behind."""
    writer = RunWriter(tmp_path / "results", make_run())
    writer.end(partial=True, seconds=1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_loses_nothing_it_had_finished(tmp_path: Path) -> None:
    """Every result that was written before a SIGKILL is read afterwards, and the run is partial."""
    script = (
        "import sys, time; from pathlib import Path; sys.path[:0] = sys.argv[2:]\n"
        "from matrix_builders import make_run, make_result\n"
        "from pytest_accelerate.matrix.store import RunWriter\n"
        "writer = RunWriter(Path(sys.argv[1]), make_run())\n"
        "for name in ('bert', 'vit', 'gpt2'): writer.write(make_result(name))\n"
        "print('written', flush=True); time.sleep(60)\n"
    )
    here = Path(__file__).parent
    command = [sys.executable, "-c", script, str(tmp_path), str(here), str(here.parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        os.kill(process.pid, signal.SIGKILL)
    (path,) = store.run_files(tmp_path)
    record = store.read_run(path)
    assert [cell.model_type for cell in record.results] == ["bert", "vit", "gpt2"]
    assert (record.ended, record.partial, record.seconds) == (False, True, None)


@pytest.mark.parametrize("cut", [1, 2, 40, 200])
def test_resuming_cuts_off_a_half_written_line(write_run: Write, cut: int) -> None:
    """A run killed in mid-line is read without that line, and goes on in its place."""
    path = write_run(make_run(), make_result("bert"), make_result("vit"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3])[:-cut])
    whole = {"bert", "vit"} if cut == 1 else {"bert"}
    assert {cell.model_type for cell in store.read_run(path).results} == whole

    writer = RunWriter.resume(path)
    writer.write(make_result("gpt2"))
    writer.end(partial=False, seconds=3.0)
    record = store.read_run(path)
    assert {cell.model_type for cell in record.results} == {*whole, "gpt2"}
    assert (record.partial, record.seconds) == (False, 3.0)


def test_a_resumed_run_is_partial_until_it_ends_again(write_run: Write) -> None:
    """The end of the first session does not stand for the second; their seconds add up."""
    path = write_run(make_run(), make_result("bert"), partial=True)
    writer = RunWriter.resume(path)
    writer.write(make_result("vit"))
    assert store.read_run(path).partial
    writer.end(partial=False, seconds=3.0)
    record = store.read_run(path)
    assert (record.partial, record.seconds) == (False, 15.0)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_unknown_schema_is_rejected_by_name(write_run: Write, number: int) -> None:
    """The error names the file, the line and both schemas."""
    path = write_run(make_run(), make_result())
    lines = path.read_text().splitlines()
    lines[number - 1] = lines[number - 1].replace('"schema":1', '"schema":99')
    path.write_text("\n".join(lines))
    with pytest.raises(MalformedFile, match=rf"{path.name}:{number}: .*schema 99, .* schema 1"):
        store.read_run(path)


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{oops",
        "[" * 100_000,
        '{"schema": 1, "run": "RUN", "model_type": "bert"}',
        '{"schema": 1, "run": "another", "kind": "end"}',
        '{"schema": 1, "run": "RUN", "model_type": 5, "hardware": "cpu", "precision": "fp32", '
        '"verdict": "pass"}',
        '{"schema": 1, "run": "RUN", "model_type": "a", "hardware": "cpu", "precision": "fp32", '
        '"verdict": "fine"}',
        '{"schema": 1, "run": "RUN", "model_type": "a", "hardware": "cpu", "precision": "fp32", '
        '"verdict": "pass", "measures": {"latency_seconds": 1e999}}',
        '{"schema": 1, "run": "RUN", "model_type": "a", "hardware": "cpu", "precision": "fp32", '
        '"verdict": "pass", "measures": {"latency_seconds": NaN}}',
        '{"schema": 1, "run": "RUN", "model_type": "a", "hardware": "cpu", "precision": "fp32", '
        '"verdict": "pass", "measures": {"parameters": true}}',
        '{"schema": 1, "run": "RUN", "model_type": "a", "hardware": "cpu", "precision": "fp32", '
        '"verdict": "pass", "measures": {"latency_deciles": ["soon"]}}',
        '{"schema": 1, "run": "RUN", "model_type": "a", "hardware": "cpu", "precision": "fp32", '
        '"verdict": "pass", "measures": {"latency_deciles": [1e999]}}',
    ],
)
def test_a_malformed_line_is_named(write_run: Write, line: str) -> None:
    """A line that is no result is refused with its file and number, whatever it is."""
    path = write_run(make_run(), make_result())
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], line.replace("RUN", make_run().id), "\n", *lines[2:]]))
    with pytest.raises(MalformedFile, match=rf"{path.name}:3: expected"):
        store.read_run(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"schema": 1, "kind": "end"}\n'])
def test_a_file_that_is_no_run_is_named(tmp_path: Path, content: bytes) -> None:
    """An empty file, bytes that are no text, and a line of another kind are refused by name."""
    path = tmp_path / "broken.jsonl"
    path.write_bytes(content)
    with pytest.raises(MalformedFile, match=r"broken\.jsonl.*expected"):
        store.read_run(path)


def test_newest_goes_by_start_not_by_name(write_run: Write, tmp_path: Path) -> None:
    """A renamed file stays as old as its run."""
    old = write_run(make_run(1), make_result())
    new = write_run(make_run(2), make_result())
    old.rename(old.with_name("zzz.jsonl"))
    assert store.newest(tmp_path / "results") == new
    assert store.newest(tmp_path / "nowhere") is None


def test_a_run_resumes_only_where_nothing_differs(write_run: Write, tmp_path: Path) -> None:
    """Options and versions that differ are listed; what was not run is not finished."""
    path = write_run(
        make_run(), make_result("bert"), make_result("vit", Verdict.NOT_RUN), partial=True
    )
    same = store.find_resumable(tmp_path / "results", make_run(2))
    assert same is not None
    assert (same.path, same.complete, same.differences) == (path, False, ())
    assert {cell.model_type for cell in same.finished} == {"bert"}

    packages = {"torch": "2.14.0", "openvino": "2026.4.1"}
    other = make_run(
        2, environment=replace(ENVIRONMENT, packages=packages), options={"weights": "published"}
    )
    changed = store.find_resumable(tmp_path / "results", other)
    assert changed is not None
    assert changed.differences == (
        "openvino: none then, 2026.4.1 now",
        "torch: 2.13.0 then, 2.14.0 now",
        "transformers: 5.23.0 then, none now",
        "weights: tiny then, published now",
    )
    assert store.find_resumable(tmp_path / "nowhere", other) is None


def test_a_folder_that_cannot_be_written_is_found_out_before(tmp_path: Path) -> None:
    """Below a regular file there is no folder: the error says where and why."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableMatrix, match=r"file: Not a directory\. .*--matrix-dir"):
        store.check_writable(tmp_path / "file" / "matrix")


def test_checking_a_folder_leaves_no_trace(tmp_path: Path) -> None:
    """A run that collects nothing writes nothing, not even a folder."""
    store.check_writable(tmp_path / "deep" / "matrix")
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_refuses_is_an_error_of_ours(tmp_path: Path) -> None:
    """What cannot be written in mid-run is told with its path."""
    (tmp_path / "results").write_text("")
    writer = RunWriter(tmp_path / "results", make_run())
    with pytest.raises(UnwritableMatrix, match=r"cannot write .*results/.*jsonl"):
        writer.write(make_result())


def test_a_full_disk_costs_one_result_and_no_other(tmp_path: Path) -> None:
    """A write that fails half way is told; what is written later has a line of its own."""
    writer = RunWriter(tmp_path / "results", make_run())
    writer.write(make_result("bert"))
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (writer.path.stat().st_size + 50, old[1]))
    try:
        with pytest.raises(UnwritableMatrix, match=r"cannot write .*jsonl: File too large"):
            writer.write(make_result("vit"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    writer.write(make_result("gpt2"))
    writer.end(partial=True, seconds=1.0)
    record = store.read_run(writer.path)
    assert [cell.model_type for cell in record.results] == ["bert", "gpt2"]
