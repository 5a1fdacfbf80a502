"""Claude's client: what its answers tell, how it streams, what it refuses and how it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accelerate import errors
from pytest_accelerate.providers.claude import Claude
from pytest_accelerate.providers.claude_stream import MessageEvent
from pytest_accelerate.providers.examples import CannedReply, json_reply, ndjson_reply, sse_reply
from pytest_accelerate.providers.examples.claude import EXAMPLES
from pytest_accelerate.transport.answers import ToolCall, Usage
from pytest_accelerate.transport.clock import FakeClock
from tests.providers.claude_streams import CITATION, RICH, delta, events_of

KEY = "sk-ant-canary-0123456789"
HELLO: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 16,
    "messages": [{"role": "user", "content": "Hello"}],
}
Replies = list[CannedReply | Exception]


class Sent(list[httpx.Request]):
    """The requests that a client sent."""


def client(*replies: CannedReply | Exception, **more: Any) -> tuple[Claude, Sent]:
    """A client that gets these answers, the last of them again and again, and no time passes."""
    left, sent = list(replies), Sent()

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(
            reply.status,
            headers={"content-type": reply.media_type, **reply.headers},
            content=reply.body,
        )

    transport = httpx.MockTransport(answer)
    return Claude(KEY, transport=transport, clock=FakeClock(), **more), sent


def streamed(events: list[dict[str, Any]]) -> CannedReply:
    """These events, as Claude sends them."""
    return sse_reply(events, named=True)


def error_event(kind: str) -> dict[str, Any]:
    """An error, as it stands in a stream and in the body of an error status."""
    return {"type": "error", "error": {"type": kind, "message": "so it is"}, "request_id": "req_1"}


def collected(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message of a stream."""
    mocked, _ = client(streamed(events))
    return dict(mocked.messages.stream(HELLO).answer())


# What answers tell.


def test_message_tells_what_is_in_its_blocks() -> None:
    """Text, thinking, citations and tool calls are read from all blocks of the content."""
    mocked, _ = client(json_reply(RICH))
    answer = mocked.messages(**HELLO)
    assert answer.text == "Grass is green — 日本 too 🌱."
    assert answer.thinking == "They want the weather."
    assert answer.citations == (CITATION, CITATION)
    assert answer.tool_calls == (
        ToolCall(
            "toolu_01", "get_weather", {"city": "Zürich", "days": [1, 2], "in": {"unit": "C"}}
        ),
        ToolCall("toolu_02", "now", {}),
    )
    assert answer.blocks("server_tool_use")[0]["name"] == "web_search"
    assert (answer.id, answer.model, answer.finish_reason, answer.refused) == (
        "msg_01Rich", "claude-haiku-4-5", "tool_use", False,
    )  # fmt: skip
    assert dict(answer) == RICH
    assert answer.implementation_type == "MOCK"


def test_usage_counts_the_cache_as_input() -> None:
    """Tokens of the cache belong to the input, and those of thinking to the output."""
    usage = {
        "input_tokens": 3,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 100,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 30},
    }
    mocked, _ = client(json_reply({**RICH, "usage": usage}))
    assert mocked.messages(**HELLO).usage == Usage(123, 50, 20, 30)
    spent = mocked.metrics["messages"]
    assert (spent.input_tokens, spent.output_tokens, spent.cost_usd) == (123, 50, None)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"content": None, "usage": None},
        {"content": "text", "usage": [], "stop_reason": None},
        {"content": [None, 3, {"type": "text"}, {"type": "tool_use", "input": [1]}]},
        {"usage": {"input_tokens": "many", "output_tokens_details": 3}},
    ],
)
def test_odd_message_does_not_break_its_properties(data: dict[str, Any]) -> None:
    """Of a message that is not what it should be, each property still gives its own type."""
    mocked, _ = client(json_reply(data))
    answer = mocked.messages(**HELLO)
    assert answer.text == answer.thinking == answer.finish_reason == ""
    assert answer.citations == ()
    assert all(isinstance(call.arguments, (dict, str)) for call in answer.tool_calls)
    assert answer.usage in (None, Usage())


