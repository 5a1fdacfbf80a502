"""From the bytes of a stream to its frames: server-sent events, and JSON a line. Sans-IO."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

_LONGEST = 64 * 2**20
"""A frame beyond it is no frame: some server sends without end."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One piece of a stream."""

    event: str
    """The name after ``event:``; empty where there is none."""
    data: bytes


class Framing(Protocol):
    """Cuts bytes into frames, however they are split on their way."""

    media_type: ClassVar[str]

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that ``chunk`` completes.

        Raises:
            ValueError: a frame has no end.
        """

    def finish(self) -> Iterator[Frame]:
        """What is left when the bytes end: a last frame may lack its blank line."""


class ServerSentEvents:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream."""

    media_type: ClassVar[str] = "text/event-stream"

    def __init__(self) -> None:
        self._pieces = _Pieces()
        self._started = False
        self._after_cr = self._after_lf = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The events that ``chunk`` completes; comments and empty ones are left out."""
        if not self._started:
            chunk = self._pieces.take(chunk)
            if len(chunk) < 3 and b"\xef\xbb\xbf".startswith(chunk):
                self._pieces.add(chunk)
                return
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
            self._started = True
        chunk = self._with_lf(chunk)
        if not chunk:
            return
        ends = b"\n\n" in chunk or (self._after_lf and chunk.startswith(b"\n"))
        self._after_lf = chunk.endswith(b"\n")
        if not ends:
            self._pieces.add(chunk)
            return
        *blocks, rest = self._pieces.take(chunk).split(b"\n\n")
        # Three in a row are an end and an empty line, which the next end must not count again.
        self._after_lf = rest.endswith(b"\n")
        self._pieces.add(rest)
        for block in blocks:
            frame = _parse(block)
            if frame is not None:
                yield frame

    def _with_lf(self, chunk: bytes) -> bytes:
        """The same with LF for CRLF and CR; a CR at the end counts at once, its LF not again."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def finish(self) -> Iterator[Frame]:
        """A last event that lacks its blank line."""
        yield from self.feed(b"\n\n")


def _parse(block: bytes) -> Frame | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return Frame("", block[6:])  # what nearly every event is
    event, data = "", []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
    return Frame(event, b"\n".join(data)) if data else None


class JsonLines:
    """One JSON value a line, as https://github.com/ndjson/ndjson-spec says."""

    media_type: ClassVar[str] = "application/x-ndjson"

    def __init__(self) -> None:
        self._pieces = _Pieces()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The lines that ``chunk`` completes; empty ones are left out."""
        if b"\n" not in chunk:
            self._pieces.add(chunk)
            return
        *lines, rest = self._pieces.take(chunk).split(b"\n")
        self._pieces.add(rest)
        for line in lines:
            if line := line.strip():
                yield Frame("", line)

    def finish(self) -> Iterator[Frame]:
        """A last line that lacks its end."""
        yield from self.feed(b"\n")


class _Pieces:
    """Chunks of one long frame, joined once: adding each to the last copies them all each time."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > _LONGEST:
            raise ValueError(f"a frame of more than {_LONGEST} bytes")
        if chunk:
            self._pieces.append(chunk)

    def take(self, chunk: bytes) -> bytes:
        if not self._pieces:
            return chunk
        whole = b"".join((*self._pieces, chunk))
        self._pieces.clear()
        self._size = 0
        return whole
