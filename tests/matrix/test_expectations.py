"""The ratchet: what is known not to pass, and how it is rewritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matrix_builders import make_api_result, make_result

from pytest_accelerate.cells import ModelCell, Stage, Verdict
from pytest_accelerate.errors import MalformedFile
from pytest_accelerate.matrix import expectations
from pytest_accelerate.matrix.expectations import Expectation

BERT, VIT = ModelCell("bert", "cpu"), ModelCell("vit", "cpu")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "expectations.toml"


def test_without_a_file_every_cell_is_expected_to_be_green(path: Path) -> None:
    """A project starts without expectations."""
    assert expectations.load(path).expected(BERT) is None


def test_an_update_comes_back(path: Path) -> None:
    """Hardware with a device, names with dots, and hostile reasons survive the file."""
    hostile = 'a "quote"\n[table]\r\n\x00 \x7f \\ \u2028 \udc80 </script>'
    results = [
        make_result("qwen2.5 \"x'", Verdict.UNSUPPORTED, "openvino:GPU", reason=hostile),
        make_result("bert", Verdict.ERROR),
    ]
    updated = expectations.update(path, results)
    assert set(updated.added) == {result.cell for result in results}
    loaded = expectations.load(path)
    assert loaded.expected(BERT) == Expectation(Verdict.ERROR, "")
    odd = loaded.expected(results[0].cell)
    assert odd is not None
    assert odd.verdict is Verdict.UNSUPPORTED
    assert odd.reason.startswith('a "quote" [table] ')
    assert "\n" not in odd.reason


def test_the_text_is_sorted_and_one_line_a_cell(path: Path) -> None:
    """A changed cell is one changed line in a diff, whatever the order of the results."""
    results = [
        make_result("vit", Verdict.ERROR, "openvino:GPU", reason="why"),
        make_result("vit", Verdict.ERROR),
        make_result("bert", Verdict.CRASH),
    ]
    expectations.update(path, results)
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    assert lines == [
        "[cpu-fp32]",
        'bert = { verdict = "crash" }',
        'vit = { verdict = "error" }',
        '["openvino:GPU-fp32"]',
        'vit = { verdict = "error", reason = "why" }',
    ]
    text = path.read_text()
    path.unlink()
    expectations.update(path, reversed(results))
    assert path.read_text() == text


def test_a_partial_run_leaves_other_cells_alone(path: Path) -> None:
    """Only cells with a result in this run are set or dropped; what was not run is left alone."""
    expectations.update(
        path,
        [make_result(name, Verdict.ERROR) for name in ("bert", "vit", "gpt2", "opt")],
    )
    updated = expectations.update(
        path,
        [
            make_result("bert", Verdict.PASS),
            make_result("gpt2", Verdict.TIMEOUT),
            make_result("opt", Verdict.NOT_RUN),
            make_result("t5", Verdict.OOM),
            make_result("clip", Verdict.SKIP),
        ],
    )
    assert updated.removed == (BERT,)
    assert updated.changed == (ModelCell("gpt2", "cpu"),)
    assert updated.added == (ModelCell("t5", "cpu"),)
    assert str(updated) == "1 added, 1 changed, 1 removed"
    verdicts = {c.id: str(e.verdict) for c, e in expectations.load(path).cells.items()}
    assert verdicts == {
        "vit-cpu-fp32": "error",
        "gpt2-cpu-fp32": "timeout",
        "opt-cpu-fp32": "error",
        "t5-cpu-fp32": "oom",
    }


def test_a_reason_written_by_hand_stays_as_long_as_its_verdict(path: Path) -> None:
    """People's words are replaced only when what they explain has changed."""
    path.write_text('[cpu-fp32]\nbert = { verdict = "error", reason = "upstream issue 123" }\n')
    text = path.read_text()
    assert not expectations.update(path, [make_result("bert", Verdict.ERROR, reason="new words")])
    assert path.read_text() == text
    expectations.update(path, [make_result("bert", Verdict.CRASH, reason="died of SIGSEGV")])
    assert expectations.load(path).expected(BERT) == Expectation(Verdict.CRASH, "died of SIGSEGV")


