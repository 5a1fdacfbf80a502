"""What an Ollama server streams, one JSON object a line: https://docs.ollama.com/api/streaming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accelerate.providers.reading import mapping, mappings, text_of
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, Streaming
from pytest_accelerate.transport.framing import JsonLines


def lines_of(event: type[StreamEvent]) -> Streaming:
    """How such events are asked for: Ollama streams unless it is told not to."""
    return Streaming(event, JsonLines, plain_body={"stream": False})


class OllamaEvent(StreamEvent):
    """One line of a stream; an error is a line too."""

    __slots__ = ()

    @property
    def is_end(self) -> bool:
        """Whether ``done`` is true."""
        return self.data.get("done") is True

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream; its status is not told, so 500."""
        error = self.data.get("error")
        return None if error is None else StreamFailure(500, "", str(error))


class ChatPart(OllamaEvent):
    """A piece of a message."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The piece of text, without the thinking."""
        return text_of(mapping(self.data.get("message")).get("content"))

    @property
    def thinking(self) -> str:
        """The piece of thinking."""
        return text_of(mapping(self.data.get("message")).get("thinking"))

    @classmethod
    def collect(cls, events: Sequence[ChatPart]) -> dict[str, Any]:
        """The whole answer: pieces joined, and the figures of the last event."""
        message: dict[str, Any] = {}
        for event in events:
            _join(message, mapping(event.data.get("message")), ("content", "thinking"))
        return {**_last(events), "message": message}


class GeneratePart(OllamaEvent):
    """A piece of text, or for a model that makes images a step."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The piece of text, without the thinking."""
        return text_of(self.data.get("response"))

    @property
    def thinking(self) -> str:
        """The piece of thinking."""
        return text_of(self.data.get("thinking"))

    @classmethod
    def collect(cls, events: Sequence[GeneratePart]) -> dict[str, Any]:
        """The whole answer: pieces joined, and the figures of the last event."""
        texts: dict[str, Any] = {}
        for event in events:
            pieces = {name: event.data[name] for name in _TEXTS if name in event.data}
            _join(texts, pieces, _TEXTS)
        return {**_last(events), **texts}


_TEXTS = ("response", "thinking")


def _last(events: Sequence[OllamaEvent]) -> dict[str, Any]:
    whole = dict(events[-1].data) if events else {}
    logprobs = [each for event in events for each in mappings(event.data.get("logprobs"))]
    return {**whole, "logprobs": logprobs} if logprobs else whole


def _join(whole: dict[str, Any], piece: Mapping[str, Any], texts: Sequence[str]) -> None:
    """Add a piece: texts are joined, lists such as ``tool_calls`` too, others are the last."""
    for name, value in piece.items():
        if name in texts:
            whole[name] = text_of(whole.get(name)) + text_of(value)
        elif isinstance(value, list):
            before = whole.get(name)
            whole[name] = [*before, *value] if isinstance(before, list) else value
        else:
            whole[name] = value


class ProgressPart(OllamaEvent):
    """How far a pull, a push or a creation is."""

    __slots__ = ()

    @property
    def status(self) -> str:
        """Such as ``pulling manifest``; ``success`` is the last."""
        return text_of(self.data.get("status"))

    @property
    def digest(self) -> str:
        """The layer that is on its way; empty where none is."""
        return text_of(self.data.get("digest"))

    @property
    def total(self) -> int | None:
        """Bytes of the layer."""
        return _bytes(self.data.get("total"))

    @property
    def completed(self) -> int | None:
        """Bytes of the layer that are there; ``None`` also before the first."""
        return _bytes(self.data.get("completed"))

    @property
    def fraction(self) -> float | None:
        """Part of the layer that is there, 0 to 1; ``None`` where no layer is on its way."""
        total = self.total
        return min((self.completed or 0) / total, 1.0) if total else None

    @property
    def is_end(self) -> bool:
        """Whether it succeeded."""
        return self.status == "success"

    @classmethod
    def collect(cls, events: Sequence[ProgressPart]) -> dict[str, Any]:
        """The last status."""
        return dict(events[-1].data) if events else {}


def _bytes(value: Any) -> int | None:
    return value if isinstance(value, int) else None
