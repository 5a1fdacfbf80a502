"""Responses: what an answer reads, and what a stream comes to."""

from __future__ import annotations

import base64
from typing import Any, get_args

import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.examples import CannedReply, examples, sse_reply
from pytest_accelerate.providers.examples.openai.text import (
    message,
    numbered,
    output_text,
    response,
)
from pytest_accelerate.transport.answers import ToolCall, Usage
from tests.providers.openai.conftest import Served

EXAMPLES = examples("openai")
PNG = base64.b64encode(b"\x89PNG").decode()


def test_a_response_reads_all_that_a_model_says(served: Served) -> None:
    """Text, reasoning, calls, images and sources are found among the output's items."""
    source = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    output: list[dict[str, Any]] = [
        {"id": "1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"id": "2", "type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'},
        {"id": "3", "type": "custom_tool_call", "call_id": "d", "name": "g", "input": "{}"},
        {"id": "4", "type": "image_generation_call", "status": "completed", "result": PNG},
        message(output_text("Hel"), {**output_text("lo"), "annotations": [source]}),
        message({"type": "refusal", "refusal": "no"}),
    ]
    answer = served.answer("responses", response(output))
    assert (answer.id, answer.status, answer.finish_reason) == ("resp_1", "completed", "completed")
    assert (answer.text, answer.refusal, answer.reasoning) == ("Hello", "no", "hm")
    assert answer.tool_calls == (ToolCall("c", "f", {"a": 1}), ToolCall("d", "g", "{}"))
    assert (answer.images, answer.annotations) == ((b"\x89PNG",), (source,))
    assert answer.usage == Usage(input_tokens=10, output_tokens=3)


def test_a_response_parses_its_structured_output(served: Served) -> None:
    """``parsed`` is the JSON of the text; where it was cut off the error says why."""
    assert served.answer("responses", response([message(output_text("[1]"))])).parsed == [1]
    cut = response(
        [message(output_text("[1"))],
        status="incomplete",
        incomplete_details={"reason": "max_output_tokens"},
    )
    with pytest.raises(errors.InvalidResponse, match="max_output_tokens"):
        _ = served.answer("responses", cut).parsed


def test_a_response_streams_and_collects_the_same_answer(served: Served) -> None:
    """The pieces of text come as they are, and the last event holds the whole response."""
    plain = served.answer("responses")
    with served.stream("responses") as stream:
        assert list(stream.texts()) == ["Hello", "!"]
    assert served.stream("responses").answer().data == plain.data


def test_every_kind_of_event_is_passed_on_and_three_are_ends(served: Served) -> None:
    """Whatever event the SDK knows comes through; the stream is over at the right ones."""
    from openai.types.responses import ResponseStreamEvent

    union = get_args(ResponseStreamEvent)[0]
    kinds = [get_args(each.model_fields["type"].annotation)[0] for each in get_args(union)]
    ends = ["response.completed", "response.failed", "response.incomplete"]
    others = [kind for kind in kinds if kind not in (*ends, "error")]
    assert len(others) > 40
    for end in ends:
        events = numbered(
            *({"type": kind, "delta": "x"} for kind in others),
            {"type": end, "response": response([], status=end.removeprefix("response."))},
            {"type": "response.created"},
        )
        with served.stream("responses", sse_reply(events, named=True)) as stream:
            assert [event.type for event in stream] == [*others, end]
        assert "".join(event.text for event in stream.events) == "x"


def test_a_response_that_failed_is_read_not_raised(served: Served) -> None:
    """It ends its stream as it answers a call: with its status and its error."""
    failed = response([], status="failed", error={"code": "server_error", "message": "oops"})
    events = numbered({"type": "response.failed", "response": failed})
    for answer in (
        served.answer("responses", failed),
        served.stream("responses", sse_reply(events, named=True)).answer(),
    ):
        assert (answer.status, answer.error, answer.text) == ("failed", "oops", "")


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "m"}, errors.RateLimited),
        ({"type": "error", "code": "server_error", "message": "m"}, errors.ServerError),
        ({"type": "error", "code": "invalid_prompt", "message": "m"}, errors.BadRequest),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "m"}},
         errors.BadRequest),
    ],
)  # fmt: skip
def test_an_error_event_of_a_response_is_raised(
    served: Served, event: dict[str, Any], kind: type[errors.StatusError]
) -> None:
    """It is the error of its code, whichever of the two forms it has."""
    begun = {"type": "response.created", "response": response([], status="in_progress")}
    stream = served.stream("responses", sse_reply(numbered(begun, event), named=True))
    assert next(stream).type == "response.created"
    with pytest.raises(kind, match="m"):
        next(stream)


def test_a_response_that_breaks_off_tells_what_had_arrived(served: Served) -> None:
    """A stream without its last event raises, with the events before."""
    example = EXAMPLES["responses"].stream
    assert example is not None
    broken = CannedReply(example.body.rpartition(b"event:")[0], example.media_type)
    with pytest.raises(errors.StreamInterrupted) as caught:
        served.stream("responses", broken).answer()
    assert "".join(event.text for event in caught.value.events) == "Hello!"


def test_tokens_are_counted_where_they_are_spent(served: Served) -> None:
    """To read a response or a batch again adds no tokens to the metrics."""
    served.answer("responses")
    served.answer("responses_get")
    served.answer("batches_get")
    metrics = served.client.metrics
    assert metrics["responses"].input_tokens == 10
    assert metrics["responses_get"].input_tokens == metrics["batches_get"].input_tokens == 0
