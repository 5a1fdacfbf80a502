"""The events of a streamed message: https://platform.claude.com/docs/en/build-with-claude/streaming."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.transport.events import StreamEvent, StreamFailure

_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that each kind of error has outside a stream."""


def failure_of(data: Mapping[str, Any]) -> StreamFailure:
    """What ``{"type": "error", "error": {...}}`` says: an event's JSON, or a batch's result."""
    error = data.get("error")
    if not isinstance(error, Mapping):
        return StreamFailure(500, "", str(error or "the provider does not say what"))
    kind = str(error.get("type") or "")
    return StreamFailure(_STATUSES.get(kind, 500), kind, str(error.get("message") or ""))


class MessageEvent(StreamEvent):
    """One event of a message; kinds that are not known pass through as they are.

    ``type`` is ``message_start``, ``content_block_start``, ``content_block_delta``,
    ``content_block_stop``, ``message_delta``, ``message_stop`` or ``ping``.
    """

    __slots__ = ()

    @property
    def delta(self) -> Mapping[str, Any]:
        """What a ``content_block_delta`` or ``message_delta`` adds; empty for all others."""
        found = self.data.get("delta")
        return found if type(found) is dict else {}

    @property
    def text(self) -> str:
        """The piece of text of a ``text_delta``."""
        return self._piece("text_delta", "text")

    @property
    def thinking(self) -> str:
        """The piece of thinking of a ``thinking_delta``."""
        return self._piece("thinking_delta", "thinking")

    @property
    def partial_json(self) -> str:
        """The piece of a tool's input, JSON once all are joined, of an ``input_json_delta``."""
        return self._piece("input_json_delta", "partial_json")

    @property
    def index(self) -> int | None:
        """Which block of the content a ``content_block_...`` is about."""
        found = self.data.get("index")
        return found if type(found) is int else None

    def _piece(self, kind: str, field: str) -> str:
        delta = self.data.get("delta")
        if type(delta) is not dict or delta.get("type") != kind:
            return ""
        found = delta.get(field)
        return found if type(found) is str else ""

    @property
    def is_end(self) -> bool:
        """Whether it is ``message_stop``."""
        return self.type == "message_stop"

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream, such as ``overloaded_error``."""
        return failure_of(self.data) if self.type == "error" else None

    @classmethod
    def collect(cls, events: Sequence[MessageEvent]) -> dict[str, Any]:
        """The message that these events are the pieces of.

        Raises:
            InvalidResponse: they are not the events of one message.
        """
        whole: dict[str, Any] = {}
        blocks: dict[int, _Block] = {}
        for event in events:
            if event.type == "message_start":
                whole = dict(_mapping(event, "message"))
                blocks = dict(enumerate(map(_Block, whole.get("content") or ())))
            elif event.type == "content_block_start":
                blocks[_index(event)] = _Block(_mapping(event, "content_block"))
            elif event.type == "content_block_delta":
                if _index(event) not in blocks:
                    raise InvalidResponse(f"a piece of a block that was not started: {event!r}")
                blocks[_index(event)].add(event)
            elif event.type == "message_delta":
                _add_delta(whole, event.data)
        if not whole:
            raise InvalidResponse("the stream has no message_start")
        return {**whole, "content": [blocks[index].whole() for index in sorted(blocks)]}


_PIECES = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "input"),
}
"""By kind of delta: where its piece stands, and the field of the block that it is a piece of."""


class _Block:
    """One block of content; its pieces are joined once, at the end."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self._start = start
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[Any] = []

    def add(self, event: MessageEvent) -> None:
        delta = event.delta
        kind = delta.get("type")
        if kind == "citations_delta":
            self._citations.append(delta.get("citation"))
        elif kind in _PIECES:
            name, field = _PIECES[kind]
            piece = delta.get(name)
            if not isinstance(piece, str):
                raise InvalidResponse(f"expected text as {name}: {event!r}")
            self._pieces.setdefault(field, []).append(piece)

    def whole(self) -> dict[str, Any]:
        block = dict(self._start)
        for field, pieces in self._pieces.items():
            joined = "".join(pieces)
            if field == "input":
                block[field] = _parsed(joined) if joined else block.get(field, {})
            elif field == "signature":
                block[field] = pieces[-1]  # always whole
            else:
                block[field] = (block.get(field) or "") + joined
        if self._citations:
            block["citations"] = [*(block.get("citations") or ()), *self._citations]
        return block


def _parsed(text: str) -> Any:
    """A tool's input; its text where that is no JSON object, as one that ``max_tokens`` cut."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, dict) else text


def _add_delta(whole: dict[str, Any], data: Mapping[str, Any]) -> None:
    """What a ``message_delta`` tells of the message: its usage counts are totals, not steps."""
    delta, usage = data.get("delta"), data.get("usage")
    _set_known(whole, delta if isinstance(delta, Mapping) else {})
    if isinstance(usage, Mapping):
        whole["usage"] = dict(whole.get("usage") or {})
        _set_known(whole["usage"], usage)
    _set_known(whole, {name: value for name, value in data.items()
                       if name not in ("type", "delta", "usage")})  # fmt: skip


def _set_known(whole: dict[str, Any], news: Mapping[str, Any]) -> None:
    # A null says nothing new: what message_start told stays.
    for name, value in news.items():
        if value is not None or name not in whole:
            whole[name] = value


def _mapping(event: MessageEvent, name: str) -> Mapping[str, Any]:
    found = event.data.get(name)
    if not isinstance(found, Mapping):
        raise InvalidResponse(f"expected an object as {name}: {event!r}")
    return found


def _index(event: MessageEvent) -> int:
    if event.index is None:
        raise InvalidResponse(f"expected a whole number as index: {event!r}")
    return event.index
