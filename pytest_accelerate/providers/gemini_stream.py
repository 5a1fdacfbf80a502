"""The pieces of an answer of Gemini's that is streamed, and the whole that they make.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent. Each event has the
form of a whole answer. The end mark is a ``finishReason`` of each candidate, or the prompt's
``blockReason``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accelerate.providers.gemini_answers import count, objects, text_of
from pytest_accelerate.providers.reading import mapping
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, Streaming


class GeminiChunk(StreamEvent):
    """One piece of a streamed answer, in the form of a whole one."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The text that this adds to the first candidate, without thoughts."""
        return text_of(self._parts, thoughts=False)

    @property
    def thoughts(self) -> str:
        """What this adds to the thoughts."""
        return text_of(self._parts, thoughts=True)

    @classmethod
    def complete(cls, events: Sequence[GeminiChunk]) -> bool:
        """Whether each candidate said why it finished, or the prompt was blocked.

        No event is the last for sure: of several candidates each has an end of its own.
        """
        finished: dict[int, bool] = {}
        for event in events:
            if mapping(event.data.get("promptFeedback")).get("blockReason"):
                return True
            for each in objects(event.data.get("candidates")):
                index = count(each, "index")
                finished[index] = finished.get(index, False) or bool(each.get("finishReason"))
        return bool(finished) and all(finished.values())

    @property
    def failure(self) -> StreamFailure | None:
        """An error in the stream."""
        error = self.data.get("error")
        if error is None:
            return None
        if not isinstance(error, Mapping):
            return StreamFailure(500, "", str(error))
        code = error.get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        return StreamFailure(status, str(error.get("status") or ""),
                             str(error.get("message") or ""))  # fmt: skip

    @property
    def _parts(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(
            part
            for each in objects(self.data.get("candidates"))
            if not each.get("index")
            for part in objects(mapping(each.get("content")).get("parts"))
        )

    @classmethod
    def collect(cls, events: Sequence[GeminiChunk]) -> dict[str, Any]:
        """The answer that these chunks are the pieces of."""
        whole: dict[str, Any] = {}
        candidates: dict[int, dict[str, Any]] = {}
        for event in events:
            whole |= {key: value for key, value in event.data.items()
                      if key != "candidates" and value is not None}  # fmt: skip
            for each in objects(event.data.get("candidates")):
                _add_candidate(candidates.setdefault(count(each, "index"), {}), each)
        if candidates:
            whole["candidates"] = [candidates[index] for index in sorted(candidates)]
        return whole


_LISTS = ("citationMetadata", "logprobsResult")
"""What of a candidate comes in pieces beside its parts: objects of lists that are joined."""


def _add_candidate(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    for key, value in piece.items():
        if key == "content":
            _add_content(whole.setdefault("content", {}), mapping(value))
        elif key in _LISTS and isinstance(value, Mapping):
            _join_lists(whole.setdefault(key, {}), value)
        elif value is not None:
            whole[key] = value


def _join_lists(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    for key, value in piece.items():
        whole[key] = [*whole.get(key, ()), *value] if isinstance(value, list) else value


def _add_content(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    whole |= {key: value for key, value in piece.items() if key != "parts"}
    parts = whole.setdefault("parts", [])
    for part in objects(piece.get("parts")):
        if parts and _goes_on(parts[-1], part):
            parts[-1] = {**parts[-1], "text": parts[-1]["text"] + part["text"]}
        elif part:
            parts.append(part)


def _goes_on(last: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """Whether a part is the next piece of a text. One with a signature stands for itself."""
    return (
        {*part} in ({"text"}, {"text", "thought"})
        and {**last, "text": ""} == {**part, "text": ""}
        and isinstance(last["text"], str)
        and isinstance(part["text"], str)
    )


GENERATE_STREAM = Streaming(
    GeminiChunk, body={}, path="/{model}:streamGenerateContent", query=(("alt", "sse"),)
)