def test_refusal_is_told() -> None:
    """A message that the model refused to go on with says so, with the provider's reason."""
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    mocked, _ = client(json_reply({**RICH, "stop_reason": "refusal", "stop_details": details}))
    answer = mocked.messages(**HELLO)
    assert answer.refused
    assert answer["stop_details"]["category"] == "cyber"


def test_token_count_and_model_tell_their_numbers() -> None:
    """Counts are whole numbers, and what a model can do is told or unknown."""
    mocked, _ = client(EXAMPLES["count_tokens"].reply)
    assert mocked.count_tokens(EXAMPLES["count_tokens"].parameters).input_tokens == 10
    mocked, _ = client(EXAMPLES["models_get"].reply)
    model = mocked.models_get(model_id="claude-haiku-4-5")
    assert (model.id, model.max_input_tokens, model.max_tokens) == (
        "claude-haiku-4-5-20251001", 200000, 64000,
    )  # fmt: skip
    assert model.supports("image_input") is True
    assert model.supports("effort") is False
    assert model.supports("telepathy") is None


def test_batch_tells_how_far_it_is() -> None:
    """A batch that has ended says so, with a count of each outcome."""
    mocked, _ = client(EXAMPLES["batches_create"].reply, EXAMPLES["batches_get"].reply)
    made = mocked.batches_create(EXAMPLES["batches_create"].parameters)
    assert (made.status, made.ended, made.counts["processing"]) == ("in_progress", False, 1)
    later = mocked.batches_get(message_batch_id=made.id)
    assert (later.status, later.ended, later.counts["succeeded"]) == ("ended", True, 1)


def test_results_of_a_batch_are_typed() -> None:
    """Each result has its request's name and either a message or the error of its own call."""
    mocked, _ = client(EXAMPLES["batches_results"].reply)
    answer = mocked.batches_results(message_batch_id="msgbatch_1")
    first, second, third, fourth = answer.results()
    assert [each.custom_id for each in (first, second, third, fourth)] == list(answer)
    assert first.message is not None
    assert (first.type, first.message.text, first.error) == ("succeeded", "Hi there!", None)
    assert first.message.usage == Usage(10, 6)
    assert isinstance(second.error, errors.BadRequest)
    assert (second.error.status, second.error.code, second.error.request_id) == (
        400, "invalid_request_error", "req_01ExampleRequest",
    )  # fmt: skip
    assert second.message is None
    assert (third.type, third.message, third.error) == ("canceled", None, None)
    assert (fourth.type, fourth.message, fourth.error) == ("expired", None, None)


def test_results_may_be_none_at_all() -> None:
    """No lines are no results, and a last line may lack its end."""
    mocked, _ = client(CannedReply(b"", "application/x-jsonl"))
    assert list(mocked.batches_results(message_batch_id="b").results()) == []
    body = b'\n{"custom_id": "a", "result": {"type": "expired"}}\r\n{"custom_id": "b"}'
    mocked, _ = client(CannedReply(body, "application/binary"))
    assert list(mocked.batches_results(message_batch_id="b")) == ["a", "b"]


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"result": {}}', b'{"custom_id": 1}'])
def test_results_that_are_none_raise(body: bytes) -> None:
    """A line that is no result is an InvalidResponse that says which line it is."""
    good = ndjson_reply([{"custom_id": "a", "result": {"type": "expired"}}]).body
    mocked, _ = client(CannedReply(good + body, "application/x-jsonl"))
    with pytest.raises(errors.InvalidResponse, match=r"claude\.batches_results: line 2"):
        mocked.batches_results(message_batch_id="b")


# Streams.