def test_a_run_without_a_stage_leaves_what_is_known_of_that_stage_alone(path: Path) -> None:
    """Under ``--stages none`` a pass neither contradicts nor removes a failure to generate."""
    line = '[cpu-fp32]\nbert = { verdict = "partial", reason = "generate: mismatch: token 2" }\n'
    path.write_text(line)
    deep = make_result("bert", Verdict.PASS)
    kept = [stage for stage in deep.stages if stage.stage != Stage.GENERATE]
    shallow = replace(deep, stages=tuple(kept))
    expected = expectations.load(path).expected(BERT)
    assert expected is not None
    assert expected.is_untouched_by(shallow)
    assert not expectations.update(path, [shallow])
    assert path.read_text() == line
    assert not expected.is_untouched_by(deep)
    assert expectations.update(path, [deep]).removed == (BERT,)


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("[cpu-fp32]\nbert = {", 2, "not TOML"),
        ('\nbert = { verdict = "error" }', 2, "HARDWARE-PRECISION"),
        ('[cpu]\nbert = { verdict = "error" }', 1, "HARDWARE-PRECISION"),
        ('[cpu-fp32]\nbert = "error"', 2, "bert: expected"),
        ('[cpu-fp32]\nvit = { verdict = "oom" }\nbert = { reason = "x" }', 3, "bert: expected"),
        ('[cpu-fp32]\nbert = { verdict = "broken" }', 2, "unknown verdict 'broken'; .*timeout"),
        ('[cpu-fp32]\nbert = { verdict = "pass" }', 2, "a green cell needs no line"),
        ('[cpu-fp32]\nbert = { verdict = "oom", reason = 5 }', 2, "expected a reason"),
        ('[provider-openai]\nchat = { verdict = "error" }', 1, "provider-NAME-MODE"),
        ('[provider-openai-fp32]\nchat = { verdict = "error" }', 1, "provider-NAME-MODE"),
        ('[provider-openai-mock]\nchat = "error"', 2, "chat: expected"),
        ('["openvino:GPU-fp32"]\n"a.b" = { verdict = 5 }', 2, "unknown verdict 5"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(
    path: Path, text: str, line: int, expected: str
) -> None:
    """What cannot be read is told with file, line and what was expected there."""
    path.write_text(text)
    with pytest.raises(MalformedFile, match=rf"expectations\.toml:{line}: .*{expected}"):
        expectations.load(path)


def test_bytes_that_are_no_text_are_named(path: Path) -> None:
    """A binary file gives no traceback from below."""
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MalformedFile, match="cannot be read"):
        expectations.load(path)


def test_operations_have_tables_of_their_own_by_provider_and_mode(path: Path) -> None:
    """A mock's line says nothing of the live API, and the models' tables stay as they were."""
    results = [
        make_result("vit", Verdict.ERROR),
        make_api_result("images_edit", Verdict.ERROR, "live", reason="no b64_json"),
        make_api_result("chat", Verdict.TIMEOUT, provider="my-own"),
    ]
    expectations.update(path, results)
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    assert lines == [
        "[cpu-fp32]",
        'vit = { verdict = "error" }',
        "[provider-my-own-mock]",
        'chat = { verdict = "timeout" }',
        "[provider-openai-live]",
        'images_edit = { verdict = "error", reason = "no b64_json" }',
    ]
    loaded = expectations.load(path)
    assert {cell.id for cell in loaded.cells} == {result.cell.id for result in results}
    assert loaded.expected(results[1].cell) == Expectation(Verdict.ERROR, "no b64_json")
    assert loaded.expected(make_api_result("images_edit").cell) is None
    updated = expectations.update(path, [make_api_result("images_edit", mode="live")])
    assert updated.removed == (results[1].cell,)
    assert "provider-openai-live" not in path.read_text()
