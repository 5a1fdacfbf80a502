"""Chat completions: what an answer reads, and what a stream comes to."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.examples import examples, sse_reply
from pytest_accelerate.providers.examples.openai.text import (
    chunk,
    completion,
)
from pytest_accelerate.transport.answers import ToolCall, Usage
from tests.providers.openai.conftest import Served

EXAMPLES = examples("openai")
PNG = base64.b64encode(b"\x89PNG").decode()


def test_a_chat_reads_text_usage_and_reason(served: Served) -> None:
    """A chat completion gives its text, its tokens, its reason, and is the JSON itself."""
    answer = served.answer("chat")
    assert (answer.text, answer.finish_reason) == ("Hello!", "stop")
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.usage == Usage(input_tokens=10, output_tokens=2)
    assert answer["choices"][0]["message"]["content"] == "Hello!"
    assert answer.implementation_type == "REAL"


def test_a_chat_reads_its_tool_calls(served: Served) -> None:
    """Calls of functions have their arguments parsed, those of custom tools their text."""
    calls = [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "2", "type": "function", "function": {"name": "g", "arguments": '{"a": '}},
        {"id": "3", "type": "custom", "custom": {"name": "h", "input": '{"b": 2}'}},
    ]
    answer = served.answer("chat", completion({"tool_calls": calls}, "tool_calls"))
    assert answer.tool_calls == (
        ToolCall("1", "f", {"a": 1}),
        ToolCall("2", "g", '{"a": '),
        ToolCall("3", "h", '{"b": 2}'),
    )
    assert (answer.text, answer.parsed) == ("", None)


def test_structured_output_is_parsed(served: Served) -> None:
    """``parsed`` is the JSON of the text; where it was cut off the error says so."""
    assert served.answer("chat", completion({"content": '{"city": "Paris"}'})).parsed == {
        "city": "Paris"
    }
    cut = served.answer("chat", completion({"content": '{"city": "Pa'}, "length"))
    with pytest.raises(errors.InvalidResponse, match="finish_reason 'length'"):
        _ = cut.parsed


def test_a_refusal_is_no_text(served: Served) -> None:
    """What the model said instead of an answer stands apart."""
    answer = served.answer("chat", completion({"refusal": "I cannot."}))
    assert (answer.refusal, answer.text, answer.parsed) == ("I cannot.", "", None)


def test_a_chat_reads_its_sound(served: Served) -> None:
    """Sound comes as bytes, with its words."""
    sound = {"id": "a", "data": PNG, "expires_at": 1, "transcript": "Hello"}
    answer = served.answer("chat", completion({"audio": sound}))
    assert (answer.audio, answer.transcript) == (b"\x89PNG", "Hello")
    assert served.answer("chat").audio == b""


def test_a_chat_reads_each_of_several_choices(served: Served) -> None:
    """``texts`` has one text a choice."""
    data = completion({"content": "a"})
    data["choices"].append({"index": 1, "message": {"content": "b"}, "finish_reason": "stop"})
    assert served.answer("chat", data).texts == ("a", "b")


def test_a_chat_streams_its_text_and_collects_the_same_answer(served: Served) -> None:
    """The pieces of a stream join to the text, and its answer reads as that of a plain call."""
    with served.stream("chat") as stream:
        assert list(stream.texts()) == ["Hello", "!"]
    answer = served.stream("chat").answer()
    assert (answer.text, answer.finish_reason) == ("Hello!", "stop")
    assert answer["object"] == "chat.completion"


STREAMED: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "tool calls": [
        chunk({"role": "assistant", "content": None}),
        chunk({"tool_calls": [{"index": 0, "id": "1", "type": "function",
                               "function": {"name": "f", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "2", "type": "function",
                               "function": {"name": "g", "arguments": "{}"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}),
        chunk({}, "tool_calls"),
    ],
    "refusal": [
        chunk({"role": "assistant", "content": None, "refusal": ""}),
        chunk({"refusal": "I "}),
        chunk({"refusal": "cannot."}),
        chunk({}, "stop"),
    ],
    "usage": [
        chunk({"role": "assistant", "content": "a"}, usage=None),
        chunk({}, "stop", usage=None),
        {**chunk({}), "choices": [],
         "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}},
    ],
    "logprobs": [
        chunk({"role": "assistant", "content": ""}),
        *({**chunk({}), "choices": [{
            "index": 0, "delta": {"content": text}, "finish_reason": reason,
            "logprobs": {"content": [{"token": text, "logprob": -0.5, "bytes": None,
                                      "top_logprobs": []}], "refusal": None}}]}
        for text, reason in (("a", None), ("b", "stop"))),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", STREAMED)
def test_a_collected_chat_is_what_the_sdk_collects(served: Served, kind: str) -> None:
    """The pieces of a stream come to the same message as OpenAI's own client makes of them."""
    from openai.lib.streaming.chat import ChatCompletionStreamState
    from openai.types.chat import ChatCompletionChunk

    state: Any = ChatCompletionStreamState()
    for each in STREAMED[kind]:
        state.handle_chunk(ChatCompletionChunk.model_validate(each))
    theirs = state.get_final_completion().to_dict(mode="json")
    answer = served.stream("chat", sse_reply(STREAMED[kind], end="[DONE]")).answer()
    assert _without_empty(answer["choices"]) == _without_empty(theirs["choices"])
    assert answer.get("usage") == theirs.get("usage")


