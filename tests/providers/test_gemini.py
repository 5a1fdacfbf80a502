"""Gemini: its answers, streams, errors, keys and addresses."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import Gemini
from pytest_accelerate.providers.examples import CannedReply, examples, sse_reply
from pytest_accelerate.providers.gemini_answers import Block, Media, SafetyRating
from pytest_accelerate.transport.answers import ToolCall, Usage
from pytest_accelerate.transport.policy import Policy
from tests.providers.gemini_mock import HI, KEY, failing, mocked, saying

RATING = {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}
RATED = (SafetyRating("HARM_CATEGORY_HARASSMENT", "HIGH", True),)


# Answers


def test_an_answer_tells_text_thoughts_and_usage() -> None:
    """The text is the first candidate's without its thoughts, and the thoughts count as output."""
    client = mocked({
        **saying({"text": "Hm.", "thought": True}, {"text": "Hi "}, {"text": "there"},
                 finishReason="MAX_TOKENS"),
        "modelVersion": "gemini-x-001",
        "usageMetadata": {"promptTokenCount": 10, "toolUsePromptTokenCount": 5,
                          "candidatesTokenCount": 3, "thoughtsTokenCount": 7,
                          "cachedContentTokenCount": 4, "totalTokenCount": 25},
    })  # fmt: skip
    answer = client.generate(model="gemini-x", contents="Hi")
    assert (answer.text, answer.thoughts) == ("Hi there", "Hm.")
    assert (answer.finish_reason, answer.model) == ("MAX_TOKENS", "gemini-x-001")
    assert answer.usage == Usage(15, 10, cached_tokens=4, reasoning_tokens=7)
    assert answer.usage.total_tokens == answer["usageMetadata"]["totalTokenCount"]
    assert answer.block is None
    assert client.metrics["generate"].input_tokens == 15


def test_function_calls_are_tool_calls() -> None:
    """Each function call is a tool call with its arguments as they are, with or without an id."""
    client = mocked(
        saying(
            {"functionCall": {"name": "weather", "args": {"city": "Bonn"}, "id": "1"}},
            {"functionCall": {"name": "now"}},
            finishReason="STOP",
        )
    )
    answer = client.generate(model="m", contents="Hi")
    assert answer.tool_calls == (
        ToolCall("1", "weather", {"city": "Bonn"}),
        ToolCall("", "now", {}),
    )


def test_media_of_an_answer_are_bytes() -> None:
    """Images and sounds are decoded from either alphabet of base64."""
    content = b"\xff\xfb\xff"
    pictures = [
        {"inlineData": {"mimeType": "image/png", "data": text}}
        for text in (base64.b64encode(content).decode(), "__v_", "no base64!", None)
    ]
    answer = mocked(saying(*pictures)).generate(model="m", contents="Draw")
    assert answer.media == (Media("image/png", content),) * 2


def test_a_blocked_prompt_is_a_typed_result() -> None:
    """A prompt that a filter refuses is no error: its block says why."""
    client = mocked({
        "promptFeedback": {
            "blockReason": "SAFETY", "blockReasonMessage": "no", "safetyRatings": [RATING],
        }
    })  # fmt: skip
    answer = client.generate(model="m", contents="Hi")
    assert answer.block == Block("prompt", "SAFETY", "no", RATED)
    assert (answer.text, answer.tool_calls, answer.finish_reason) == ("", (), "")


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "IMAGE_SAFETY"])
def test_a_blocked_candidate_is_a_typed_result(reason: str) -> None:
    """A candidate that a filter stopped keeps what it had, and its block says why."""
    reply = saying(
        {"text": "Well"}, finishReason=reason, finishMessage="no", safetyRatings=[RATING]
    )
    answer = mocked(reply).generate(model="m", contents="Hi")
    assert answer.block == Block("candidate", reason, "no", RATED, 0)
    assert answer.text == "Well"


@pytest.mark.parametrize("reason", ["STOP", "MAX_TOKENS", "MALFORMED_FUNCTION_CALL", "OTHER"])
def test_an_end_of_the_models_own_is_no_block(reason: str) -> None:
    """A candidate that no filter stopped is not blocked."""
    answer = mocked(saying({"text": "Hi"}, finishReason=reason)).generate(model="m", contents="Hi")
    assert answer.block is None
    assert answer.blocks == ()


