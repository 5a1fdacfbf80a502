"""The TGI client: answers, streams, errors of the server, and where it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import TGI
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply, sse_reply
from pytest_accelerate.transport.answers import ToolCall, Usage
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import RecordingServer

EXAMPLES = examples("tgi")
QUICK = Policy(backoff_initial=0.001, backoff_cap=0.002, max_tries=2)
ASK = {"messages": [{"role": "user", "content": "hi"}]}


def mocked(reply: CannedReply, seen: list[httpx.Request] | None = None) -> TGI:
    """A client whose server always answers with ``reply``."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        headers = {"content-type": reply.media_type, **reply.headers}
        return httpx.Response(reply.status, content=reply.body, headers=headers)

    return TGI(policy=QUICK, transport=httpx.MockTransport(answer))


def example_client(operation: str, *, stream: bool = False) -> TGI:
    """A client that is answered with an operation's example."""
    example = EXAMPLES[operation]
    reply = example.stream if stream else example.reply
    assert reply is not None
    return mocked(reply)


def failed(message: str, kind: str, status: int) -> CannedReply:
    """An error as TGI answers it."""
    body = json.dumps({"error": message, "error_type": kind}).encode()
    return CannedReply(body, status=status)


def test_generation_is_read() -> None:
    """A generation tells text, reason, tokens and usage."""
    answer = example_client("generate").generate(EXAMPLES["generate"].parameters)
    assert (answer.text, answer.finish_reason) == ("Hello!", "eos_token")
    assert [token["text"] for token in answer.tokens] == ["Hello", "!", "<|im_end|>"]
    assert answer.usage == Usage(input_tokens=4, output_tokens=3)
    assert answer["details"]["seed"] == 7


def test_usage_comes_from_headers_or_details_or_nowhere() -> None:
    """The server's count stands in headers; without them the details tell it, or nobody."""
    headers = {"x-prompt-tokens": "5", "x-generated-tokens": "2"}
    text = {"generated_text": "hi"}
    details = {"prefill": [{"id": 1, "text": "a", "logprob": None}] * 6, "generated_tokens": 3}
    for reply, expected in (
        (json_reply(text, **headers), Usage(5, 2)),
        (json_reply({**text, "details": details}), Usage(6, 3)),
        (json_reply(text), None),
        (json_reply(text, **{"x-prompt-tokens": "many", "x-generated-tokens": "2"}), None),
    ):
        assert mocked(reply).generate(inputs="x").usage == expected


def test_best_of_gives_every_text() -> None:
    """The best text comes first, and then those that it was better than."""
    details = {"best_of_sequences": [{"generated_text": "b"}, {"generated_text": "c"}]}
    answer = mocked(json_reply({"generated_text": "a", "details": details})).generate(inputs="x")
    assert answer.texts == ("a", "b", "c")


@pytest.mark.parametrize("operation", ["generate", "generate_stream"])
def test_stream_gives_tokens_and_the_whole(operation: str) -> None:
    """A stream gives text without special tokens, and comes to what ``generate`` answers."""
    parameters = EXAMPLES[operation].parameters
    with example_client(operation, stream=True) as client:
        stream = client.handler(operation).stream(parameters)
        pieces = list(stream.texts())
        whole = stream.answer()
    assert pieces == ["Hello", "!"]
    assert stream.events[-1].is_end
    plain = example_client("generate").generate(parameters)
    told = dict(whole["details"])
    assert told.pop("input_length") == 4  # which a stream tells beside
    assert {**whole, "details": told} == dict(plain)
    assert whole.usage == plain.usage


def test_stream_without_details_is_the_text_alone() -> None:
    """Where no details were asked for, the whole has none."""
    token = {"id": 1, "text": "hi", "logprob": -0.5, "special": False}
    last = {"index": 1, "token": token, "generated_text": "hi", "details": None}
    whole = mocked(sse_reply([last])).generate.stream(inputs="x").answer()
    assert dict(whole) == {"generated_text": "hi"}
    assert (whole.usage, whole.finish_reason) == (None, "")


def test_top_tokens_of_a_stream_are_kept() -> None:
    """The likeliest tokens of each step stand in the details of the whole, as without a stream."""
    token = {"id": 1, "text": "a", "logprob": -0.5, "special": False}
    end = {"finish_reason": "length", "generated_tokens": 2, "input_length": 1}
    steps = [
        {"index": 1, "token": token, "top_tokens": [token]},
        {"index": 2, "token": token, "top_tokens": [token, token], "generated_text": "aa",
         "details": end},
    ]  # fmt: skip
    whole = mocked(sse_reply(steps)).generate.stream(inputs="x").answer()
    assert [len(each) for each in whole["details"]["top_tokens"]] == [1, 2]


def test_generate_stream_only_streams() -> None:
    """To call it without a stream is refused before anything is sent, and says what to call."""
    seen: list[httpx.Request] = []
    client = mocked(EXAMPLES["generate"].reply, seen)
    with pytest.raises(errors.UnsupportedOperation, match="only streams"):
        client.generate_stream(inputs="x")
    with pytest.raises(errors.UnsupportedOperation, match="only streams"):
        asyncio.run(client.generate_stream.acall(inputs="x"))
    assert not seen