def test_collected_stream_is_the_message_without_streaming() -> None:
    """A stream's answer is the JSON of the same call without streaming, field by field."""
    assert collected(events_of(RICH)) == RICH
    example = EXAMPLES["messages"]
    assert example.stream is not None
    mocked, _ = client(example.stream)
    assert dict(mocked.messages.stream(HELLO).answer()) == json.loads(example.reply.body)


def test_collected_stream_is_the_message_without_streaming_for_a_task() -> None:
    """The same holds for the asynchronous stream, which counts its tokens too."""
    mocked, _ = client(streamed(events_of(RICH)))

    async def run() -> Any:
        async with mocked.messages.astream(HELLO) as stream:
            return await stream.answer()

    answer = asyncio.run(run())
    assert dict(answer) == RICH
    assert mocked.metrics["messages"].output_tokens == 90


def test_stream_is_read_however_its_bytes_are_cut() -> None:
    """Bytes that come one by one, umlauts and emoji in halves, make the same message."""

    def one_by_one(request: httpx.Request) -> httpx.Response:
        body = streamed(events_of(RICH)).body
        return httpx.Response(
            200,
            headers={"content-type": "text/event-stream; charset=utf-8"},
            content=(body[index : index + 1] for index in range(len(body))),
        )

    with Claude(KEY, transport=httpx.MockTransport(one_by_one)) as mocked:
        assert dict(mocked.messages.stream(HELLO).answer()) == RICH


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_JSON = st.dictionaries(_TEXT, st.none() | st.integers() | _TEXT | st.lists(_TEXT), max_size=3)
_BLOCK = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, _TEXT),
    st.builds(
        lambda text, mark: {"type": "thinking", "thinking": text, "signature": mark}, _TEXT, _TEXT
    ),
    st.builds(lambda input: {"type": "tool_use", "id": "t", "name": "n", "input": input}, _JSON),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_BLOCK, max_size=4))
def test_any_message_is_collected_whole(content: list[dict[str, Any]]) -> None:
    """Whatever the blocks are, their pieces make them again."""
    message = {**RICH, "content": content}
    events = [MessageEvent(event["type"], event) for event in events_of(message)]
    assert MessageEvent.collect(events) == message


def test_every_kind_of_event_is_given() -> None:
    """Each event comes with the provider's name for it and its piece, pings too."""
    mocked, sent = client(streamed(events_of(RICH)))
    with mocked.messages.stream(HELLO) as stream:
        events = list(stream)
    assert {event.type for event in events} == {
        "message_start", "content_block_start", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop", "ping",
    }  # fmt: skip
    assert {event.delta["type"] for event in events if event.type == "content_block_delta"} == {
        "text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta",
    }  # fmt: skip
    assert "".join(event.text for event in events) == "Grass is green — 日本 too 🌱."
    assert "".join(event.thinking for event in events) == "They want the weather."
    inputs = [event.partial_json for event in events if event.index == 6]
    assert json.loads("".join(inputs)) == RICH["content"][6]["input"]
    assert json.loads(sent[0].content)["stream"] is True


def test_texts_of_a_stream_are_its_text() -> None:
    """Iterating over the pieces of text gives nothing else."""
    mocked, _ = client(streamed(events_of(RICH)))
    assert "".join(mocked.messages.stream(HELLO).texts()) == "Grass is green — 日本 too 🌱."


def test_unknown_kinds_pass_through() -> None:
    """Events, pieces and blocks that are not known are given, and what is known is collected."""
    block = {"type": "hologram", "depth": 3}
    start, ping, *middle, end = events_of({**RICH, "content": RICH["content"][2:3]})
    news = [
        {"type": "weather_report", "wind": "west"},
        {"type": "content_block_start", "index": 1, "content_block": block},
        delta(1, "hologram_delta", depth=1),
        delta(0, "odour_delta", odour="hay"),
        {"type": "content_block_stop", "index": 1},
    ]
    events = [start, ping, *middle[:2], *news, *middle[2:], end]
    mocked, _ = client(streamed(events))
    stream = mocked.messages.stream(HELLO)
    assert [event.data for event in stream] == events
    assert stream.answer()["content"] == [RICH["content"][2], block]


