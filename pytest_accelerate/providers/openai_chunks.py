"""The pieces of a chat completion that streams, and errors amid a stream.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pytest_accelerate.providers.reading import count_of, decoded, mapping, mappings, text_of
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, Streaming, read_object
from pytest_accelerate.transport.framing import Frame


class ChatChunk(StreamEvent):
    """One ``chat.completion.chunk``."""

    __slots__ = ()
    ends_unseen: ClassVar[bytes] = b"[DONE]"

    @classmethod
    def parse(cls, frame: Frame) -> ChatChunk:
        """Read a frame."""
        data = read_object(frame)
        return cls("error" if data.get("error") else text_of(data.get("object")), data)

    @property
    def text(self) -> str:
        """The piece of text of the first choice."""
        choices = self.data.get("choices")
        try:
            return choices[0]["delta"]["content"] or ""  # type: ignore[index]
        except (IndexError, KeyError, TypeError):
            return ""

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream, as OpenAI and its kin send it."""
        error = self.data.get("error")
        return error_event(error) if error else None

    @classmethod
    def complete(cls, events: Sequence[ChatChunk]) -> bool:
        """Whether every choice has said why it stopped: some servers then send no ``[DONE]``."""
        choices = [choice for event in events
                   for choice in mappings(event.data.get("choices"))]  # fmt: skip
        begun = {choice.get("index", 0) for choice in choices}
        over = {choice.get("index", 0) for choice in choices if choice.get("finish_reason")}
        return bool(begun) and begun == over

    @classmethod
    def collect(cls, events: Sequence[ChatChunk]) -> dict[str, Any]:
        """The chat completion that these chunks are the pieces of."""
        whole: dict[str, Any] = {}
        choices: dict[int, _Choice] = {}
        for event in events:
            whole |= {key: value for key, value in event.data.items()
                      if key not in ("choices", "obfuscation") and value is not None}  # fmt: skip
            for piece in mappings(event.data.get("choices")):
                index = count_of(piece.get("index"))
                choices.setdefault(index, _Choice(index)).add(piece)
        return {
            **whole,
            "object": "chat.completion",
            "choices": [choices[index].whole() for index in sorted(choices)],
        }


_OF_EVERY_CHOICE = frozenset({"index", "delta", "finish_reason", "logprobs"})


class _Choice:
    """One choice, put together from its pieces."""

    def __init__(self, index: int) -> None:
        self._message: dict[str, Any] = {"role": "assistant", "content": None}
        self._rest: dict[str, Any] = {"index": index, "finish_reason": None}
        self._calls: dict[int, dict[str, Any]] = {}
        self._sound: list[Any] = []

    def add(self, piece: Mapping[str, Any]) -> None:
        for key, value in mapping(piece.get("delta")).items():
            if key == "tool_calls":
                self._add_calls(mappings(value))
            elif key == "audio":
                self._sound.append(mapping(value).get("data") or "")
                _extend(self._message.setdefault("audio", {}), mapping(value))
            elif key == "function_call":
                _extend(self._message.setdefault("function_call", {}), mapping(value))
            elif key == "role":
                self._message["role"] = value or self._message["role"]
            else:
                _extend(self._message, {key: value})
        if piece.get("finish_reason"):
            self._rest["finish_reason"] = piece["finish_reason"]
        if piece.get("logprobs"):
            _extend(self._rest.setdefault("logprobs", {}), mapping(piece["logprobs"]))
        for key in piece.keys() - _OF_EVERY_CHOICE:  # what a server adds, such as token_ids
            before, value = self._rest.get(key), piece[key]
            if isinstance(value, list) and isinstance(before, list):
                self._rest[key] = [*before, *value]
            elif value is not None or key not in self._rest:
                self._rest[key] = value

    def _add_calls(self, pieces: list[Mapping[str, Any]]) -> None:
        for piece in pieces:
            index = piece.get("index")
            call = self._calls.setdefault(
                index if isinstance(index, int) else len(self._calls),
                {"type": "function", "function": {"name": "", "arguments": ""}},
            )
            call |= {key: piece[key] for key in ("id", "type") if piece.get(key)}
            _extend(call["function"], mapping(piece.get("function")))

    def whole(self) -> dict[str, Any]:
        message = self._message
        if self._calls:
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        if self._sound:
            # Each piece has a padding of its own.
            message["audio"]["data"] = base64.b64encode(decoded(self._sound)).decode()
        return {**self._rest, "message": message}


def _extend(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add a piece: text and lists grow, anything else is replaced."""
    for key, value in piece.items():
        before = whole.get(key)
        if isinstance(value, str) and isinstance(before, str):
            whole[key] = before + value
        elif isinstance(value, list) and isinstance(before, list):
            whole[key] = [*before, *value]
        elif value is not None or key not in whole:
            whole[key] = value


def error_event(error: Any) -> StreamFailure:
    """An ``error`` object of OpenAI's, sent as an event."""
    if not isinstance(error, Mapping):
        return StreamFailure(500, "", str(error))
    code = str(error.get("code") or error.get("type") or "")
    unknown = 400 if code.startswith("invalid_") else 500
    status = _STATUSES.get(str(error.get("type")), _STATUSES.get(code, unknown))
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


CHAT_STREAM = Streaming(ChatChunk)
"""How chat completions stream."""
