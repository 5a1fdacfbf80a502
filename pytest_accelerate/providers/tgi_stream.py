"""What TGI streams: one token an event, and errors amid a stream whose status was 200."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accelerate.providers.openai_chunks import ChatChunk, error_event
from pytest_accelerate.providers.openai_completions import CompletionChunk
from pytest_accelerate.providers.reading import mapping, mappings, text_of
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, Streaming
from pytest_accelerate.transport.framing import Frame

_STATUSES = {
    "validation": 422,
    "template_error": 422,
    "missing_template_variable": 422,
    "tool_error": 422,
    "generation": 424,
    "overloaded": 429,
    "healthcheck": 503,
}
"""The status that each kind of error has outside a stream; all others have 500."""


def failure_of(data: Mapping[str, Any]) -> StreamFailure | None:
    """The error that an event is: ``{"error": text, "error_type": kind}``, or as OpenAI has it."""
    error = data.get("error")
    if not error:
        return None
    if isinstance(error, Mapping):
        status = error.get("http_status_code")
        told = {"code": status} if isinstance(status, int) else {}
        return error_event({**error, **told})
    kind = text_of(data.get("error_type"))
    return StreamFailure(_STATUSES.get(kind, 500), kind, str(error))


class GenerateEvent(StreamEvent):
    """One token; the last one carries the whole text."""

    __slots__ = ()

    @property
    def token(self) -> Mapping[str, Any]:
        """``id``, ``text``, ``logprob``, ``special``."""
        return mapping(self.data.get("token"))

    @property
    def text(self) -> str:
        """The text of the token; empty for a special one, which the whole text leaves out."""
        return "" if self.token.get("special") is True else text_of(self.token.get("text"))

    @property
    def is_end(self) -> bool:
        """Whether it carries the whole text."""
        return self.data.get("generated_text") is not None

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream."""
        return failure_of(self.data)

    @classmethod
    def collect(cls, events: Sequence[GenerateEvent]) -> dict[str, Any]:
        """What ``/generate`` gives: the text, and the details where they were asked for."""
        last = events[-1].data if events else {}
        whole: dict[str, Any] = {"generated_text": text_of(last.get("generated_text"))}
        if details := mapping(last.get("details")):
            whole["details"] = {
                **details,
                "prefill": [],
                "tokens": [dict(event.token) for event in events],
            }
            top = [mappings(event.data.get("top_tokens")) for event in events]
            if any(top):
                whole["details"]["top_tokens"] = top
        return whole


class TGIChunk(ChatChunk):
    """A piece of a chat."""

    __slots__ = ()

    @classmethod
    def parse(cls, frame: Frame) -> TGIChunk:
        """Read a frame; TGI up to 2.4 sends the piece of a tool call outside any list."""
        chunk = super().parse(frame)
        for choice in mappings(chunk.data.get("choices")):
            delta = choice.get("delta")
            if isinstance(delta, dict) and isinstance(delta.get("tool_calls"), dict):
                delta["tool_calls"] = [delta["tool_calls"]]
        return cls(chunk.type, chunk.data)

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream."""
        return failure_of(self.data)


class TGICompletionChunk(CompletionChunk):
    """A piece of a completion."""

    __slots__ = ()

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream."""
        return failure_of(self.data)


GENERATE = Streaming(GenerateEvent, body={}, path="/generate_stream")
GENERATE_ONLY = Streaming(GenerateEvent, body={}, only=True)
CHAT = Streaming(TGIChunk)
COMPLETIONS = Streaming(TGICompletionChunk)
