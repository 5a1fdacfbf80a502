"""The Groq client: answers, streams, prompts, compatibility, cost, and bad input."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import Groq
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply, sse_reply
from pytest_accelerate.providers.groq_models import Compatibility
from pytest_accelerate.transport.answers import ToolCall, Usage
from pytest_accelerate.transport.policy import Policy

KEY = "gsk_test_key"
EXAMPLES = examples("groq")
QUICK = Policy(backoff_initial=0.001, backoff_cap=0.002)
USER = {"role": "user", "content": "hi"}
ASK: dict[str, Any] = {"model": "m", "messages": [USER]}
CHAT_COST = (32 * 0.075 + 40 * 0.0375 + 24 * 0.3) / 1e6
"""The example's usage at the price of its model: 72 read, 40 of them kept, 24 written."""


def mocked(reply: CannedReply, seen: list[httpx.Request] | None = None) -> Groq:
    """A client whose server always answers with ``reply``."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(
            reply.status,
            content=reply.body,
            headers={"content-type": reply.media_type, **reply.headers},
        )

    return Groq(KEY, policy=QUICK, transport=httpx.MockTransport(answer))


def example_client(operation: str, *, stream: bool = False) -> Groq:
    """A client that is answered with an operation's example."""
    example = EXAMPLES[operation]
    reply = example.stream if stream else example.reply
    assert reply is not None
    return mocked(reply)


def completion(message: dict[str, Any], **more: Any) -> CannedReply:
    """A chat completion with one message."""
    return json_reply(
        {
            "id": "1",
            "object": "chat.completion",
            "model": "openai/gpt-oss-20b",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            **more,
        }
    )


def test_chat_answer_is_read() -> None:
    """A chat answer tells text, reasoning, usage, tier and Groq's own id."""
    answer = example_client("chat").chat(EXAMPLES["chat"].parameters)
    assert (answer.text, answer.reasoning) == ("Hello!", "They want a greeting.")
    assert (answer.finish_reason, answer.service_tier) == ("stop", "on_demand")
    assert answer.usage == Usage(72, 24, cached_tokens=40, reasoning_tokens=9)
    assert answer.groq_id.startswith("req_")
    assert answer.seconds == pytest.approx(0.027)


def test_stream_collects_to_the_plain_answer() -> None:
    """The whole of a stream tells what the plain answer tells, its usage included."""
    plain = example_client("chat").chat(EXAMPLES["chat"].parameters)
    with example_client("chat", stream=True) as client:
        whole = client.chat.stream(EXAMPLES["chat"].parameters).answer()
    assert dict(whole) == dict(plain)
    assert client.metrics["chat"].cost_usd == pytest.approx(CHAT_COST)


def test_stream_gives_text_and_reasoning_apart() -> None:
    """The pieces of text come apart from those of the reasoning, for threads and tasks."""

    async def reasons() -> list[str]:
        async with example_client("chat", stream=True) as client:
            stream = client.chat.astream(EXAMPLES["chat"].parameters)
            return [event.reasoning async for event in stream if event.reasoning]

    with example_client("chat", stream=True) as client:
        assert list(client.chat.stream(EXAMPLES["chat"].parameters).texts()) == ["Hello", "!"]
    assert asyncio.run(reasons()) == ["They want ", "a greeting."]


def test_stream_that_groq_stops_early_is_an_error() -> None:
    """An error in ``x_groq`` amid a stream is raised with its text."""
    chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [
        {"index": 0, "delta": {"content": "He"}, "finish_reason": None}]}  # fmt: skip
    stopped = {**chunk, "choices": [], "x_groq": {"id": "req_1", "error": "over capacity"}}
    with mocked(sse_reply([chunk, stopped])) as client:
        stream = client.chat.stream(ASK)
        assert next(stream).text == "He"
        with pytest.raises(errors.ServerError, match="over capacity"):
            next(stream)


def test_stream_without_its_end_is_interrupted() -> None:
    """A stream that breaks off is no answer, and tells what had come."""
    chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [
        {"index": 0, "delta": {"content": "He"}, "finish_reason": None}]}  # fmt: skip
    with pytest.raises(errors.StreamInterrupted) as caught:
        mocked(sse_reply([chunk])).chat.stream(ASK).answer()
    assert [event.text for event in caught.value.events] == ["He"]


def test_tool_calls_are_read() -> None:
    """A tool call's arguments come as an object."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    answer = mocked(completion({"role": "assistant", "tool_calls": [call]})).chat(ASK)
    assert answer.tool_calls == (ToolCall("1", "f", {"a": 1}),)
    assert answer.text == ""


def test_system_prompt_comes_first_and_leaves_the_messages() -> None:
    """``system`` is sent as the first message; the caller's own list stays as it was."""
    seen: list[httpx.Request] = []
    messages = [USER]
    mocked(EXAMPLES["chat"].reply, seen).chat(model="m", messages=messages, system="Be brief.")
    sent = json.loads(seen[0].content)
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, USER]
    assert "system" not in sent
    assert messages == [USER]


