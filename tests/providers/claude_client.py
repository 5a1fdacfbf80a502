"""A client of Claude with answers of one's choice, for which no time passes."""

from __future__ import annotations

from typing import Any

import httpx

from pytest_accelerate.providers.claude import Claude
from pytest_accelerate.providers.examples import CannedReply, sse_reply
from pytest_accelerate.transport.clock import FakeClock

KEY = "sk-ant-canary-0123456789"
HELLO: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 16,
    "messages": [{"role": "user", "content": "Hello"}],
}


class Sent(list[httpx.Request]):
    """The requests that a client sent."""


def client(*replies: CannedReply | Exception, **more: Any) -> tuple[Claude, Sent]:
    """A client that gets these answers, the last of them again and again, and no time passes."""
    left, sent = list(replies), Sent()

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(
            reply.status,
            headers={"content-type": reply.media_type, **reply.headers},
            content=reply.body,
        )

    transport = httpx.MockTransport(answer)
    return Claude(KEY, transport=transport, clock=FakeClock(), **more), sent


def streamed(events: list[dict[str, Any]]) -> CannedReply:
    """These events, as Claude sends them."""
    return sse_reply(events, named=True)


def error_event(kind: str) -> dict[str, Any]:
    """An error, as it stands in a stream and in the body of an error status."""
    return {"type": "error", "error": {"type": kind, "message": "so it is"}, "request_id": "req_1"}