def test_message_delta_adds_what_is_new_of_the_message() -> None:
    """What only the end of a stream tells is in the message: container, details, other fields."""
    container = {"id": "c_1", "expires_at": "2026-03-01T09:30:00Z"}
    *events, last, end = events_of(RICH)
    last = {
        **last,
        "delta": {**last["delta"], "container": container},
        "context_management": {"applied_edits": []},
    }
    whole = collected([*events, last, end])
    assert whole == {
        **RICH,
        "container": container,
        "context_management": {"applied_edits": []},
    }
    # A second one that knows of no container takes none away.
    again = {**last, "delta": {"stop_reason": "end_turn", "container": None}, "usage": {}}
    assert collected([*events, last, again, end])["container"] == container


def test_tool_input_that_was_cut_off_stays_text() -> None:
    """Where max_tokens cut a tool's input, what there is of it is kept."""
    tool = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
    start, _, *_, end = events_of(RICH)
    whole = [
        start,
        {"type": "content_block_start", "index": 0, "content_block": tool},
        delta(0, "input_json_delta", partial_json='{"city": "Zü'),
        end,
    ]
    mocked, _ = client(streamed(whole))
    assert mocked.messages.stream(HELLO).answer().tool_calls == (
        ToolCall("t", "n", '{"city": "Zü'),
    )


@pytest.mark.parametrize(
    ("kind", "error", "tries"),
    [
        ("overloaded_error", errors.Overloaded, 3),
        ("api_error", errors.ServerError, 3),
        ("timeout_error", errors.ServerError, 3),
        ("rate_limit_error", errors.RateLimited, 3),
        ("an_error_of_tomorrow", errors.ServerError, 3),
        ("invalid_request_error", errors.BadRequest, 1),
        ("authentication_error", errors.AuthenticationFailed, 1),
        ("billing_error", errors.BadRequest, 1),
        ("permission_error", errors.PermissionDenied, 1),
        ("not_found_error", errors.NotFound, 1),
        ("request_too_large", errors.PayloadTooLarge, 1),
    ],
)
def test_error_as_first_event_is_the_error_of_its_status(
    kind: str, error: type[errors.StatusError], tries: int
) -> None:
    """An error that opens a stream raises as its status would, and is retried likewise."""
    mocked, sent = client(streamed([error_event(kind)]))
    with pytest.raises(errors.StatusError, match="so it is") as caught:
        mocked.messages.stream(**HELLO, max_tries=3)
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.attempts, len(sent)) == (kind, tries, tries)


def test_stream_that_opens_with_an_error_is_tried_again() -> None:
    """After an overload the next try's stream is given as if nothing had been."""
    bad, good = streamed([error_event("overloaded_error")]), streamed(events_of(RICH))
    mocked, sent = client(bad, bad, good)
    assert dict(mocked.messages.stream(HELLO).answer()) == RICH
    assert len(sent) == 3


def _with_error(kind: str) -> CannedReply:
    return streamed([*events_of(RICH)[:6], error_event(kind)])


def test_error_amid_a_stream_raises_as_its_status() -> None:
    """Events before the error are given, then it is raised and nothing is sent again."""
    mocked, sent = client(_with_error("overloaded_error"))
    stream = mocked.messages.stream(HELLO)
    with pytest.raises(errors.Overloaded, match="overloaded_error: so it is") as caught:
        list(stream)
    assert (caught.value.status, caught.value.provider) == (529, "claude")
    assert (len(stream.events), len(sent)) == (6, 1)


def test_error_amid_a_stream_raises_for_a_task() -> None:
    """The asynchronous stream raises the same error."""
    mocked, sent = client(_with_error("rate_limit_error"))

    async def run() -> None:
        async with mocked.messages.astream(HELLO) as stream:
            await stream.answer()

    with pytest.raises(errors.RateLimited):
        asyncio.run(run())
    assert len(sent) == 1


