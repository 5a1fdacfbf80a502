"""One tiny call of every operation, and what a provider answers to it: one file a provider.

The parameters are what live tests send; the replies are what mocked providers answer, written after
the provider's API reference and held against the official client's own types by the tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class CannedReply:
    """One answer on the wire."""

    body: bytes
    media_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(data: Any, **headers: str) -> CannedReply:
    """A JSON answer."""
    return CannedReply(json.dumps(data).encode(), headers=headers)


def sse_reply(events: Sequence[Any], *, end: str = "", named: bool = False) -> CannedReply:
    """A stream of server-sent events.

    Args:
        events: the JSON of each.
        end: data of a last frame that is no JSON, such as ``[DONE]``.
        named: whether each frame carries its JSON's ``type`` as ``event:``.
    """
    frames = [
        (f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n"
        for event in events
    ]
    if end:
        frames.append(f"data: {end}\n\n")
    return CannedReply("".join(frames).encode(), "text/event-stream")


def ndjson_reply(lines: Sequence[Any]) -> CannedReply:
    """A stream of JSON lines."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return CannedReply(text.encode(), "application/x-ndjson")


NEW_FOLDER = object()
"""In place of a parameter: an empty folder, another for each call."""


@dataclass(frozen=True)
class Example:
    """One operation's call."""

    parameters: Mapping[str, Any]
    reply: CannedReply
    stream: CannedReply | None = None
    """The answer where a stream is asked for; ``None`` for an operation that does not stream."""
    live: bool = True
    """Whether a live test can send the parameters as they are: not where they name a file or job
    that another call has to make first."""


def examples(provider: str) -> Mapping[str, Example]:
    """The examples of a provider, by operation."""
    found: Mapping[str, Example] = import_module(f"{__name__}.{provider}").EXAMPLES
    return found
