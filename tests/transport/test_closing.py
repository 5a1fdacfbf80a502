"""Closing a client, and one client for many threads and event loops."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.openai import OpenAI
from tests.transport.calling import KEY, in_tasks, policy
from tests.transport.hostile import (
    GOOD,
    HEAD,
    PARAMETERS,
    STREAM,
    End,
    HostileServer,
    failing,
    piece,
)


def make(url: str, **changes: Any) -> OpenAI:
    """A client with much time."""
    times = {"deadline": 20.0, "read_timeout": 20.0, "stream_idle_timeout": 20.0}
    return OpenAI(KEY, base_url=url, policy=policy(**{**times, **changes}))


def wait_for(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    until = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.parametrize("used", [False, True])
def test_calls_after_close(server: HostileServer, used: bool) -> None:
    """A closed client refuses every kind of call at once, also where all slots are free."""
    url, heard = server.says([GOOD])

    async def work() -> None:
        client = make(url)
        if used:
            await client.chat.acall(PARAMETERS)
            client.chat(PARAMETERS)
        await client.aclose()
        await client.aclose()
        for call in (lambda: client.chat(PARAMETERS), lambda: client.chat.stream(PARAMETERS)):
            with pytest.raises(errors.ClientClosed) as caught:
                call()
            assert caught.value.attempts == 0
        with pytest.raises(errors.ClientClosed):
            await client.chat.acall(PARAMETERS)
        with pytest.raises(errors.ClientClosed):
            await client.chat.astream(PARAMETERS)
        assert client.shared.slots.active == 0

    in_tasks(work)
    assert heard.count == 2 * used


def test_closing_wakes_who_waits(server: HostileServer) -> None:
    """Threads and tasks that wait for a slot are told at once that the client is closed."""
    url, heard = server.says([HEAD + piece("Hello"), End.STALL])
    client = make(url, concurrency=1)
    stream = client.chat.stream(PARAMETERS)
    ended: list[BaseException] = []

    def in_thread() -> None:
        with pytest.raises(errors.ClientClosed) as caught:
            client.chat(PARAMETERS)
        ended.append(caught.value)

    def in_task() -> None:
        async def call() -> None:
            with pytest.raises(errors.ClientClosed) as caught:
                await client.chat.acall(PARAMETERS)
            ended.append(caught.value)

        asyncio.run(call())

    threads = [threading.Thread(target=each) for each in (in_thread, in_task) * 3]
    for thread in threads:
        thread.start()
    wait_for(lambda: client.shared.slots.waiting == 6)
    started = time.monotonic()
    client.close()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 5
    assert len(ended) == 6
    assert heard.count == 1
    stream.close()
    assert client.shared.slots.active == client.shared.slots.waiting == 0


@pytest.mark.parametrize("resend", [True, False])
def test_closing_breaks_off_what_is_in_flight(
    server: HostileServer, resend: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread and a task that wait for an answer are told that their client was closed."""
    from dataclasses import replace

    declared = OpenAI.operations()["chat"]
    monkeypatch.setattr(declared, "declaration", replace(declared.declaration, resend=resend))
    url, heard = server.says([End.STALL])

    async def work() -> None:
        client = make(url)
        task = asyncio.create_task(client.chat.acall(PARAMETERS))
        thread = asyncio.create_task(asyncio.to_thread(client.chat, PARAMETERS))
        async with asyncio.timeout(10):
            while heard.count < 2:
                await asyncio.sleep(0.005)
        started = time.monotonic()
        await client.aclose()
        for each in (task, thread):
            with pytest.raises(errors.ClientClosed) as caught:
                await each
            assert caught.value.attempts == 1
        assert time.monotonic() - started < 5
        assert client.shared.slots.active == 0
        await asyncio.get_running_loop().shutdown_default_executor()

    in_tasks(work)


def test_closing_while_a_call_sleeps(server: HostileServer) -> None:
    """A call that sleeps sends nothing more once its client is closed."""
    url, heard = server.says([failing(429, retry_after_ms="150")])

    async def work() -> None:
        client = make(url)
        task = asyncio.create_task(client.chat.acall(PARAMETERS))
        async with asyncio.timeout(10):
            while not heard.count:
                await asyncio.sleep(0.005)
        await client.aclose()
        with pytest.raises(errors.ClientClosed):
            await task
        assert heard.count == 1

    in_tasks(work)


def test_no_connection_is_kept_by_a_closed_client(server: HostileServer) -> None:
    """Whatever was in flight when a client was closed, no connection is left."""
    url, _ = server.says([0.02, GOOD])
    before = len(psutil.Process().net_connections())
    for _ in range(10):
        client = make(url)
        with ThreadPoolExecutor(5) as pool:
            calls = [pool.submit(client.chat, PARAMETERS) for _ in range(5)]
            time.sleep(0.01)
            client.close()
            for call in calls:
                assert call.exception() is None or isinstance(call.exception(), errors.ClientClosed)
    wait_for(lambda: len(psutil.Process().net_connections()) == before)