def test_the_block_of_another_candidate_is_not_the_answers() -> None:
    """Of several candidates only the first one's block is the answer's; all are listed."""
    reply = {"candidates": [*HI["candidates"], {"finishReason": "SAFETY"}]}
    answer = mocked(reply).generate(model="m", contents="Hi")
    assert answer.block is None
    assert answer.blocks == (Block("candidate", "SAFETY", candidate=1),)


@pytest.mark.parametrize("odd", [
    {}, {"candidates": None}, {"candidates": [None]}, {"candidates": [{"content": []}]},
    {"candidates": {"a": 1}}, {"candidates": [{"content": {"parts": "x"}}]},
    {"candidates": [{"content": {"parts": [{"functionCall": None, "inlineData": 3}]}}]},
    {"promptFeedback": [], "usageMetadata": 3}, {"usageMetadata": {"promptTokenCount": "4"}},
])  # fmt: skip
def test_an_answer_of_odd_shape_reads_as_empty(odd: dict[str, Any]) -> None:
    """Whatever JSON object comes, no property breaks, and none invents anything."""
    answer = mocked(odd).generate(model="m", contents="Hi")
    assert (answer.text, answer.thoughts, answer.finish_reason) == ("", "", "")
    assert (answer.media, answer.blocks) == ((), ())
    assert answer.usage in (None, Usage())
    assert answer.tool_calls == ()


def test_embeddings_of_one_and_of_many() -> None:
    """One vector for one content, and one each for several."""
    one = mocked({"embedding": {"values": [0.5, 1]}}).embed(model="e", content="Hi")
    many = mocked({"embeddings": [{"values": [1]}, {"values": [2]}]})
    assert list(one.vectors) == [(0.5, 1)]
    assert list(many.embed_batch(model="e", contents=["a", "b"]).vectors) == [(1,), (2,)]


def test_pages_lead_to_the_next() -> None:
    """Every page is asked for by the token of the one before, and the last ends it."""
    sent: list[httpx.Request] = []
    client = mocked(
        {"models": [{"name": "models/a"}], "nextPageToken": "t&1"}, {"models": [{"name": "b"}]},
        sent=sent,
    )  # fmt: skip
    pages = list(client.models_list.pages(page_size=1))
    assert [entry["name"] for page in pages for entry in page.entries] == ["models/a", "b"]
    assert [request.url.query for request in sent] == [b"pageSize=1", b"pageSize=1&pageToken=t%261"]
    assert mocked({}).files_list().entries == ()


# Streams