@pytest.mark.parametrize("kept", [3, 8, -1])
def test_stream_without_its_end_raises(kept: int) -> None:
    """A stream that ends before message_stop raises, with the events that had arrived."""
    events = events_of(RICH)[:kept]
    mocked, _ = client(streamed(events))
    with pytest.raises(errors.StreamInterrupted) as caught:
        mocked.messages.stream(HELLO).answer()
    assert [event.data for event in caught.value.events] == events


def test_stream_without_its_end_raises_for_a_task() -> None:
    """The asynchronous stream raises the same."""
    events = events_of(RICH)[:-1]
    mocked, _ = client(streamed(events))

    async def run() -> None:
        await mocked.messages.astream(HELLO).answer()

    with pytest.raises(errors.StreamInterrupted) as caught:
        asyncio.run(run())
    assert [event.data for event in caught.value.events] == events


_START, _STOP = events_of(RICH)[0], {"type": "message_stop"}


@pytest.mark.parametrize(
    "events",
    [
        [_STOP],
        [{"type": "message_start"}, _STOP],
        [_START, delta(0, "text_delta", text="lost"), _STOP],
        [_START, {"type": "content_block_start", "content_block": {}}, _STOP],
        [_START, {"type": "content_block_start", "index": 0}, _STOP],
        [
            _START,
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
            delta(0, "text_delta", text=3),
            _STOP,
        ],
    ],
)
def test_events_of_no_message_cannot_be_collected(events: list[dict[str, Any]]) -> None:
    """Events that do not fit together are given, and their answer is a typed error."""
    mocked, _ = client(streamed(events))
    with pytest.raises(errors.InvalidResponse, match=r"claude\.messages") as caught:
        mocked.messages.stream(HELLO).answer()
    assert caught.value.call_id


# Errors outside streams.


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", errors.BadRequest),
        (401, "authentication_error", errors.AuthenticationFailed),
        (403, "permission_error", errors.PermissionDenied),
        (404, "not_found_error", errors.NotFound),
        (413, "request_too_large", errors.PayloadTooLarge),
        (429, "rate_limit_error", errors.RateLimited),
        (500, "api_error", errors.ServerError),
        (529, "overloaded_error", errors.Overloaded),
    ],
)
def test_error_status_raises_its_kind(
    status: int, kind: str, error: type[errors.StatusError]
) -> None:
    """An error's status gives its class; its body and headers the code, text and request id."""
    body = json.dumps(error_event(kind)).encode()
    mocked, _ = client(CannedReply(body, status=status, headers={"request-id": "req_9"}))
    with pytest.raises(errors.StatusError, match="so it is") as caught:
        mocked.messages(**HELLO, max_tries=2)
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (
        status, kind, "req_9",
    )  # fmt: skip


def test_retry_after_is_waited_for() -> None:
    """A limited call is sent again, and not before the time that the provider asks for."""
    limited = CannedReply(b"{}", status=429, headers={"retry-after": "7"})
    clock = FakeClock()
    mocked, sent = client(limited, json_reply(RICH))
    mocked.shared.clock = clock
    assert mocked.messages(**HELLO).id == "msg_01Rich"
    assert len(sent) == 2
    assert 7 <= clock.slept[0] < 8


@pytest.mark.parametrize(
    "operation",
    ["batches_create", "files_upload", "skills_create", "skill_versions_create",
     "user_profiles_create", "user_profiles_action_url"],
)  # fmt: skip
def test_what_makes_something_is_not_sent_twice(operation: str) -> None:
    """A call that may have made something at the provider is not repeated blindly."""
    mocked, sent = client(httpx.ReadTimeout("slow"))
    with pytest.raises(errors.ProviderTimeout):
        mocked[operation](EXAMPLES[operation].parameters)
    assert len(sent) == 1


