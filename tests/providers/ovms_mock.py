"""An OVMS client with a mock for a server."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from pytest_accelerate.providers.examples import CannedReply
from pytest_accelerate.providers.ovms import OVMS
from pytest_accelerate.transport.policy import Policy

QUICK = Policy(backoff_initial=0.001, backoff_cap=0.002)
LIST = {"x": {"datatype": "FP32", "data": [1.0]}}
"""Inputs of a model."""


def mocked(
    reply: CannedReply | Callable[[httpx.Request], CannedReply],
    seen: list[httpx.Request] | None = None,
) -> OVMS:
    """A client whose server answers with ``reply``."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        told = reply(request) if callable(reply) else reply
        headers = {"content-type": told.media_type, **told.headers}
        return httpx.Response(told.status, content=told.body, headers=headers)

    return OVMS(policy=QUICK, transport=httpx.MockTransport(answer))