@pytest.mark.parametrize(
    ("model", "feature", "expected"),
    [
        ("openai/gpt-oss-20b", "chat", (True, True, True)),
        ("openai/gpt-oss-20b", "tools", (True, True, True)),
        ("openai/gpt-oss-20b", "vision", (True, False, False)),
        ("qwen/qwen3.8-27b", "vision", (False, True, False)),
        ("whisper-large-v3", "audio", (True, True, True)),
        ("whisper-large-v3", "chat", (True, False, False)),
        ("brand-new", "chat", (True, None, None)),
        ("meta-llama/llama-guard-4-12b", "tools", (True, None, None)),
        ("retired", "chat", (False, None, False)),
        ("nobody", "audio", (False, None, False)),
    ],
)
def test_compatibility(model: str, feature: Any, expected: tuple[Any, Any, Any]) -> None:
    """A model is there or not by the list; what it can do is a fact or not known, never guessed."""
    served = ["openai/gpt-oss-20b", "whisper-large-v3", "brand-new", "meta-llama/llama-guard-4-12b"]
    listed = [{"id": name, "active": True} for name in served]
    reply = json_reply({"object": "list", "data": [*listed, {"id": "retired", "active": False}]})
    client = mocked(reply)
    found = client.check_model(model, feature)
    assert (found.exists, found.supported, found.usable) == expected
    assert asyncio.run(client.acheck_model(model, feature)) == found


def test_compatibility_of_an_unknown_feature_is_refused() -> None:
    """A feature of another name is an error that lists the known; it is not called unsupported."""
    with pytest.raises(errors.InvalidParameters, match="vision"):
        example_client("models_list").check_model("m", "visoin")  # type: ignore[arg-type]


def test_compatibility_of_an_unreachable_provider_is_an_error() -> None:
    """Where the list cannot be had, nothing is said of a model."""
    with pytest.raises(errors.AuthenticationFailed):
        mocked(CannedReply(b"{}", status=401)).check_model("m")


def test_compatibility_is_a_value() -> None:
    """Two findings that say the same are equal."""
    assert Compatibility("m", "chat", True, None) == Compatibility("m", "chat", True, None)


def test_metrics_know_tokens_and_cost() -> None:
    """After a call the client's metrics have its tokens and its estimated cost."""
    client = example_client("chat")
    client.chat(EXAMPLES["chat"].parameters)
    metrics = client.metrics["chat"]
    assert (metrics.input_tokens, metrics.output_tokens) == (72, 24)
    assert metrics.cost_usd == pytest.approx(CHAT_COST)


@pytest.mark.parametrize(
    ("message", "more"),
    [
        ({"content": "x"}, {"model": "brand-new"}),
        ({"content": "x", "executed_tools": [{"type": "search"}]}, {}),
        ({"content": "x"}, {"service_tier": "performance"}),
        ({"content": "x"}, {"usage_breakdown": {"models": [{"model": "a", "usage": {}}]}}),
        ({"content": "x"}, {"usage": None}),
    ],
    ids=["model", "tools", "tier", "compound", "no usage"],
)
def test_unknown_cost_is_none(message: dict[str, Any], more: dict[str, Any]) -> None:
    """What has no known price makes the cost unknown, never 0."""
    client = mocked(completion({"role": "assistant", **message}, **more))
    answer = client.chat(ASK)
    assert client.cost(answer) is None
    assert client.metrics["chat"].cost_usd is None


@pytest.mark.parametrize("operation", ["audio_transcription", "audio_speech", "batches_create"])
def test_cost_without_usage_is_none(operation: str) -> None:
    """What tells no usage, such as sound, is not counted as free."""
    client = example_client(operation)
    client.handler(operation)(EXAMPLES[operation].parameters)
    assert client.metrics[operation].cost_usd is None


@pytest.mark.parametrize("operation", ["models_list", "files_upload", "files_delete"])
def test_what_spends_nothing_costs_nothing(operation: str) -> None:
    """Lists, files and deletions cost nothing."""
    client = example_client(operation)
    client.handler(operation)(EXAMPLES[operation].parameters)
    assert client.metrics[operation].cost_usd == 0.0


def test_sound_is_read(tmp_path: Path) -> None:
    """A transcription gives text, also where it came as plain text; speech gives bytes."""
    spoken = example_client("audio_transcription")
    assert spoken.audio_transcription(model="m", url="https://x").text == " Hello."
    plain = mocked(CannedReply(b"Hello.", "text/plain"))
    assert plain.audio_translation(model="m", file=b"RIFF", response_format="text").text == "Hello."
    speech = example_client("audio_speech").audio_speech(EXAMPLES["audio_speech"].parameters)
    assert speech.write_to(tmp_path / "a.wav").read_bytes().startswith(b"RIFF")