@pytest.mark.parametrize("operation", ["messages", "count_tokens", "batches_cancel", "models_list"])
def test_what_does_no_harm_twice_is_sent_again(operation: str) -> None:
    """After a broken connection other calls are tried again."""
    mocked, sent = client(httpx.ReadError("reset"), EXAMPLES[operation].reply)
    mocked[operation](EXAMPLES[operation].parameters)
    assert len(sent) == 2


# What is refused before anything is sent.


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"messages": []}, "'messages' must not be empty"),
        ({"messages": "Hello"}, "'messages': expected a list of a mapping"),
        ({"messages": [{"role": "user", "content": ""}]}, "message 0 has no content"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "message 0 has no content"),
        ({"messages": [{"role": "user", "content": []}]}, "message 0 has no content"),
        ({"messages": [{"role": "user"}]}, "message 0 has no content"),
        (
            {"messages": [{"role": "assistant", "content": ""}, HELLO["messages"][0]]},
            "message 0 has no content",
        ),
        ({"messages": [{"role": "user", "content": b"Hello"}]}, "'messages' cannot be sent"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "lone surrogate"),
        ({"max_tokens": None}, "'max_tokens': expected a whole number"),
        ({"max_tokens": "16"}, "'max_tokens': expected a whole number"),
        ({"max_tokens": True}, "'max_tokens': expected a whole number"),
        ({"service_tier": "priority"}, "'service_tier': expected one of 'auto'"),
        ({"stop_sequence": ["END"]}, "did you mean 'stop_sequences'"),
        ({"temperature": 0.5}, "unknown parameter 'temperature'.*extra_body"),
    ],
)
def test_bad_parameters_are_refused(changed: dict[str, Any], told: str) -> None:
    """What Claude would refuse is refused here, by the parameter's name, and nothing is sent."""
    mocked, sent = client(json_reply(RICH))
    for call in (mocked.messages, mocked.messages.stream):
        with pytest.raises(errors.InvalidParameters, match=told):
            call({**HELLO, **changed})
    assert sent == []


def test_max_tokens_is_needed() -> None:
    """A message without a limit of its length is refused, and a limit of 0 is one."""
    mocked, sent = client(json_reply(RICH))
    with pytest.raises(errors.InvalidParameters, match="missing parameter: max_tokens"):
        mocked.messages({"model": "m", "messages": HELLO["messages"]})
    assert sent == []
    mocked.messages({**HELLO, "max_tokens": 0})
    assert json.loads(sent[0].content)["max_tokens"] == 0


def test_what_is_to_be_continued_may_be_empty() -> None:
    """Only the last message may have no content, where it is the assistant's."""
    mocked, sent = client(json_reply(RICH))
    mocked.messages({**HELLO, "messages": [*HELLO["messages"], {"role": "assistant"}]})
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("operation", "parameters", "told"),
    [
        ("count_tokens", {"model": "m", "messages": []}, "'messages' must not be empty"),
        ("batches_create", {"requests": []}, "'requests' must not be empty"),
        (
            "batches_create",
            {"requests": [{"custom_id": "a", "params": {**HELLO, "messages": []}}]},
            r"'requests\[0\].params.messages' must not be empty",
        ),
        ("batches_get", {"message_batch_id": ""}, "message_batch_id"),
        ("models_get", {"model_id": ".."}, "model_id"),
        ("models_list", {"lifecycle": ["ancient"]}, "lifecycle"),
        ("files_upload", {"file": "no/such/file"}, "there is no file"),
        ("skills_create", {"files": []}, "'files' must not be empty"),
    ],
)
def test_bad_parameters_of_other_operations_are_refused(
    operation: str, parameters: dict[str, Any], told: str
) -> None:
    """The same for all other operations."""
    mocked, sent = client(json_reply({}))
    with pytest.raises(errors.InvalidParameters, match=told):
        mocked[operation](parameters)
    assert sent == []


