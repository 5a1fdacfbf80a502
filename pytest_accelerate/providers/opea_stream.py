"""What OPEA streams: chunks of OpenAI's, or pieces of text as Python writes its bytes.

ChatQnA, and the text generation of older releases, send ``data: b'Hello'`` and at the end
``data: [DONE]``: https://github.com/opea-project/GenAIExamples/blob/main/ChatQnA/chatqna.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.providers.openai_chunks import ChatChunk
from pytest_accelerate.transport.events import Streaming
from pytest_accelerate.transport.framing import Frame

PIECE = "piece"
"""The kind of an event that is no JSON."""


class OpeaChunk(ChatChunk):
    """One chunk of JSON, or one :attr:`piece` of text."""

    __slots__ = ()

    @classmethod
    def parse(cls, frame: Frame) -> OpeaChunk:
        """Read a frame.

        Raises:
            ValueError: it is neither JSON nor a literal of Python's.
        """
        data = frame.data.strip()
        if data == b"[ERROR]":  # the guard of a model's output sends it in place of the rest
            return cls("error", {"error": "the service says [ERROR] and no more"})
        if data.startswith(b"{"):
            chunk = ChatChunk.parse(frame)
            return cls(chunk.type, chunk.data)
        return cls(PIECE, {PIECE: literal(data)})

    @property
    def piece(self) -> bytes:
        """The text of a piece in UTF-8; a character may begin in one and end in the next."""
        found = self.data.get(PIECE)
        return found if isinstance(found, bytes) else b""

    @property
    def text(self) -> str:
        """The text that this event adds."""
        return self.piece.decode("utf-8", "replace") if self.type == PIECE else super().text

    @classmethod
    def collect(cls, events: Sequence[Any]) -> dict[str, Any]:
        """The chat completion that the events are the pieces of.

        Raises:
            InvalidResponse: there are none: a megaservice ends a stream so where the service of
                its model has failed.
        """
        if not events:
            raise InvalidResponse(
                "the stream came to its end without a piece of text: "
                "the service of the model behind it has failed"
            )
        pieces = [event for event in events if event.type == PIECE]
        if not pieces:
            return super().collect(events)
        text = b"".join(event.piece for event in pieces).decode("utf-8", "replace")
        message = {"role": "assistant", "content": text}
        # Why it stopped, the model and the usage are not told.
        choice = {"index": 0, "message": message, "finish_reason": None}
        return {"object": "chat.completion", "choices": [choice]}


OPEA_STREAM = Streaming(OpeaChunk, plain_body={"stream": False})
"""How it is asked for; ChatQnA streams unless it is told not to."""

_LITERAL = re.compile(rb"""(b?)(['"])(.*)\2""", re.DOTALL)
_BYTES = re.compile(rb"(?:[^\\\x80-\xff]|\\(?:[\\'\"nrt]|x[0-9a-f]{2}))*", re.DOTALL)
_TEXT = re.compile(
    rb"(?:[^\\]|\\(?:[\\'\"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))*", re.DOTALL
)
_ESCAPE = re.compile(rb"\\(.)([0-9a-f]{0,8})", re.DOTALL)
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_DIGITS = {b"x": 2, b"u": 4, b"U": 8}


def literal(data: bytes) -> bytes:
    """The bytes that ``repr`` of bytes or of text stands for, in UTF-8.

    A megaservice whose guard has refused a question puts the guard's text between ``b'`` and ``'``
    as it is: what is no literal is taken as it stands.

    Raises:
        ValueError: it stands in no quotes.
    """
    found = _LITERAL.fullmatch(data)
    if found is None:
        # A text with line breaks of its own lost its end to the rules of server-sent events.
        opened = re.fullmatch(rb"b?['\"](.*)", data, re.DOTALL)
        if opened is None:
            raise ValueError(f"expected b'...' or JSON, found {data[:80]!r}")
        return opened[1]
    prefix, quote, inner = found.groups()
    known = _BYTES if prefix else _TEXT
    if not known.fullmatch(inner) or quote in re.sub(rb"\\.", b"", inner, flags=re.DOTALL):
        return inner
    return _ESCAPE.sub(_byte if prefix else _character, inner)


def _byte(escape: re.Match[bytes]) -> bytes:
    kind, digits = escape.groups()
    if kind != b"x":
        return _NAMED.get(kind, kind) + digits
    return bytes([int(digits[:2], 16)]) + digits[2:]


def _character(escape: re.Match[bytes]) -> bytes:
    kind, digits = escape.groups()
    size = _DIGITS.get(kind)
    if size is None:
        return _NAMED.get(kind, kind) + digits
    code = int(digits[:size], 16)
    # A lone surrogate, or what is no character at all, cannot be written in UTF-8.
    text = chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return text.encode() + digits[size:]
