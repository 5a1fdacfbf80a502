"""Sound in OpenAI's protocol: speech made of text, and text made of speech.

Source: https://platform.openai.com/docs/api-reference/audio
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.providers.openai_family import error_event, usage_of
from pytest_accelerate.providers.reading import decoded, mapping, mappings, text_of
from pytest_accelerate.transport.answers import (
    BinaryAnswer,
    Origin,
    TextAnswer,
    Usage,
    media_type,
)
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, Streaming
from pytest_accelerate.transport.outcome import Reply


@dataclass(frozen=True, eq=False)
class Speech(BinaryAnswer):
    """Sound: ``content`` holds its bytes, in the format that was asked for."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> BinaryAnswer:
        """Read a reply.

        Raises:
            InvalidResponse: it is a page or JSON.
        """
        _refuse(reply, "text/html", "application/json")
        return super().of(reply, origin)

    @classmethod
    def of_events(cls, data: Mapping[str, Any], origin: Origin) -> Speech:
        """The sound of a stream's pieces; its content type is not told."""
        rest = {key: value for key, value in data.items() if key != "audio"}
        return cls(rest, origin, data["audio"])

    @property
    def usage(self) -> Usage | None:
        """Tokens, which a stream alone tells."""
        return usage_of(self.data)


@dataclass(frozen=True, eq=False)
class Transcription(TextAnswer):
    """What was said: ``text``, which is subtitles where ``srt`` or ``vtt`` was asked for."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> TextAnswer:
        """Read a reply.

        Raises:
            InvalidResponse: it is a page, or neither JSON nor text in UTF-8.
        """
        _refuse(reply, "text/html")
        return super().of(reply, origin)

    @property
    def language(self) -> str:
        """Of the speech; empty unless ``verbose_json`` was asked for."""
        return text_of(self.data.get("language"))

    @property
    def duration(self) -> float | None:
        """Seconds; ``None`` where it is not told."""
        value = self.data.get("duration")
        if value is None:
            value = mapping(self.data.get("usage")).get("seconds")
        return float(value) if isinstance(value, (int, float)) else None

    @property
    def segments(self) -> tuple[Mapping[str, Any], ...]:
        """``start``, ``end`` and ``text`` of each stretch, with its ``speaker`` where known."""
        return tuple(mappings(self.data.get("segments")))

    @property
    def words(self) -> tuple[Mapping[str, Any], ...]:
        """``start``, ``end`` and ``word``, where ``timestamp_granularities`` asked for words."""
        return tuple(mappings(self.data.get("words")))

    @property
    def usage(self) -> Usage | None:
        """Tokens; ``None`` for a model that is paid by :attr:`duration`."""
        return usage_of(self.data)


def _refuse(reply: Reply, *types: str) -> None:
    found = media_type(reply)
    if found in types:
        raise InvalidResponse(f"the answer is {found}: {reply.body[:80]!r}")


class _AudioEvent(StreamEvent):
    """What events of both directions share."""

    __slots__ = ()

    @property
    def is_end(self) -> bool:
        """Whether it is ``....done``."""
        return self.type.endswith(".done")

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream."""
        error = self.data.get("error")
        if not error and self.type == "error":
            error = self.data
        return error_event(error) if error else None


class SpeechEvent(_AudioEvent):
    """``speech.audio.delta`` and ``speech.audio.done``."""

    __slots__ = ()

    @property
    def audio(self) -> bytes:
        """The piece of sound; empty at the end.

        Raises:
            InvalidResponse: it is no base64.
        """
        piece = self.data.get("audio")
        return decoded([piece]) if piece else b""

    @classmethod
    def collect(cls, events: Sequence[SpeechEvent]) -> dict[str, Any]:
        """The sound as bytes under ``audio``, and the usage."""
        data = {"audio": b"".join(event.audio for event in events)}
        return data | {key: event.data[key] for event in events for key in ("usage",)
                       if key in event.data}  # fmt: skip


class TranscriptEvent(_AudioEvent):
    """``transcript.text.delta``, ``transcript.text.segment`` and ``transcript.text.done``."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The piece of text of a delta."""
        return text_of(self.data.get("delta"))

    @classmethod
    def collect(cls, events: Sequence[TranscriptEvent]) -> dict[str, Any]:
        """The transcription, as it is without streaming."""
        segments = [event.data for event in events if event.type == "transcript.text.segment"]
        whole = {"text": "".join(event.text for event in events)}
        for event in events:
            if event.is_end:
                whole |= {key: value for key, value in event.data.items() if key != "type"}
        return whole | ({"segments": segments} if segments else {})


SPEECH_STREAM = Streaming(SpeechEvent, body={"stream_format": "sse"})
TRANSCRIPT_STREAM = Streaming(TranscriptEvent)
