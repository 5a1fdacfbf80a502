"""Cells of providers as data: ids, commands, one order with the models, and what is refused."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from matrix_builders import make_api_result, make_result, make_run

from pytest_accelerate.cells import (
    LIVE_STAGES,
    PROVIDER_STAGES,
    Cell,
    Measures,
    ModelCell,
    ProviderCell,
    Result,
    Verdict,
)
from pytest_accelerate.envelope import Envelope
from pytest_accelerate.errors import MalformedFile
from pytest_accelerate.matrix import store

Write = Callable[..., Path]

MOCK, LIVE = ProviderCell("openai", "files_upload", "mock"), ProviderCell("groq", "chat", "live")


@pytest.mark.parametrize("cell", [MOCK, LIVE, ProviderCell("my-own", "chat", "mock")])
def test_an_id_is_read_back(cell: ProviderCell) -> None:
    """An id stands for one cell, whatever the provider is called."""
    assert ProviderCell.parse(cell.id) == cell


@pytest.mark.parametrize("text", ["openai-chat", "openai-chat-fp32", "-chat-mock", "chat"])
def test_what_is_no_id_is_refused(text: str) -> None:
    """An id without a mode at its end, such as a model's, is an error that says what is one."""
    with pytest.raises(
        ValueError, match="PROVIDER-OPERATION-MODE, with a mode of mock, server, live"
    ):
        ProviderCell.parse(text)


def test_the_command_asks_for_no_more_than_the_cell_needs() -> None:
    """Only a live cell's command goes to the real API, and writes there only where it must."""
    assert MOCK.command() == "pytest api_tests --providers openai -k openai-files_upload-mock"
    assert LIVE.command() == "pytest api_tests --providers groq -k groq-chat-live --live-apis"
    assert make_api_result(mode="live").command.endswith("-live --live-apis")
    assert make_api_result(mode="live", effect="spend").command.endswith(" --live-writes")
    assert make_api_result(mode="mock", effect="spend").command.endswith("-mock")


def test_a_command_quotes_what_a_shell_would_read() -> None:
    """A provider's name from a file is one word of the command."""
    words = shlex.split(ProviderCell("a;b c", "chat", "mock").command())
    assert words == ["pytest", "api_tests", "--providers", "a;b c", "-k", "a;b c-chat-mock"]


def test_both_kinds_have_one_order_with_models_first() -> None:
    """Sorting is the same from any start, and compares every pair."""
    cells = [
        ModelCell("bert", "cpu"),
        ModelCell("bert", "openvino"),
        ModelCell("zamba", "cpu"),
        ProviderCell("claude", "messages", "mock"),
        ProviderCell("openai", "chat", "live"),
        ProviderCell("openai", "chat", "mock"),
    ]
    for order in itertools.permutations(cells):
        assert sorted(order) == cells
    assert ModelCell("zamba", "cpu") < ProviderCell("a", "a", "live")
    assert ProviderCell("a", "a", "live") >= ProviderCell("a", "a", "live")
    same_words: set[Cell] = {ModelCell("a", "b", "mock"), ProviderCell("a", "b", "mock")}
    assert len(same_words) == 2


def test_a_live_cell_is_asked_the_first_three_stages_alone() -> None:
    """No provoked error goes to a real API."""
    assert [str(stage) for stage in PROVIDER_STAGES] == [
        "request", "response", "stream", "retry", "rate-limit", "timeout", "auth", "cancel",
    ]  # fmt: skip
    assert PROVIDER_STAGES[:3] == LIVE_STAGES


def test_a_result_line_has_provider_operation_and_mode_at_its_top() -> None:
    """The fields of a model's cell are not there, and what was not measured is not either."""
    line = make_api_result(mode="live", cost_usd=1.5e-05).to_json()
    assert {name: line[name] for name in ("provider", "operation", "mode")} == {
        "provider": "openai",
        "operation": "chat",
        "mode": "live",
    }
    assert not {"model_type", "hardware", "precision"} & line.keys()
    assert line["measures"]["implementation_type"] == "REAL"
    assert line["measures"]["cost_usd"] == 1.5e-05
    assert "cost_usd" not in make_api_result(mode="live").to_json()["measures"]


def test_results_of_both_kinds_survive_the_disk(write_run: Write) -> None:
    """A run of models and providers is read as it was written."""
    results = (
        make_result("bert"),
        make_api_result("chat", cost_usd=0.0, output_tokens=0),
        make_api_result("chat", Verdict.TIMEOUT, "live", reason="30 s", traceback="x"),
    )
    run = make_run(operations=("openai-chat",), listed=("bert",))
    record = store.read_run(write_run(run, *results))
    assert (record.run, tuple(record.results.values())) == (run, results)


def test_a_line_of_before_there_were_providers_is_read() -> None:
    """A model's line has no word about a provider and is what it was."""
    line = json.loads(
        '{"schema":1,"run":"x","model_type":"bert","hardware":"cpu","precision":"fp32",'
        '"verdict":"pass","reason":"","stages":[],"measures":{"threads":2}}'
    )
    measured = Measures(threads=2)
    assert Result.from_json(line) == Result(
        ModelCell("bert", "cpu"), Verdict.PASS, measures=measured
    )


@pytest.mark.parametrize(
    ("mode", "said"), [("mock", "REAL"), ("live", "MOCK"), ("live", "real"), ("mock", "x")]
)
def test_a_mock_cannot_be_written_down_as_live(mode: str, said: str) -> None:
    """A result whose implementation is not that of its mode cannot be made."""
    with pytest.raises(ValueError, match=f"openai-chat-{mode} is .*, and its result says {said}"):
        make_api_result(mode=mode, implementation_type=said)


@pytest.mark.parametrize(
    "changed",
    [
        {"mode": "server"},
        {"mode": ["live"]},
        {"provider": 5},
        {"operation": None},
        {"measures": {"implementation_type": "REAL"}},
        {"measures": {"requests": 1.5}},
        {"measures": {"cost_usd": True}},
        {"measures": {"cost_usd": "0"}},
        {"measures": {"effect": 1}},
    ],
)
def test_a_malformed_line_is_named(write_run: Write, changed: dict[str, object]) -> None:
    """A line that claims what it cannot be is refused with its file and number."""
    path = write_run(make_run(), make_api_result())
    lines = path.read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), **changed})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(MalformedFile, match=rf"{path.name}:2: expected"):
        store.read_run(path)


def test_a_run_of_providers_alone_resumes_without_hardware(write_run: Write) -> None:
    """Such a run did not look for hardware: that is no difference, other options are."""
    path = write_run(make_run(), make_api_result(), partial=True)
    now = make_run(2, options={"weights": "tiny", "hardware": ["cpu"]})
    found = store.find_resumable(path.parent, now)
    assert found is not None
    assert (found.differences, found.finished) == ((), {make_api_result().cell})
    other = replace(now, options={"weights": "tiny", "providers": ["groq"]})
    changed = store.find_resumable(path.parent, other)
    assert changed is not None
    assert changed.differences == ('providers: none then, ["groq"] now',)


def test_an_envelope_counts_the_models_among_the_cells() -> None:
    """The writer learns whether a run needs hardware and model types in its record."""
    planned = {MOCK, LIVE, ModelCell("bert", "cpu")}
    envelope = Envelope.of(make_api_result(), planned, replayed=True)
    assert (envelope.planned, envelope.models) == (3, 1)
    assert Envelope.loads(envelope.dumps()) == envelope