def test_many_threads_and_two_loops(server: HostileServer) -> None:
    """One client serves threads and two event loops at once, and bounds them together."""
    url, heard = server.says([0.002, GOOD])
    client = make(url, concurrency=4, queue_size=1000)
    most, answers = [0], []

    def watch(text: str) -> None:
        most[0] = max(most[0], client.shared.slots.active)
        answers.append(text)

    def in_thread(_: int) -> None:
        for _ in range(20):
            watch(client.chat(PARAMETERS).text)

    def in_loop() -> None:
        async def call() -> None:
            watch((await client.chat.acall(PARAMETERS)).text)

        async def work() -> None:
            await asyncio.gather(*(call() for _ in range(60)))
            await client.tasks.aclose()

        asyncio.run(work())

    loops = [threading.Thread(target=in_loop) for _ in range(2)]
    for loop in loops:
        loop.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(in_thread, range(8)))
    for loop in loops:
        loop.join()
    client.close()
    assert answers == ["Hello there"] * heard.count == ["Hello there"] * (160 + 120)
    assert most[0] <= 4
    assert client.metrics["chat"].calls == 280
    assert client.shared.slots.active == client.shared.slots.waiting == 0


def test_one_event_loop_after_another(server: HostileServer) -> None:
    """A client serves one ``asyncio.run`` after another, and keeps no loop that ended."""
    url, heard = server.says([GOOD])
    with warnings.catch_warnings():
        # The connections were left open in loops that ended; aiohttp says so.
        warnings.simplefilter("ignore", ResourceWarning)
        assert _loops_kept(url, 8) <= 1
        gc.collect()
    assert heard.count == 8


def _loops_kept(url: str, runs: int) -> int:
    client, loops = make(url), list[weakref.ref[asyncio.AbstractEventLoop]]()

    async def call() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await client.chat.acall(PARAMETERS)

    for _ in range(runs):
        asyncio.run(call())
    gc.collect()
    kept = sum(loop() is not None for loop in loops)
    client.close()
    return kept


def test_the_first_calls_of_many_threads(server: HostileServer) -> None:
    """Threads that make the first call at the same moment share one pool of connections."""
    url, _ = server.says([GOOD])
    for _ in range(20):
        barrier = threading.Barrier(4)

        def call(client: OpenAI, barrier: threading.Barrier) -> object:
            barrier.wait()
            return client.threads._transport

        with make(url) as client, ThreadPoolExecutor(4) as pool:
            found = [pool.submit(call, client, barrier) for _ in range(4)]
            assert len({id(each.result()) for each in found}) == 1


def test_urgent_calls_first(server: HostileServer) -> None:
    """Of the calls that wait the one with the lowest priority number is sent first."""
    url, heard = server.says([HEAD + piece("Hello"), End.STALL], [GOOD])

    async def work() -> None:
        async with make(url, concurrency=1) as client:
            order: list[int] = []

            async def call(priority: int) -> None:
                await client.chat.acall(PARAMETERS, priority=priority)
                order.append(priority)

            async with client.chat.astream(PARAMETERS):
                tasks = [asyncio.create_task(call(each)) for each in (3, 1, 2, 1)]
                while client.shared.slots.waiting < 4:
                    await asyncio.sleep(0)
            await asyncio.gather(*tasks)
            assert order == [1, 1, 2, 3]

    in_tasks(work)
    assert heard.count == 5


def test_a_full_queue(server: HostileServer) -> None:
    """One call more than may wait is refused at once, and nothing is sent of it."""
    url, heard = server.says([STREAM])
    with make(url, concurrency=1, queue_size=0) as client:
        stream = client.chat.stream(PARAMETERS)
        with pytest.raises(errors.QueueFull):
            client.chat(PARAMETERS)
        assert heard.count == 1
        stream.close()


def test_waiting_takes_of_the_calls_own_time(server: HostileServer) -> None:
    """A call whose turn does not come in its own time says so, from threads and tasks."""
    url, heard = server.says([HEAD + piece("Hello"), End.STALL])

    async def work() -> None:
        async with make(url, concurrency=1) as client:
            async with client.chat.astream(PARAMETERS):
                for call in (
                    client.chat.acall(PARAMETERS, timeout=0.1),
                    asyncio.to_thread(client.chat, PARAMETERS, timeout=0.1),
                ):
                    started = time.monotonic()
                    with pytest.raises(errors.DeadlineExceeded, match="1 slots"):
                        await call
                    assert time.monotonic() - started < 2
            assert client.shared.slots.waiting == 0
            await asyncio.get_running_loop().shutdown_default_executor()

    in_tasks(work)
    assert heard.count == 1


def test_the_breaker_of_a_client(server: HostileServer) -> None:
    """After failures in a row nothing is sent, then one probe finds the provider well again."""
    url, heard = server.says(*[[failing(500)]] * 3, [GOOD])
    with make(url, breaker_failures=3, breaker_cooldown=0.2, max_tries=1) as client:
        for _ in range(3):
            with pytest.raises(errors.ServerError):
                client.chat(PARAMETERS)
        with pytest.raises(errors.CircuitOpen) as caught:
            client.chat(PARAMETERS)
        assert heard.count == 3
        assert 0 < caught.value.retry_after <= 0.2
        time.sleep(caught.value.retry_after)
        assert client.chat(PARAMETERS).text == "Hello there"
        assert client.chat(PARAMETERS).text == "Hello there"