@pytest.mark.parametrize("operation", ["chat", "completions"])
def test_openai_streams_come_to_the_plain_answer(operation: str) -> None:
    """Chats and completions stream to what the same call answers, but for the chat's usage."""
    parameters = EXAMPLES[operation].parameters
    plain = example_client(operation).handler(operation)(parameters)
    with example_client(operation, stream=True) as client:
        whole = client.handler(operation).stream(parameters).answer()
    assert (whole.text, whole.finish_reason) == ("Hello!", "stop")
    assert (plain.text, plain.finish_reason) == ("Hello!", "stop")
    if operation == "completions":
        assert dict(whole) == dict(plain)
        assert whole.usage == Usage(12, 3)


def test_completions_are_in_the_order_of_the_prompts() -> None:
    """TGI answers several prompts as they are done; their texts are in the prompts' order."""
    choices = [{"index": 1, "text": "b", "finish_reason": "length"},
               {"index": 0, "text": "a", "finish_reason": "stop"}]  # fmt: skip
    answer = mocked(json_reply({"choices": choices})).completions(prompt=["x", "y"])
    assert answer.texts == ("a", "b")
    assert (answer.text, answer.finish_reason) == ("a", "stop")
    pieces = [{"choices": [each]} for each in choices]
    whole = mocked(sse_reply(pieces, end="[DONE]")).completions.stream(prompt=["x", "y"]).answer()
    assert whole.texts == ("a", "b")


CALL = {"id": "0", "type": "function", "function": {"name": "look", "arguments": {"at": "it"}}}


@pytest.mark.parametrize("arguments", [{"at": "it"}, '{"at": "it"}'], ids=["JSON", "text"])
def test_tool_calls_of_both_versions_are_read(arguments: Any) -> None:
    """TGI 2 sends a call's arguments as JSON, and TGI 3 as text: the same call."""
    called = {**CALL, "function": {"name": "look", "arguments": arguments}}
    choice = {"index": 0, "message": {"role": "assistant", "tool_calls": [called]}}
    answer = mocked(json_reply({"choices": [choice]})).chat(ASK)
    assert answer.tool_calls == (ToolCall("0", "look", {"at": "it"}),)


@pytest.mark.parametrize("listed", [False, True], ids=["TGI 2", "TGI 3"])
def test_streamed_tool_calls_of_both_versions_are_joined(listed: bool) -> None:
    """TGI 2 sends the piece of a call outside any list; both come to the same call."""

    def chunk(arguments: str, reason: str | None = None) -> dict[str, Any]:
        piece = {"index": 0, "id": "", "type": "function",
                 "function": {"name": "look", "arguments": arguments}}  # fmt: skip
        delta = {"role": "assistant", "tool_calls": [piece] if listed else piece}
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    pieces = [chunk('{"at": '), chunk('"it"}', "stop")]
    whole = mocked(sse_reply(pieces, end="[DONE]")).chat.stream(ASK).answer()
    assert [call.arguments for call in whole.tool_calls] == [{"at": "it"}]


def test_what_is_asked_of_the_server_itself_is_read() -> None:
    """Model, limits, tokens and counts are read, and health says nothing."""
    info = example_client("info").info()
    assert (info.model, info.version) == ("HuggingFaceTB/SmolLM2-135M-Instruct", "3.3.5")
    assert (info.max_input_tokens, info.max_total_tokens) == (1024, 2048)
    assert example_client("models_list").models_list().ids == (info.model,)
    assert mocked(json_reply({"id": "m", "object": "model"})).models_list().ids == ("m",)
    assert dict(example_client("health").health()) == {}
    tokens = example_client("tokenize").tokenize(inputs="Say hello.")
    assert tokens.ids == (29209, 33662, 30)
    assert tokens["entries"] == json.loads(EXAMPLES["tokenize"].reply.body)
    chat = example_client("chat_tokenize").chat_tokenize(ASK)
    assert chat.ids == tokens.ids
    assert chat.text.startswith("<|im_start|>user")
    counted = example_client("server_metrics").server_metrics()
    assert counted.value("tgi_request_failure", err="validation") == 1


KINDS: Sequence[tuple[str, int, type[errors.StatusError]]] = [
    ("validation", 422, errors.BadRequest),
    ("template_error", 422, errors.BadRequest),
    ("generation", 424, errors.BadRequest),
    ("overloaded", 429, errors.RateLimited),
    ("incomplete_generation", 500, errors.ServerError),
]


@pytest.mark.parametrize(("kind", "status", "expected"), KINDS)
def test_errors_are_typed_and_carry_their_kind(
    kind: str, status: int, expected: type[errors.StatusError]
) -> None:
    """An error of TGI has its status, its kind as code, and its words."""
    with pytest.raises(expected, match="some words") as caught:
        mocked(failed("some words", kind, status)).generate(inputs="x")
    assert (caught.value.status, caught.value.code) == (status, kind)


