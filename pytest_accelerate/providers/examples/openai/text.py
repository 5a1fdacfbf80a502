"""Chat completions and responses."""

from __future__ import annotations

from typing import Any

from pytest_accelerate.providers.examples import Example, json_reply, sse_reply

MODEL = "gpt-4o-mini"
SNAPSHOT = "gpt-4o-mini-2024-07-18"
CREATED = 1_760_000_000
MESSAGES = [{"role": "user", "content": "Say hello."}]

_CHAT_USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 2,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


def completion(message: dict[str, Any], finish_reason: str = "stop") -> dict[str, Any]:
    """A chat completion with one message."""
    whole = {"role": "assistant", "content": None, "refusal": None, "annotations": [], **message}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": SNAPSHOT,
        "choices": [
            {"index": 0, "message": whole, "logprobs": None, "finish_reason": finish_reason}
        ],
        "usage": _CHAT_USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat completion with one choice."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": SNAPSHOT,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        **more,
    }


_CHUNKS = [
    chunk({"role": "assistant", "content": "", "refusal": None}),
    chunk({"content": "Hello"}),
    chunk({"content": "!"}),
    chunk({}, "stop"),
]


def response(output: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A response with these items."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": 16,
        "model": SNAPSHOT,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 13,
        },
        "user": None,
        "metadata": {},
        **more,
    }


def message(*content: dict[str, Any]) -> dict[str, Any]:
    """An output item: a message with these parts."""
    return {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": list(content),
    }


def output_text(text: str) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


_ANSWER = response([message(output_text("Hello!"))])
_BEGUN = response([], status="in_progress", usage=None)
_PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def numbered(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """Events of a response, with their sequence numbers."""
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


EVENTS = numbered(
    {"type": "response.created", "response": _BEGUN},
    {"type": "response.in_progress", "response": _BEGUN},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {**message(), "status": "in_progress"},
    },
    {"type": "response.content_part.added", **_PLACE, "part": output_text("")},
    {"type": "response.output_text.delta", **_PLACE, "delta": "Hello", "logprobs": []},
    {"type": "response.output_text.delta", **_PLACE, "delta": "!", "logprobs": []},
    {"type": "response.output_text.done", **_PLACE, "text": "Hello!", "logprobs": []},
    {"type": "response.content_part.done", **_PLACE, "part": output_text("Hello!")},
    {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": message(output_text("Hello!")),
    },
    {"type": "response.completed", "response": _ANSWER},
)

_INPUT = {
    "id": "msg_0",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_text", "text": "Say hello."}],
}

EXAMPLES: dict[str, Example] = {
    "chat": Example(
        {"model": MODEL, "messages": MESSAGES, "max_completion_tokens": 16},
        json_reply(completion({"content": "Hello!"})),
        sse_reply(_CHUNKS, end="[DONE]"),
    ),
    "responses": Example(
        {"model": MODEL, "input": "Say hello.", "max_output_tokens": 16, "store": False},
        json_reply(_ANSWER),
        sse_reply(EVENTS, named=True),
    ),
    "responses_get": Example(
        {"response_id": "resp_1", "include": ["message.output_text.logprobs"]},
        json_reply(_ANSWER),
        sse_reply(EVENTS, named=True),
        live=False,
    ),
    "responses_delete": Example(
        {"response_id": "resp_1"},
        json_reply({"id": "resp_1", "object": "response", "deleted": True}),
        live=False,
    ),
    "responses_cancel": Example(
        {"response_id": "resp_1"},
        json_reply(response([], status="cancelled", background=True, usage=None)),
        live=False,
    ),
    "responses_input_items": Example(
        {"response_id": "resp_1", "limit": 1, "order": "asc"},
        json_reply(
            {
                "object": "list",
                "data": [_INPUT],
                "first_id": "msg_0",
                "last_id": "msg_0",
                "has_more": False,
            }
        ),
        live=False,
    ),
}