def test_parameters_of_older_models_go_through_extra_body() -> None:
    """What is not declared is sent as it is where it is asked for by extra_body."""
    mocked, sent = client(json_reply(RICH))
    mocked.messages(**HELLO, extra_body={"temperature": 0.5})
    assert json.loads(sent[0].content) == {**HELLO, "temperature": 0.5}


# Pages.


def _pages(name: str) -> Callable[[httpx.Request], httpx.Response]:
    """Three pages, told apart by what the query asks for."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params)
        number = int(asked.get(name, "0")) + 1
        return httpx.Response(200, json={
            "data": [{"id": f"entry {number}"}],
            "has_more": number < 3,
            "first_id": str(number),
            "last_id": str(number),
            "next_page": str(number) if number < 3 else None,
            "asked": asked,
        })  # fmt: skip

    return answer


@pytest.mark.parametrize(
    ("operation", "name", "given"),
    [
        ("models_list", "after_id", {"limit": 1}),
        ("models_list", "before_id", {"limit": 1, "before_id": "0"}),
        ("batches_list", "after_id", {}),
        ("files_list", "page", {"limit": 1}),
        ("skills_list", "page", {"source": "custom"}),
        ("skill_versions_list", "page", {"skill_id": "s"}),
        ("user_profiles_list", "page", {}),
    ],
)
def test_pages_follow_each_other(operation: str, name: str, given: dict[str, Any]) -> None:
    """Every page of a list is asked for once, in the direction that was asked for."""
    mocked = Claude(KEY, transport=httpx.MockTransport(_pages(name)))
    pages = list(mocked[operation].pages(**given))
    assert [page.entries[0]["id"] for page in pages] == ["entry 1", "entry 2", "entry 3"]
    assert [page["asked"].get(name) for page in pages[1:]] == ["1", "2"]
    assert {*pages[2]["asked"]} <= {name, *given}

    async def run() -> list[Any]:
        return [page async for page in mocked[operation].apages(**given)]

    assert [dict(page) for page in asyncio.run(run())] == [dict(page) for page in pages]


# Keys and addresses.


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    return


@pytest.mark.usefixtures("_environment")
def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL are used where no argument is given."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=RICH)

    Claude(transport=httpx.MockTransport(answer)).messages(**HELLO)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:9/proxy/")
    Claude(transport=httpx.MockTransport(answer)).messages(**HELLO)
    assert [str(request.url) for request in seen] == [
        "https://api.anthropic.com/v1/messages", "http://localhost:9/proxy/v1/messages",
    ]  # fmt: skip
    assert [request.headers["x-api-key"] for request in seen] == [KEY, KEY]


@pytest.mark.usefixtures("_environment")
def test_missing_key_names_the_variable() -> None:
    """Without a key nothing is sent, and the error says which variable to set."""
    mocked = Claude(transport=httpx.MockTransport(lambda request: pytest.fail("it was sent")))
    with pytest.raises(errors.MissingCredential, match="ANTHROPIC_API_KEY"):
        mocked.messages(**HELLO)


def test_key_is_not_told() -> None:
    """A key that the provider repeats in its error is in no text of ours."""
    body = json.dumps({"error": {"type": "authentication_error", "message": f"bad key {KEY}"}})
    mocked, sent = client(CannedReply(body.encode(), status=401))
    with pytest.raises(errors.AuthenticationFailed) as caught:
        mocked.messages(**HELLO)
    told = f"{caught.value} {caught.value!r} {mocked!r} {mocked.messages!r} {sent[0].url}"
    assert KEY not in told
    amid = error_event("api_error")
    amid["error"]["message"] = f"key {KEY}"
    mocked, _ = client(streamed([*events_of(RICH)[:2], amid]))
    with pytest.raises(errors.ServerError) as broken:
        list(mocked.messages.stream(HELLO))
    assert KEY not in f"{broken.value} {broken.value!r}"