def _without_empty(value: Any) -> Any:
    """Without what is ``None`` or empty, and without the fields that the SDK adds."""
    if isinstance(value, dict):
        return {key: _without_empty(each) for key, each in value.items()
                if each not in (None, "", [], {}) and key not in ("index", "parsed",
                                                                  "parsed_arguments")}  # fmt: skip
    return [_without_empty(each) for each in value] if isinstance(value, list) else value


def test_pieces_of_sound_join_though_each_is_padded(served: Served) -> None:
    """Sound that streams in pieces of base64 of any length comes to the whole sound."""
    pieces = [b"a", b"bc", b"defg"]
    chunks = [
        chunk({"audio": {"data": base64.b64encode(each).decode(), "transcript": "x"}})
        for each in pieces
    ]
    answer = served.stream("chat", sse_reply([*chunks, chunk({}, "stop")], end="[DONE]")).answer()
    assert (answer.audio, answer.transcript) == (b"abcdefg", "xxx")


def test_an_error_amid_a_stream_has_its_status(served: Served) -> None:
    """An error event after the first is raised as the error that it is, after what came before."""
    error = {"error": {"message": "slow down", "type": "rate_limit_error"}}
    stream = served.stream("chat", sse_reply([chunk({"content": "a"}), error]))
    assert next(stream).text == "a"
    with pytest.raises(errors.RateLimited, match="slow down"):
        next(stream)


def test_an_error_that_is_null_is_none(served: Served) -> None:
    """Some servers send ``"error": null`` with each chunk."""
    chunks = [chunk({"content": "a"}, error=None), chunk({}, "stop", error=None)]
    assert served.stream("chat", sse_reply(chunks, end="[DONE]")).answer().text == "a"


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None},
        {"choices": "x"},
        {"choices": [None, 1]},
        {"choices": [{"message": "x"}]},
        {"choices": [{"message": {"content": 5, "tool_calls": [None, {"function": 1}]}}]},
        {"usage": "x"},
        {"usage": {"prompt_tokens": "many", "prompt_tokens_details": 3}},
    ],
)
def test_an_odd_answer_reads_as_empty(served: Served, odd: Mapping[str, Any]) -> None:
    """Where a server fills the JSON with something else, nothing from below is raised."""
    answer = served.answer("chat", dict(odd))
    assert (answer.text, answer.refusal, answer.finish_reason) == ("", "", "")
    assert all(isinstance(each, ToolCall) for each in answer.tool_calls)
    assert answer.usage is None or answer.usage.input_tokens == 0


@pytest.mark.parametrize("odd", [{"choices": 1}, {"choices": [{"delta": 1}]}, {"choices": [None]}])
def test_an_odd_chunk_reads_as_empty(served: Served, odd: Mapping[str, Any]) -> None:
    """So it is in a stream, and for what its pieces come to."""
    stream = served.stream("chat", sse_reply([odd], end="[DONE]"))
    assert stream.answer().text == ""
    assert [event.text for event in stream.events] == [""]
