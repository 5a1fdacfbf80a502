"""One call in every way that there is: from a thread or a task, whole or as a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pytest_accelerate.errors import ProviderError
from pytest_accelerate.providers.openai import OpenAI
from pytest_accelerate.transport.policy import Policy
from tests.transport.hostile import PARAMETERS

KEY = "sk-canary-0123456789"
WAYS = ("sync", "async")

FAST = Policy(
    max_tries=3,
    backoff_initial=0.01,
    backoff_cap=0.3,
    deadline=3.0,
    connect_timeout=1.0,
    read_timeout=1.0,
    write_timeout=1.0,
    stream_idle_timeout=0.5,
    breaker_failures=0,
)
"""Small times, and nothing that one test could leave to another."""


@dataclass
class Ended:
    """How a call ended."""

    text: str | None
    """Of its answer."""
    error: BaseException | None
    seconds: float
    client: OpenAI

    def failed(self, kind: type[ProviderError]) -> Any:
        """The error, which must be exactly of this kind, and complete."""
        assert type(self.error) is kind, repr(self.error)
        error: Any = self.error
        assert error.provider == "openai"
        assert error.operation == "chat"
        assert error.call_id.startswith("openai-")
        assert KEY not in f"{error} {error!r} {vars(error)}"
        return error


def call(
    way: str, url: str, *, stream: bool = False, policy: Policy = FAST, **options: Any
) -> Ended:
    """Call ``chat`` of a new client, and see how it ends: in an answer or a typed error.

    In time, too, and with every slot free.
    """
    client = OpenAI(KEY, base_url=url, policy=policy)
    started = time.monotonic()
    text, error = None, None
    try:
        text = (_stream if stream else _whole)(way, client, options)
    except ProviderError as caught:
        error = caught
    seconds = time.monotonic() - started
    assert client.shared.slots.active == client.shared.slots.waiting == 0
    # 0.6 s for a busy machine.
    assert seconds < policy.deadline + policy.stream_idle_timeout + 0.6
    return Ended(text, error, seconds, client)


def _whole(way: str, client: OpenAI, options: dict[str, Any]) -> str:
    if way == "sync":
        with client:
            return client.chat(PARAMETERS, **options).text

    async def run() -> str:
        async with client:
            return (await client.chat.acall(PARAMETERS, **options)).text

    return asyncio.run(run())


def _stream(way: str, client: OpenAI, options: dict[str, Any]) -> str:
    if way == "sync":
        with client, client.chat.stream(PARAMETERS, **options) as events:
            return str(events.answer().text)

    async def run() -> str:
        async with client, client.chat.astream(PARAMETERS, **options) as events:
            return str((await events.answer()).text)

    return asyncio.run(run())


def policy(**changes: Any) -> Policy:
    """:data:`FAST` with changes."""
    return replace(FAST, **changes)


def in_tasks(work: Callable[[], Any]) -> Any:
    """Run a coroutine function, and see that it leaves no task behind."""

    async def run() -> Any:
        result = await work()
        for _ in range(3):  # what a closed connection still has to do
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(run())
