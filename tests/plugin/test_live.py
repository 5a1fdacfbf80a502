"""Live runs, against a server on loopback: what is called, allowed and paid for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_accelerate.providers.examples import CannedReply, examples
from tests.plugin.conftest import CHAT, Matrix, result_of, verdicts
from tests.providers.recording import Recorded, RecordingServer

CANARY = "canary-key-of-a-live-test"
LIVE = ("--live-apis", "--providers", "openai", "-rs")


def test_a_live_run_without_a_key_skips_and_names_the_variable(
    api_suite: pytest.Pytester, matrix: Matrix
) -> None:
    """Both fixtures skip, and nothing is sent anywhere."""
    api_suite.makepyfile(test_own="def test_own(provider): raise AssertionError")
    args = ("--live-apis", "--providers", "openai", "-k", "openai-chat or own", "-rs")
    result = api_suite.runpytest_subprocess(*args)
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED *no key: set OPENAI_API_KEY in the environment*"] * 2)
    assert verdicts(matrix) == {"openai-chat-live": "skip"}


def unpriced(reply: CannedReply) -> CannedReply:
    """The reply of a model that no table of prices has."""
    body = re.sub(rb'"model": "[^"]+"', b'"model": "a-model-of-tomorrow"', reply.body)
    return replace(reply, body=body)


@pytest.fixture
def server(
    api_suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RecordingServer]:
    """OpenAI's API, as its examples say, on loopback."""
    replies = examples("openai")

    def reply(recorded: Recorded) -> CannedReply:
        if recorded.path.endswith("/chat/completions"):
            streams = recorded.json.get("stream")
            found = replies["chat"].stream if streams else replies["chat"].reply
            assert found is not None
            return unpriced(found)
        if recorded.path.endswith("/models"):
            return replies["models_list"].reply
        return replies["files_upload"].reply

    with RecordingServer(reply) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", CANARY)
        yield server


def test_a_live_run_calls_the_real_api(
    api_suite: pytest.Pytester, matrix: Matrix, server: RecordingServer
) -> None:
    """The first three stages run against the server itself; nothing tells the key."""
    args = (*LIVE, "-k", "openai-chat-live or openai-models_list-live")
    result = api_suite.runpytest_subprocess(*args, "-vv", "--log-level", "DEBUG", "-W", "error")
    result.assert_outcomes(passed=2)
    assert sorted((each.method, each.path) for each in server.requests) == [
        ("GET", "/models"), ("POST", "/chat/completions"), ("POST", "/chat/completions"),
    ]  # fmt: skip
    assert all(each.headers["authorization"] == f"Bearer {CANARY}" for each in server.requests)
    line = result_of(matrix, "chat")
    assert line["mode"] == "live"
    stages, measures = line["stages"], line["measures"]
    assert isinstance(stages, list)
    assert isinstance(measures, dict)
    assert [stage["stage"] for stage in stages] == ["request", "response", "stream"]
    assert measures["implementation_type"] == "REAL"
    assert measures["requests"] == 2
    assert measures["input_tokens"] > 0
    assert measures.get("cost_usd") != 0
    written = [path for path in matrix.folder.rglob("*") if path.is_file()]
    told = result.stdout.str() + result.stderr.str()
    assert CANARY not in told + "".join(path.read_text(encoding="utf-8") for path in written)


def test_what_writes_is_not_called_unless_that_is_allowed(
    api_suite: pytest.Pytester, matrix: Matrix, server: RecordingServer
) -> None:
    """Operations that create skip with the option that lets them; people's own tests likewise."""
    api_suite.makepyfile(
        test_own="""
        def test_own(provider):
            provider.files_upload(file=("a.jsonl", b"{}"), purpose="batch")
        """
    )
    args = (*LIVE, "-k", "openai-files_upload or own")
    result = api_suite.runpytest_subprocess(*args)
    result.assert_outcomes(skipped=2)
    told = "SKIPPED *openai.files_upload creates at the provider: allow it with --live-writes"
    result.stdout.fnmatch_lines([told] * 2)
    assert server.requests == []
    api_suite.runpytest_subprocess(*args, "--live-writes").assert_outcomes(passed=2)
    assert [each.method for each in server.requests] == ["POST", "POST"]
    assert verdicts(matrix) == {"openai-files_upload-live": "pass"}


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["serial", "n2"])
def test_the_budget_stops_the_run(
    api_suite: pytest.Pytester, server: RecordingServer, parallel: tuple[str, ...]
) -> None:
    """A call that could exceed the budget is not made, and no further test is begun."""
    api_suite.makepyfile(
        test_spending=f"""
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_spending(provider, number):
            provider.chat({CHAT})
        """
    )
    args = ("test_spending.py", *LIVE, "--live-budget", "0.1", *parallel)
    result = api_suite.runpytest_subprocess(*args)
    outcomes = result.parseoutcomes()
    # 0.02 USD are assumed for a call whose price is not known; two workers have half each.
    calls = 4 if parallel else 5
    assert len(server.requests) == outcomes["passed"] == calls
    assert outcomes["failed"] <= 2
    assert result.ret != pytest.ExitCode.OK
    text = result.stdout.str()
    assert "beyond --live-budget" in text
    assert "--live-budget is used up" in text


def test_a_cell_that_the_budget_stops_is_not_judged(
    api_suite: pytest.Pytester, matrix: Matrix, server: RecordingServer
) -> None:
    """Too little money says nothing of the provider: its cell is not run, and not judged."""
    args = (*LIVE, "-k", "openai-chat-live or openai-models", "--live-budget", "0.03")
    result = api_suite.runpytest_subprocess(*args)
    assert "failed" not in result.parseoutcomes()
    assert verdicts(matrix)["openai-chat-live"] == "not-run"
    text = json.dumps(result_of(matrix, "chat"))
    assert "--live-budget 0.03" in text
    result.stdout.fnmatch_lines(["*--live-budget is used up: 0.0200 of 0.03 USD*"])
