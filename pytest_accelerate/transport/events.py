"""The events of a stream, and the reader that makes them of bytes. Sans-IO."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pytest_accelerate.transport.framing import Frame, Framing, ServerSentEvents


@dataclass(frozen=True, slots=True)
class StreamFailure:
    """An error that a provider sends as an event, in a stream whose status was 200."""

    status: int
    """The status that the same error has outside a stream."""
    code: str
    message: str


class StreamEvent:
    """One event: a kind, its JSON, and what the subclass of a provider makes of it."""

    __slots__ = ("data", "type")

    ends_unseen: ClassVar[bytes] = b""
    """A frame that ends the stream and is no event, such as ``[DONE]``."""

    def __init__(self, type: str, data: dict[str, Any]) -> None:
        self.type = type
        """The provider's own name for this kind of event; empty where it has none."""
        self.data = data

    @classmethod
    def parse(cls, frame: Frame) -> StreamEvent:
        """Read a frame.

        Raises:
            ValueError: it is no JSON object.
        """
        data = read_object(frame)
        return cls(frame.event or data.get("type") or "", data)

    @property
    def text(self) -> str:
        """The piece of text that this event adds; empty where it adds none."""
        return ""

    @property
    def is_end(self) -> bool:
        """Whether the provider says that nothing follows."""
        return False

    @classmethod
    def complete(cls, events: Sequence[Any]) -> bool:
        """Whether a stream that ends after these events lacks nothing, though no mark came.

        For servers that speak a provider's protocol and leave its end mark out.
        """
        return False

    @property
    def failure(self) -> StreamFailure | None:
        """The error that this event is; ``None`` for all others."""
        return None

    @classmethod
    def collect(cls, events: Sequence[Any]) -> dict[str, Any]:
        """The JSON that the same call would have got without streaming."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.type} {self.data!r:.200}>"


_decode = json.JSONDecoder().decode  # json.loads looks for the encoding first: a tenth of its time


def read_object(frame: Frame) -> dict[str, Any]:
    """The JSON object that a frame holds.

    Raises:
        ValueError: it holds none.
    """
    data = _decode(frame.data.decode())
    if type(data) is not dict:
        raise ValueError(f"expected a JSON object, found {frame.data[:80]!r}")
    return data


@dataclass(frozen=True)
class Streaming:
    """How an operation streams."""

    event: type[StreamEvent]
    framing: type[Framing] = ServerSentEvents
    body: dict[str, Any] = field(default_factory=lambda: {"stream": True})
    """What is added to the body to ask for it."""
    plain_body: dict[str, Any] = field(default_factory=dict)
    """What is added to ask for no stream, where that is not the default."""
    path: str = ""
    """The path to ask for a stream at, where it is another."""
    query: tuple[tuple[str, str], ...] = ()
    """What is added to the query to ask for it."""
    media_types: tuple[str, ...] = ()
    """Content types of the stream beside its framing's own."""
    only: bool = False
    """Whether the operation cannot answer without streaming."""


class StreamReader:
    """Makes events of bytes, and knows whether the stream has come to its end."""

    def __init__(self, streaming: Streaming) -> None:
        self._event = streaming.event
        self._framing = streaming.framing()
        self.ended = False
        """Whether the end mark was seen."""

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        """The events that ``chunk`` completes; none after the end.

        Raises:
            ValueError: the bytes are not such a stream.
        """
        return self._read(self._framing.feed(chunk))

    def finish(self, arrived: Sequence[StreamEvent]) -> Iterator[StreamEvent]:
        """The events that the end of the bytes completes.

        Args:
            arrived: the events before them.
        """
        rest = list(self._read(self._framing.finish()))
        self.ended = self.ended or self._event.complete([*arrived, *rest])
        return iter(rest)

    def _read(self, frames: Iterator[Frame]) -> Iterator[StreamEvent]:
        unseen, parse = self._event.ends_unseen, self._event.parse
        for frame in frames:
            if self.ended:
                return
            if unseen and frame.data == unseen:
                self.ended = True
                return
            event = parse(frame)
            if event.is_end:
                self.ended = True
            yield event
