"""A client of S3 whose server plays scripted replies, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_accelerate.providers import mocks
from pytest_accelerate.providers.examples.s3 import content_reply, error_reply
from pytest_accelerate.providers.s3 import S3
from pytest_accelerate.providers.stages.loopback import Loopback
from pytest_accelerate.transport.policy import Policy

ID, SECRET, TOKEN = "AKIATESTTESTTESTTEST", "the/secret+half", "the-session-token"
SLOW = mocks.response(error_reply(503, "SlowDown", "Please reduce your request rate."))
SLOW.headers["retry-after"] = "1"
FOUND = mocks.response(content_reply(b"hello", "text/plain"))
VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION",
             "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")  # fmt: skip

Ways = Callable[..., Any]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key of this machine is found."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["called", "awaited"])
def ask(request: pytest.FixtureRequest) -> Ways:
    """Both ways to call."""
    if request.param == "called":
        return lambda handler, **parameters: handler(**parameters)
    return lambda handler, **parameters: asyncio.run(handler.acall(**parameters))


@contextmanager
def served(*replies: Any, **options: Any) -> Iterator[tuple[S3, list[httpx.Request]]]:
    """A client, and what its server was sent; the last reply is that to all that follow."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response | None:
        requests.append(request)
        reply = replies[min(len(requests), len(replies)) - 1]
        if isinstance(reply, OSError):
            raise reply
        return reply(request) if callable(reply) else reply

    server = Loopback(answer)
    options = {"policy": Policy(backoff_initial=0.001, backoff_cap=0.01), **options}
    client = S3(ID, SECRET, bucket="models", base_url=server.url, region="us-east-1", **options)
    try:
        with client:
            yield client, requests
    finally:
        server.close()