@pytest.mark.parametrize("begun", [False, True], ids=["at once", "amid"])
@pytest.mark.parametrize(("kind", "status", "expected"), KINDS)
def test_errors_in_a_stream_are_those_outside(
    kind: str, status: int, expected: type[errors.StatusError], begun: bool
) -> None:
    """TGI's streams always have status 200: an error in one is that of its kind all the same."""
    token = {"index": 1, "token": {"id": 1, "text": "a", "logprob": -1.0, "special": False}}
    told = {"error": "some words", "error_type": kind}
    client = mocked(sse_reply([token, told] if begun else [told]))
    with pytest.raises(expected, match="some words") as caught:
        list(client.generate.stream(inputs="x"))
    assert (caught.value.status, caught.value.code) == (status, kind)
    assert client.shared.slots.active == 0


@pytest.mark.parametrize("operation", ["chat", "completions"])
@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"error": "some words", "error_type": "validation"}, 422),
        ({"error": {"message": "some words", "http_status_code": 422}}, 422),
        ({"error": {"message": "some words"}}, 500),
        ({"error": "some words", "error_type": "of tomorrow"}, 500),
    ],
)
def test_errors_amid_openai_streams(operation: str, told: dict[str, Any], status: int) -> None:
    """Either form in which a version of TGI tells an error is read."""
    client = mocked(sse_reply([told], end="[DONE]"))
    with pytest.raises(errors.StatusError, match="some words") as caught:
        list(client.handler(operation).stream(EXAMPLES[operation].parameters))
    assert caught.value.status == status


def test_an_unhealthy_server_is_overloaded() -> None:
    """``/health`` with 503 is a typed error, asked for once where that is wanted."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.Overloaded, match="unhealthy") as caught:
        mocked(failed("unhealthy", "healthcheck", 503), seen).health(max_tries=1)
    assert (caught.value.code, len(seen)) == ("healthcheck", 1)


def test_a_stream_without_its_last_event_is_interrupted() -> None:
    """The event with the whole text is the end mark; without it nothing is whole."""
    token = {"index": 1, "token": {"id": 1, "text": "a", "logprob": -1.0, "special": False}}
    with pytest.raises(errors.StreamInterrupted) as caught:
        mocked(sse_reply([token])).generate.stream(inputs="x").answer()
    assert [event.text for event in caught.value.events] == ["a"]


@pytest.mark.parametrize("data", [{"generated_text": 7, "details": 7}, {"details": {"tokens": 7}}])
def test_any_json_can_be_read(data: dict[str, Any]) -> None:
    """An answer of another shape reads as empty, and raises nothing of Python's own."""
    answer = mocked(json_reply(data)).generate(inputs="x")
    assert (answer.text, answer.finish_reason, answer.tokens) == ("", "", ())
    info = mocked(json_reply({"model_id": 7, "max_input_tokens": "x"})).info()
    assert (info.model, info.max_input_tokens, info.max_total_tokens) == ("", None, None)
    assert mocked(json_reply([7, {"id": "x"}])).tokenize(inputs="x").ids == (0,)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.generate(inputs=""),
        lambda client: client.generate(inputs=["a", "b"]),
        lambda client: client.generate(prompt="a"),
        lambda client: client.generate(inputs="a", stop="."),
        lambda client: client.generate(inputs="a", parameters={}),
        lambda client: client.chat(messages=[]),
        lambda client: client.completions(prompt=[]),
        lambda client: client.tokenize(),
        lambda client: client.generate_stream.stream(inputs="a", top_k=0.5),
    ],
)
def test_bad_input_is_refused_before_it_is_sent(call: Callable[[TGI], Any]) -> None:
    """Empty, wrong or unknown parameters raise before anything is sent."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters):
        call(mocked(EXAMPLES["generate"].reply, seen))
    assert not seen


def test_the_server_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default on this machine's port 8080, else where ``TGI_BASE_URL`` or the argument says."""
    monkeypatch.delenv("TGI_BASE_URL", raising=False)
    assert TGI().base_url == "http://127.0.0.1:8080"
    monkeypatch.setenv("TGI_BASE_URL", "http://box:3000/")
    assert TGI().base_url == "http://box:3000"
    assert TGI(base_url="http://here:1").base_url == "http://here:1"


def test_no_key_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a key no header is sent; the server's own key goes before a token of the hub."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    keys: dict[str, dict[str, str]] = {
        "": {}, "Bearer hub": {"HF_TOKEN": "hub"},
        "Bearer own": {"HF_TOKEN": "hub", "TGI_API_KEY": "own"},
    }  # fmt: skip
    with RecordingServer(EXAMPLES["info"].reply) as server:
        for expected, variables in keys.items():
            for name in ("HF_TOKEN", "TGI_API_KEY"):
                monkeypatch.delenv(name, raising=False)
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            with TGI(base_url=server.url) as client:
                client.info()
            assert server.requests[-1].headers.get("authorization", "") == expected
