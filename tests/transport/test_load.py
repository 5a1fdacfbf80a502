"""Ten thousand calls of a hostile server, 64 at once: all end, and nothing is left of them."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_accelerate.errors import ProviderError
from pytest_accelerate.providers.openai import OpenAI
from tests.transport import hostile
from tests.transport.calling import KEY, policy

CALLS = 5_000
"""From threads, and as many from tasks."""
AT_ONCE = 64
DEADLINE = 10.0
POLICY = policy(
    concurrency=AT_ONCE, queue_size=AT_ONCE, deadline=DEADLINE, max_tries=3,
    backoff_initial=0.002, backoff_cap=0.05, read_timeout=5.0, connect_timeout=5.0,
    stream_idle_timeout=5.0, retry_budget=1.0,
)  # fmt: skip


@pytest.fixture
def url() -> Iterator[str]:
    """A server in a process of its own."""
    program = [sys.executable, "-m", hostile.__name__]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        program, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()
        served = json.loads(process.stdout.read())
        assert set(served) == {*hostile.MIX, *hostile.STREAM_MIX}, "a kind was never sent"


class Tally:
    """How the calls ended."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.longest = 0.0
        self._lock = threading.Lock()

    def add(self, end: str, started: float) -> None:
        """Count one."""
        with self._lock:
            self.ends[end] += 1
            self.longest = max(self.longest, time.monotonic() - started)

    def check(self) -> None:
        """All ended, most of them well, and none after its deadline."""
        assert self.ends.total() == CALLS
        assert self.ends["answer"] > 0.7 * CALLS
        assert len(self.ends) > 5, "the server was not hostile"
        assert "nothing" not in self.ends
        assert self.longest < DEADLINE + 1


def test_threads(url: str) -> None:
    """From threads every call ends in an answer or a typed error, and nothing is left."""
    before, tally = _left(), Tally()
    with OpenAI(KEY, base_url=url, policy=POLICY) as client:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda number: _call(client, number, tally), range(CALLS)))
        assert client.shared.slots.active == client.shared.slots.waiting == 0
        # What is kept for the next call, and no more.
        assert len(psutil.Process().net_connections()) <= before["sockets"] + AT_ONCE
    tally.check()
    _nothing_left(before)


def _call(client: OpenAI, number: int, tally: Tally) -> None:
    started = time.monotonic()
    try:
        if number % 3:
            answer = client.chat(hostile.PARAMETERS)
        elif number % 2:
            with client.chat.stream(hostile.PARAMETERS) as events:
                answer = events.answer()
        else:  # dropped after its first event
            end = "answer" if next(client.chat.stream(hostile.PARAMETERS), None) else "nothing"
            return tally.add(end, started)
        tally.add("answer" if answer.text == "Hello there" else "nothing", started)
    except ProviderError as error:
        tally.add(type(error).__name__, started)


def test_tasks(url: str) -> None:
    """From tasks every call ends in an answer or a typed error, and nothing is left."""
    before, tally = _left(), Tally()

    async def run() -> None:
        numbers = iter(range(CALLS))

        async def worker() -> None:
            for number in numbers:
                await _acall(client, number, tally)

        async with OpenAI(KEY, base_url=url, policy=POLICY) as client:
            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
            assert client.shared.slots.active == client.shared.slots.waiting == 0
            await asyncio.sleep(0.05)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert len(psutil.Process().net_connections()) <= before["sockets"] + AT_ONCE

    asyncio.run(run())
    tally.check()
    _nothing_left(before)


async def _acall(client: OpenAI, number: int, tally: Tally) -> None:
    started = time.monotonic()
    try:
        if number % 3:
            answer = await client.chat.acall(hostile.PARAMETERS)
        elif number % 2:
            async with client.chat.astream(hostile.PARAMETERS) as events:
                answer = await events.answer()
        else:  # dropped after its first event
            event = await anext(client.chat.astream(hostile.PARAMETERS), None)
            return tally.add("answer" if event else "nothing", started)
        tally.add("answer" if answer.text == "Hello there" else "nothing", started)
    except ProviderError as error:
        tally.add(type(error).__name__, started)


def _left() -> dict[str, Any]:
    gc.collect()
    process = psutil.Process()
    return {
        "sockets": len(process.net_connections()),
        "descriptors": process.num_fds(),
        "threads": set(threading.enumerate()),
    }


def _nothing_left(before: dict[str, Any]) -> None:
    assert _left() == before