def test_a_stream_gives_its_texts_and_the_whole() -> None:
    """The pieces of text come as they are, and the whole is the answer of the plain call."""
    client = mocked(
        sse_reply([
            saying({"text": "Hm", "thought": True}), saying({"text": "Hi "}),
            {**saying({"text": "there"}, finishReason="STOP", index=0),
             "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3}},
        ])
    )  # fmt: skip
    with client.generate.stream(model="m", contents="Hi") as stream:
        events = list(stream)
        answer = stream.answer()
    assert [event.text for event in events] == ["", "Hi ", "there"]
    assert [event.thoughts for event in events] == ["Hm", "", ""]
    assert (answer.text, answer.thoughts, answer.finish_reason) == ("Hi there", "Hm", "STOP")
    assert answer.usage == Usage(2, 3)


def test_a_stream_of_a_blocked_prompt_is_whole() -> None:
    """A prompt's block is an end mark, and the block of the whole."""
    client = mocked(sse_reply([{"promptFeedback": {"blockReason": "OTHER"}}]))
    assert client.generate.stream(model="m", contents="Hi").answer().block == Block(
        "prompt", "OTHER"
    )


@pytest.mark.parametrize("events", [
    [saying({"text": "Hi"})],
    [saying({"text": "Hi"}), {"usageMetadata": {"promptTokenCount": 1}}],
    [saying({"text": "Hi"}, finishReason="STOP", index=0), saying({"text": "Ho"}, index=1)],
])  # fmt: skip
def test_a_stream_without_its_end_mark_is_interrupted(events: list[Any]) -> None:
    """A stream in which a candidate does not say why it finished raises with what had arrived."""
    client = mocked(sse_reply(events))
    with pytest.raises(errors.StreamInterrupted) as caught:
        list(client.generate.stream(model="m", contents="Hi"))
    assert [event.data for event in caught.value.events] == events

    async def call() -> None:
        async for _ in client.generate.astream(model="m", contents="Hi"):
            pass

    with pytest.raises(errors.StreamInterrupted):
        asyncio.run(call())


def test_a_stream_goes_on_after_the_end_of_one_candidate() -> None:
    """Of several candidates each comes to its end: the first end cuts nothing off."""
    client = mocked(
        sse_reply([
            saying({"text": "a"}, finishReason="STOP", index=0),
            saying({"text": "b"}, index=1), saying({"text": "c"}, finishReason="STOP", index=1),
        ])
    )  # fmt: skip
    stream = client.generate.stream(model="m", contents="Hi", candidate_count=2)
    assert "".join(stream.texts()) == "a"
    texts = [each["content"]["parts"] for each in stream.answer().candidates]
    assert texts == [[{"text": "a"}], [{"text": "bc"}]]


def test_a_stream_keeps_signatures_calls_and_citations_apart() -> None:
    """Only bare texts are joined: signatures stay with their part, and lists grow."""
    signed = {"text": "b", "thoughtSignature": "c2ln"}
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}
    client = mocked(
        sse_reply([
            saying({"text": "a"}, citationMetadata={"citationSources": [{"uri": "1"}]}),
            saying(signed), saying({"text": "c"}), saying({"text": "d"}), saying(call),
            saying(finishReason="STOP", citationMetadata={"citationSources": [{"uri": "2"}]}),
        ])
    )  # fmt: skip
    answer = client.generate.stream(model="m", contents="Hi").answer()
    assert answer.parts == ({"text": "a"}, signed, {"text": "cd"}, call)
    assert answer.text == "abcd"
    cited = answer.candidates[0]["citationMetadata"]
    assert cited == {"citationSources": [{"uri": "1"}, {"uri": "2"}]}


def test_an_error_amid_a_stream_is_an_error_of_its_status() -> None:
    """An error event after others raises what the same status raises outside a stream."""
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    client = mocked(sse_reply([saying({"text": "Hi"}), error]))
    with pytest.raises(errors.Overloaded, match="UNAVAILABLE: busy") as caught:
        list(client.generate.stream(model="m", contents="Hi"))
    assert (caught.value.status, caught.value.code) == (503, "UNAVAILABLE")


def test_an_error_as_first_event_is_tried_again() -> None:
    """An error before any piece of the answer is as an error status: the call is sent again."""
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    client = mocked(sse_reply([error]), sse_reply([HI]))
    assert client.generate.stream(model="m", contents="Hi").answer().text == "Hi"


# Errors


@pytest.mark.parametrize(("status", "name", "kind"), [
    (400, "INVALID_ARGUMENT", errors.BadRequest),
    (403, "PERMISSION_DENIED", errors.PermissionDenied),
    (404, "NOT_FOUND", errors.NotFound),
    (429, "RESOURCE_EXHAUSTED", errors.RateLimited),
    (500, "INTERNAL", errors.ServerError),
    (503, "UNAVAILABLE", errors.Overloaded),
])  # fmt: skip
def test_an_error_has_googles_name(status: int, name: str, kind: type[errors.StatusError]) -> None:
    """Each status is its kind of error, and carries the name and message that Google gives."""
    client = mocked(failing(status, name))
    with pytest.raises(kind, match=f"{status} {name}: no") as caught:
        client.generate(model="m", contents="Hi", max_tries=1)
    assert (caught.value.status, caught.value.code) == (status, name)
    assert type(caught.value) is kind