def test_lists_and_batches_are_read() -> None:
    """Models, files and batches tell their ids and states."""
    assert example_client("models_list").models_list().ids == ("openai/gpt-oss-20b",)
    assert example_client("files_list").files_list().ids == ("file_01jh6x76wtemjr74t1fh0faj5t",)
    batch = example_client("batches_get").batches_get(batch_id="b")
    assert (batch.status, batch.finished) == ("in_progress", False)
    vectors = example_client("embeddings").embeddings(EXAMPLES["embeddings"].parameters).vectors
    assert vectors == ((0.6, 0.8),)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.chat(model="m", messages=[]),
        lambda client: client.chat(model=" ", messages=[USER]),
        lambda client: client.chat(ASK, system=" "),
        lambda client: client.chat(ASK, temperature=2.5),
        lambda client: client.chat(ASK, temperature=-0.1),
        lambda client: client.chat(ASK, temperature=float("nan")),
        lambda client: client.chat(ASK, top_p=1.5),
        lambda client: client.chat(ASK, frequency_penalty=-2.1),
        lambda client: client.chat(ASK, reasoning_effort="most"),
        lambda client: client.chat(ASK, include_reasoning=True, reasoning_format="raw"),
        lambda client: client.chat(ASK, temprature=1),
        lambda client: client.chat.stream(ASK, top_p=-1),
        lambda client: client.audio_speech(model="m", input="", voice="v"),
        lambda client: client.audio_speech(model="m", input="i", voice="v", sample_rate=1),
        lambda client: client.audio_transcription(model="m"),
        lambda client: client.audio_transcription(model="m", file=b"x", url="https://x"),
        lambda client: client.audio_transcription(model="m", file="/no/such/file"),
        lambda client: client.files_upload(file=b"no json", purpose="batch"),
        lambda client: client.files_upload(file=b"{}", purpose="other"),
        lambda client: client.models_get(model=".."),
        lambda client: client.chat(model="m", messages=[{"role": "user", "content": "\ud800"}]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_it_is_sent(call: Callable[[Groq], Any]) -> None:
    """Empty, wrong, unknown or contradictory parameters raise before anything is sent."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters):
        call(mocked(EXAMPLES["chat"].reply, seen))
    assert not seen


@pytest.mark.parametrize("value", [0, 2, 1.5])
def test_sampling_controls_are_sent_as_they_are(value: float) -> None:
    """A value within its range, its ends included, is sent unchanged."""
    seen: list[httpx.Request] = []
    mocked(EXAMPLES["chat"].reply, seen).chat(ASK, temperature=value, stop=["a", "b"], seed=3)
    sent = json.loads(seen[0].content)
    assert (sent["temperature"], sent["stop"], sent["seed"]) == (value, ["a", "b"], 3)


def test_upload_is_not_sent_twice() -> None:
    """A file whose upload failed half-way is not sent again without being asked."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.ServerError):
        mocked(CannedReply(b"", status=500), seen).files_upload(file=b"{}\n", purpose="batch")
    assert len(seen) == 1


def test_rate_limit_carries_its_wait_and_code() -> None:
    """Groq's 429 comes as ``RateLimited`` with the seconds to wait and its own code."""
    body = {"error": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded"}}
    reply = CannedReply(json_reply(body).body, status=429, headers={"retry-after": "40"})
    with pytest.raises(errors.RateLimited, match="slow down") as caught:
        mocked(reply).chat(ASK)
    assert caught.value.retry_after == 40
    assert caught.value.code == "tokens"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "https://api.groq.com/openai/v1"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/openai/v1"),
        ("http://127.0.0.1:9/openai/v1/", "http://127.0.0.1:9/openai/v1"),
    ],
)
def test_base_url_of_the_environment(
    given: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``GROQ_BASE_URL`` is the server's address, as for Groq's own client, or the whole URL."""
    monkeypatch.setenv("GROQ_BASE_URL", given)
    assert Groq(KEY).base_url == expected


def test_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a key the error names ``GROQ_API_KEY``, and nothing is sent."""
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    client = Groq(transport=httpx.MockTransport(lambda request: pytest.fail("sent")))
    with pytest.raises(errors.MissingCredential, match="GROQ_API_KEY"):
        client.chat(ASK)


def test_key_is_not_told() -> None:
    """The key stands in no repr and no error, even where the server says it."""
    client = mocked(CannedReply(f'{{"error": {{"message": "bad {KEY}"}}}}'.encode(), status=401))
    with pytest.raises(errors.AuthenticationFailed) as caught:
        client.chat(ASK)
    assert KEY not in f"{caught.value!r} {caught.value} {client!r} {client.chat!r}"


@pytest.mark.parametrize("model", ["openai/gpt-oss-20b", "a/../../files", "a?b#c"])
def test_model_is_one_segment_of_the_path(model: str) -> None:
    """A model's name leads nowhere but to that model, whatever stands in it."""
    seen: list[httpx.Request] = []
    mocked(EXAMPLES["models_get"].reply, seen).models_get(model=model)
    path = seen[0].url.raw_path.decode()
    assert path.startswith("/openai/v1/models/")
    assert path.count("/") == 4
    assert seen[0].url.path.removeprefix("/openai/v1/models/") == model
