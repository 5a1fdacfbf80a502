"""The protocol of OpenAI's chat completions, embeddings and models, which many servers speak."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Unpack

from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.operation import Effect, operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.transport.answers import (
    Answer,
    ChatAnswer,
    EmbeddingAnswer,
    PageAnswer,
    ToolCall,
    Usage,
)
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, Streaming
from pytest_accelerate.transport.framing import Frame

Messages = Annotated[Sequence[Mapping[str, Any]], Filled]


def usage_of(data: Mapping[str, Any]) -> Usage | None:
    """The usage that an answer tells, under either of the names that OpenAI uses."""
    usage = data.get("usage")
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    spent = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    return Usage(
        input_tokens=int(usage.get("prompt_tokens", usage.get("input_tokens")) or 0),
        output_tokens=int(usage.get("completion_tokens", usage.get("output_tokens")) or 0),
        cached_tokens=int(details.get("cached_tokens") or 0),
        reasoning_tokens=int(spent.get("reasoning_tokens") or 0),
    )


@dataclass(frozen=True, eq=False)
class ChatCompletion(ChatAnswer):
    """One chat completion."""

    @property
    def message(self) -> Mapping[str, Any]:
        """The message of the first choice; empty where there is none."""
        choices = self.data.get("choices") or [{}]
        return choices[0].get("message") or {}

    @property
    def text(self) -> str:
        """The text of the first choice; empty where it has none."""
        content = self.message.get("content")
        return content if isinstance(content, str) else ""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants to be called."""
        return tuple(
            ToolCall.of_text(
                str(call.get("id") or ""),
                str(call["function"].get("name") or ""),
                str(call["function"].get("arguments") or ""),
            )
            for call in self.message.get("tool_calls") or ()
            if "function" in call
        )

    @property
    def finish_reason(self) -> str:
        """``stop``, ``length``, ``tool_calls``, ``content_filter``."""
        choices = self.data.get("choices") or [{}]
        return str(choices[0].get("finish_reason") or "")

    @property
    def usage(self) -> Usage | None:
        """Tokens of prompt and completion."""
        return usage_of(self.data)


class ChatChunk(StreamEvent):
    """One ``chat.completion.chunk``."""

    __slots__ = ()
    ends_unseen: ClassVar[bytes] = b"[DONE]"

    @classmethod
    def parse(cls, frame: Frame) -> ChatChunk:
        """Read a frame."""
        data = json.loads(frame.data)
        if type(data) is not dict:
            raise ValueError(f"expected a JSON object, found {frame.data[:80]!r}")
        return cls("error" if "error" in data else data.get("object") or "", data)

    @property
    def text(self) -> str:
        """The piece of text of the first choice."""
        choices = self.data.get("choices")
        return (choices[0].get("delta") or {}).get("content") or "" if choices else ""

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream, as OpenAI and its kin send it."""
        if "error" not in self.data:
            return None
        return error_event(self.data["error"])

    @classmethod
    def collect(cls, events: Sequence[ChatChunk]) -> dict[str, Any]:
        """The chat completion that these chunks are the pieces of."""
        whole: dict[str, Any] = {}
        choices: dict[int, dict[str, Any]] = {}
        for event in events:
            whole |= {key: value for key, value in event.data.items()
                      if key != "choices" and value is not None}  # fmt: skip
            for choice in event.data.get("choices") or ():
                _add_choice(choices.setdefault(choice.get("index", 0), {}), choice)
        return {
            **whole,
            "object": "chat.completion",
            "choices": [choices[index] for index in sorted(choices)],
        }


def error_event(error: Any) -> StreamFailure:
    """An ``error`` object of OpenAI's, sent as an event."""
    if not isinstance(error, Mapping):
        return StreamFailure(500, "", str(error))
    code = str(error.get("code") or error.get("type") or "")
    status = _STATUSES.get(str(error.get("type")), _STATUSES.get(code, 500))
    if isinstance(error.get("code"), int) and 400 <= error["code"] < 600:
        status = error["code"]
    return StreamFailure(status, code, str(error.get("message") or ""))


_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "tokens": 429,
    "requests": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "service_unavailable": 503,
}
"""The status that each kind of error has outside a stream."""


def _add_choice(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    whole.setdefault("index", piece.get("index", 0))
    message = whole.setdefault("message", {"role": "assistant", "content": None})
    for key, value in (piece.get("delta") or {}).items():
        if key == "tool_calls":
            _add_tool_calls(message.setdefault("tool_calls", []), value or ())
        elif isinstance(value, str) and key != "role":
            message[key] = (message.get(key) or "") + value
        elif value is not None:
            message[key] = value
    for key in ("finish_reason", "logprobs"):
        if piece.get(key) is not None:
            whole[key] = piece[key]


def _add_tool_calls(whole: list[dict[str, Any]], pieces: Sequence[Mapping[str, Any]]) -> None:
    for piece in pieces:
        index = piece.get("index", len(whole))
        while len(whole) <= index:
            whole.append({"type": "function", "function": {"name": "", "arguments": ""}})
        call, function = whole[index], piece.get("function") or {}
        call |= {key: piece[key] for key in ("id", "type") if piece.get(key)}
        for key in ("name", "arguments"):
            call["function"][key] += function.get(key) or ""


@dataclass(frozen=True, eq=False)
class Embeddings(EmbeddingAnswer):
    """Vectors, in the order of the inputs whatever the order of the answer."""

    @property
    def vectors(self) -> tuple[tuple[float, ...], ...]:
        """One vector an input."""
        listed = sorted(self.data.get("data") or (), key=lambda each: each.get("index", 0))
        return tuple(tuple(each["embedding"]) for each in listed)

    @property
    def usage(self) -> Usage | None:
        """Tokens of the inputs."""
        return usage_of(self.data)


CHAT_STREAM = Streaming(ChatChunk)


class OpenAICompatible(Provider):
    """What every server of this protocol has."""

    @operation("GET", "/models", answer=PageAnswer)
    def models_list(**options: Unpack[CallOptions]) -> None:
        """The models that there are."""

    @operation("GET", "/models/{model}", answer=Answer, effect=Effect.READ)
    def models_get(*, model: str, **options: Unpack[CallOptions]) -> None:
        """One model."""
