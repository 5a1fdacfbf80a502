"""A Gemini that answers what a test gives it."""

from __future__ import annotations

import json
from typing import Any

import httpx

from pytest_accelerate.providers import Gemini
from pytest_accelerate.providers.examples import CannedReply, json_reply
from pytest_accelerate.transport.policy import Policy

KEY = "fake-key-of-the-gemini-tests"
QUICK = Policy(backoff_initial=0.01, backoff_cap=0.05, max_tries=3)


def mocked(
    *replies: Any, policy: Policy = QUICK, sent: list[httpx.Request] | None = None, **more: Any
) -> Gemini:
    """A client whose calls get these answers in turn, the last one again and again."""
    left = list(replies)

    def answer(request: httpx.Request) -> httpx.Response:
        if sent is not None:
            sent.append(request)
        reply = left.pop(0) if len(left) > 1 else left[0]
        if not isinstance(reply, CannedReply):
            reply = json_reply(reply)
        headers = {"content-type": reply.media_type, **reply.headers}
        return httpx.Response(reply.status, headers=headers, content=reply.body)

    return Gemini(KEY, transport=httpx.MockTransport(answer), policy=policy, **more)


def failing(status: int, name: str, details: Any = ()) -> CannedReply:
    """An error in the form of Google's APIs."""
    error = {"code": status, "message": "no", "status": name, "details": details}
    return CannedReply(json.dumps({"error": error}).encode(), status=status)


def saying(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    """An answer with one candidate."""
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}]}


HI = saying({"text": "Hi"}, finishReason="STOP")