def _retry_info(delay: Any) -> list[Any]:
    return [
        {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    ]


def test_a_retry_delay_is_slept() -> None:
    """A delay among the error's details is waited for as a ``Retry-After`` is, then sent again."""
    sent: list[httpx.Request] = []
    client = mocked(
        failing(429, "RESOURCE_EXHAUSTED", _retry_info("0.03s")), HI, sent=sent,
        policy=Policy(backoff_initial=0, backoff_cap=1),
    )  # fmt: skip
    assert client.generate(model="m", contents="Hi").text == "Hi"
    assert len(sent) == 2


def test_a_long_retry_delay_fails_at_once() -> None:
    """A delay beyond the cap is not slept: the error carries it, after one try."""
    client = mocked(failing(429, "RESOURCE_EXHAUSTED", _retry_info("37.5s")))
    with pytest.raises(errors.RateLimited) as caught:
        client.generate(model="m", contents="Hi")
    assert (caught.value.retry_after, caught.value.attempts) == (37.5, 1)


@pytest.mark.parametrize("details", [
    _retry_info(None), _retry_info("soon"), _retry_info("-1s"), _retry_info("infs"),
    _retry_info("4_0s"), _retry_info([]), ["google.rpc.RetryInfo"],
    {"google.rpc.RetryInfo": "5s"},
    [{"@type": "other", "retryDelay": "40s", "text": "google.rpc.RetryInfo"}],
])  # fmt: skip
def test_a_retry_delay_is_read_by_its_field_alone(details: Any) -> None:
    """What is no delay in the one field for it is none, and the backoff is as ever."""
    client = mocked(failing(429, "RESOURCE_EXHAUSTED", details), HI)
    assert client.generate(model="m", contents="Hi").text == "Hi"


def test_a_header_goes_before_the_details() -> None:
    """Where an answer has both, ``Retry-After`` says how long to wait."""
    reply = failing(429, "RESOURCE_EXHAUSTED", _retry_info("40s"))
    reply = CannedReply(reply.body, status=429, headers={"retry-after": "20"})
    with pytest.raises(errors.RateLimited) as caught:
        mocked(reply).generate(model="m", contents="Hi")
    assert caught.value.retry_after == 20


# Keys and URLs


@pytest.mark.parametrize(("operation", "parameters"), [
    (name, example.parameters) for name, example in examples("gemini").items()
])  # fmt: skip
def test_the_key_is_in_its_header_alone(operation: str, parameters: Any) -> None:
    """No operation has the key in a URL, a body or another header."""
    sent: list[httpx.Request] = []
    mocked(examples("gemini")[operation].reply, sent=sent)[operation](parameters)
    assert sent[0].headers["x-goog-api-key"] == KEY
    for request in sent:
        others = [value for name, value in request.headers.items() if name != "x-goog-api-key"]
        assert KEY not in f"{request.url} {others} {request.read()!r}"


def test_the_key_comes_from_either_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """``GOOGLE_API_KEY`` is taken, then ``GEMINI_API_KEY``; without both the first is named."""
    sent: list[httpx.Request] = []
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/nowhere")

    def call() -> None:
        reply = json.dumps(HI).encode()

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200, headers={"content-type": "application/json"}, content=reply)

        Gemini(transport=httpx.MockTransport(answer)).generate(model="m", contents="Hi")

    monkeypatch.setenv("GEMINI_API_KEY", "fake-second")
    monkeypatch.setenv("GOOGLE_API_KEY", "fake-first")
    call()
    monkeypatch.delenv("GOOGLE_API_KEY")
    call()
    assert [request.headers["x-goog-api-key"] for request in sent] == ["fake-first", "fake-second"]
    monkeypatch.delenv("GEMINI_API_KEY")
    with pytest.raises(errors.MissingCredential, match="GOOGLE_API_KEY or GEMINI_API_KEY"):
        call()


@pytest.mark.parametrize(("base_url", "root", "version"), [
    (None, "https://generativelanguage.googleapis.com", "v1"),
    ("https://generativelanguage.googleapis.com/v1beta",
     "https://generativelanguage.googleapis.com", "v1beta"),
    ("http://localhost:8080", "http://localhost:8080", "v1"),
    ("http://localhost:8080/", "http://localhost:8080", "v1"),
    ("http://proxy/gemini/v1alpha", "http://proxy/gemini", "v1alpha"),
    ("http://v1", "http://v1", "v1"),
])  # fmt: skip
def test_the_version_stands_where_it_belongs(base_url: str | None, root: str, version: str) -> None:
    """A base URL may name the version or leave it; an upload has it behind ``/upload``."""
    client = mocked(HI, base_url=base_url)
    assert client.url("/models") == f"{root}/{version}/models"
    assert client.url("/upload/files") == f"{root}/upload/{version}/files"


def test_the_base_url_comes_from_googles_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """``GOOGLE_GEMINI_BASE_URL``, which Google's own client reads, names another server."""
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://localhost:1")
    assert Gemini(KEY).url("/models") == "http://localhost:1/v1/models"
