"""What came of sending once: a reply, or a failure below HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import httpx


class FailureKind(StrEnum):
    """Where it failed: whether the provider can have seen the request depends on it."""

    CONNECT = "connect"
    """No connection, so nothing was sent."""
    CONNECT_TIMEOUT = "connect-timeout"
    """No connection in time, so nothing was sent."""
    TIMEOUT = "timeout"
    """Sent, and no whole answer in time."""
    LOST = "lost"
    """The connection broke, or what came over it is not HTTP."""
    TOO_LARGE = "too-large"
    """The answer is larger than the policy allows."""
    DECODING = "decoding"
    """The answer's compression is broken, or a stream's first piece is no event."""
    UNSENDABLE = "unsendable"
    """What was to be sent cannot be: a header, or a file that cannot be read."""
    EMPTY_STREAM = "empty-stream"
    """A stream ended before its first event."""


UNSENT = frozenset({FailureKind.CONNECT, FailureKind.CONNECT_TIMEOUT})


@dataclass(frozen=True, slots=True)
class Failure:
    """No reply."""

    kind: FailureKind
    message: str


@dataclass(slots=True)
class Reply:
    """An answer with its status; a stream's body is still to come."""

    status: int
    headers: httpx.Headers
    body: bytes | bytearray = field(default=b"", repr=False)  # a server may echo keys
    stream: Any = None
    """A :class:`~pytest_accelerate.transport.streams.Stream` or its asynchronous kin, opened."""
    attempts: int = 0
    """How often the request was sent."""


Outcome: TypeAlias = Reply | Failure
