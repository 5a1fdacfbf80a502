"""Claude's streams: every kind of event, what they are together, and how they fail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accelerate import errors
from pytest_accelerate.providers.claude import Claude
from pytest_accelerate.providers.claude_stream import MessageEvent
from pytest_accelerate.providers.examples import CannedReply
from pytest_accelerate.providers.examples.claude import EXAMPLES
from pytest_accelerate.transport.answers import ToolCall
from tests.providers.claude_client import HELLO, KEY, client, error_event, streamed
from tests.providers.claude_streams import RICH, delta, events_of


def collected(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message of a stream."""
    mocked, _ = client(streamed(events))
    return dict(mocked.messages.stream(HELLO).answer())


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
