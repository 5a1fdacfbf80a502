"""Whoever gives up frees what the call held: its slot, its connection, its task."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psutil
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.openai import OpenAI
from pytest_accelerate.transport.pace import PacedStream
from tests.transport.calling import KEY, in_tasks, policy
from tests.transport.hostile import (
    DONE,
    GOOD,
    HEAD,
    PARAMETERS,
    STREAM,
    End,
    HostileServer,
    Script,
    chunk,
    failing,
    piece,
)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No thread and no socket of a client is left after a test."""
    threads, sockets = set(threading.enumerate()), _sockets()
    yield
    assert set(threading.enumerate()) == threads
    # The server notices a moment later that a client is gone.
    assert _soon(lambda: _sockets() <= sockets), "a connection is left"


def _sockets() -> int:
    gc.collect()
    return len(psutil.Process().net_connections())


def _soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 5
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


async def _asoon(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


def one_at_once(url: str, **changes: Any) -> OpenAI:
    """A client with a single slot and much time."""
    return OpenAI(KEY, base_url=url, policy=policy(**{"concurrency": 1, "deadline": 20.0,
        "read_timeout": 20.0, "stream_idle_timeout": 20.0, **changes}))  # fmt: skip


STREAM_STALLS: Script = [HEAD + piece("Hello"), End.STALL]
_PACKER = zlib.compressobj(wbits=31)
PACKED_STREAM = HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n") + chunk(
    _PACKER.compress(b'data: {"choices": []}\n\n') + _PACKER.flush(zlib.Z_SYNC_FLUSH)
)
MOMENTS: dict[str, tuple[Script, bool]] = {
    "while it sends": ([End.STALL], False),
    "amid the headers": ([GOOD[:20], End.STALL], False),
    "amid the body": ([GOOD[:-5], End.STALL], False),
    "while it sleeps": ([failing(429, retry_after="15")], False),
    "before the first event": ([HEAD, End.STALL], True),
    "amid a stream": (STREAM_STALLS, True),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_a_cancelled_task_frees_its_slot(server: HostileServer, moment: str, how: str) -> None:
    """A task may be cancelled at every moment of a call: the next call has the slot."""
    script, stream = MOMENTS[moment]
    url, heard = server.says(script, [STREAM if stream else GOOD])

    async def work() -> None:
        async with one_at_once(url, backoff_cap=16.0) as client:

            async def first() -> Any:
                if stream:
                    async with client.chat.astream(PARAMETERS) as events:
                        return await events.answer()
                return await client.chat.acall(PARAMETERS)

            task = asyncio.create_task(first())
            await _asoon(lambda: heard.count == 1)
            await asyncio.sleep(0.05)
            if how == "cancel":
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(task, 0.01)
            assert client.shared.slots.active == 0
            assert (await first()).text == "Hello there"
            began = moment == "amid a stream"
            assert client.metrics["chat"].errors == ({} if began else {"cancelled": 1})

    in_tasks(work)


def test_cancelled_while_it_waits(server: HostileServer) -> None:
    """A task that is cancelled in the queue leaves it, and the others keep their turns."""
    url, heard = server.says(STREAM_STALLS, [GOOD])

    async def work() -> None:
        async with one_at_once(url) as client:
            slots = client.shared.slots
            async with client.chat.astream(PARAMETERS):
                waiting = [asyncio.create_task(client.chat.acall(PARAMETERS)) for _ in range(3)]
                await _asoon(lambda: slots.waiting == 3)
                waiting[0].cancel()
                await _asoon(lambda: slots.waiting == 2)
                assert slots.active == 1
            assert [(await each).text for each in waiting[1:]] == ["Hello there"] * 2
            assert heard.count == 3

    in_tasks(work)


def test_cancelled_as_its_turn_comes(server: HostileServer) -> None:
    """A task that is cancelled just when it is granted a slot gives it back."""
    url, _ = server.says(STREAM_STALLS, [GOOD])

    async def work() -> None:
        async with one_at_once(url) as client:
            async with client.chat.astream(PARAMETERS):
                task = asyncio.create_task(client.chat.acall(PARAMETERS))
                await _asoon(lambda: client.shared.slots.waiting == 1)
            assert client.shared.slots.active == 1  # granted, and the task does not know yet
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client.shared.slots.active == 0

    in_tasks(work)


def test_cancelled_at_any_step(server: HostileServer) -> None:
    """Wherever in its way through the event loop a call is cancelled, its slot is free."""
    url, _ = server.says([GOOD])
    events, _ = server.says([STREAM])

    async def work() -> None:
        for base, stream in ((url, False), (events, True)):
            async with one_at_once(base) as client:

                async def call(client: OpenAI = client, stream: bool = stream) -> None:
                    if stream:
                        async for _ in client.chat.astream(PARAMETERS):
                            pass
                    else:
                        await client.chat.acall(PARAMETERS)

                for turns in range(40):
                    task = asyncio.create_task(call())
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    assert client.shared.slots.active == 0

    in_tasks(work)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_stream_that_is_dropped(server: HostileServer, way: str) -> None:
    """A stream that nobody holds any more frees slot and connection without being closed."""
    url, _ = server.says(STREAM_STALLS, STREAM_STALLS, [GOOD])
    before = _sockets()
    if way == "sync":
        with one_at_once(url) as client:
            assert next(client.chat.stream(PARAMETERS)).text == "Hello"
            client.chat.stream(PARAMETERS)
            assert client.shared.slots.active == 0
            assert _soon(lambda: _sockets() == before)
            assert client.chat(PARAMETERS).text == "Hello there"
        return

    async def work() -> None:
        async with one_at_once(url) as client:
            assert (await anext(client.chat.astream(PARAMETERS))).text == "Hello"
            await client.chat.astream(PARAMETERS)
            assert client.shared.slots.active == 0
            await _asoon(lambda: _sockets() == before)
            assert (await client.chat.acall(PARAMETERS)).text == "Hello there"

    in_tasks(work)


def test_a_stream_in_a_cycle(server: HostileServer) -> None:
    """A dropped stream that the garbage collector has to find is freed by it, from any thread."""
    url, _ = server.says(STREAM_STALLS, STREAM_STALLS, [GOOD])

    async def work() -> None:
        async with one_at_once(url, concurrency=2) as client:
            holder: dict[str, Any] = {"a": await client.chat.astream(PARAMETERS)}
            holder["itself"] = holder
            del holder
            with_sync: dict[str, Any] = {
                "b": await asyncio.to_thread(client.chat.stream, PARAMETERS)
            }
            with_sync["itself"] = with_sync
            del with_sync
            await asyncio.to_thread(gc.collect)
            assert client.shared.slots.active == 0
            assert (await client.chat.acall(PARAMETERS)).text == "Hello there"
            await asyncio.get_running_loop().shutdown_default_executor()

    in_tasks(work)


@pytest.mark.parametrize("script", [STREAM_STALLS, [PACKED_STREAM, End.STALL]])
def test_the_collector_amid_the_pools_own_work(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    """A dropped stream that the collector finds while the pool is locked locks nothing up."""
    url, _ = server.says(script, [GOOD])
    asked = PacedStream.get_extra_info

    def collecting(stream: PacedStream, info: str) -> Any:
        if info == "is_readable":  # httpcore asks it of idle connections, its pool locked
            gc.collect()
        return asked(stream, info)

    with one_at_once(url, concurrency=2) as client:
        gc.disable()
        try:
            holder: dict[str, Any] = {"stream": client.chat.stream(PARAMETERS)}
            holder["itself"] = holder
            del holder
            assert client.chat(PARAMETERS).text == "Hello there"  # its connection is idle then
            monkeypatch.setattr(PacedStream, "get_extra_info", collecting)
            assert client.shared.slots.active == 1
            assert _in_thread(lambda: client.chat(PARAMETERS)).text == "Hello there"
        finally:
            gc.enable()
        assert client.shared.slots.active == 0


def test_a_stream_that_was_not_begun(server: HostileServer) -> None:
    """An asynchronous stream that is never opened sends nothing and holds nothing."""
    url, heard = server.says([STREAM])

    async def work() -> None:
        async with one_at_once(url) as client:
            client.chat.astream(PARAMETERS)
            assert client.shared.slots.active == heard.count == 0

    in_tasks(work)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_closed_stream(server: HostileServer, way: str) -> None:
    """A closed stream gives no more events, and no answer that only seems whole."""
    url, _ = server.says([HEAD + piece("Hello ") + piece("there") + DONE])
    if way == "sync":
        with one_at_once(url) as client, client.chat.stream(PARAMETERS) as events:
            assert next(events).text == "Hello "
            events.close()
            events.close()
            assert client.shared.slots.active == 0
            assert list(events) == []
            with pytest.raises(errors.StreamInterrupted, match="closed before its end") as caught:
                events.answer()
    else:

        async def work() -> Any:
            async with one_at_once(url) as client:
                async with client.chat.astream(PARAMETERS) as events:
                    assert (await anext(events)).text == "Hello "
                    await events.aclose()
                    await events.aclose()
                    assert client.shared.slots.active == 0
                    assert [each async for each in events] == []
                    with pytest.raises(errors.StreamInterrupted, match="closed before") as caught:
                        await events.answer()
                return caught

        caught = in_tasks(work)
    assert [each.text for each in caught.value.events] == ["Hello "]
    assert caught.value.attempts == 1


def test_a_stream_read_by_another_thread(server: HostileServer) -> None:
    """A stream may be read by another thread than opened it; the idle timeout holds there."""
    url, _ = server.says([HEAD + piece("Hello "), 0.05, piece("there"), DONE], STREAM_STALLS)
    with one_at_once(url, stream_idle_timeout=0.2) as client:
        assert _in_thread(client.chat.stream(PARAMETERS).answer).text == "Hello there"
        stalled = client.chat.stream(PARAMETERS)
        with pytest.raises(errors.StreamInterrupted):
            _in_thread(stalled.answer)
        assert client.shared.slots.active == 0


def test_a_stream_closed_by_another_thread(server: HostileServer) -> None:
    """Closing a stream wakes the thread that reads from it."""
    url, _ = server.says(STREAM_STALLS)
    with one_at_once(url) as client:
        stream = client.chat.stream(PARAMETERS)
        started = time.monotonic()
        threading.Timer(0.1, stream.close).start()
        with pytest.raises(errors.StreamInterrupted):
            stream.answer()
        assert time.monotonic() - started < 5
        assert _soon(lambda: client.shared.slots.active == 0)


def _in_thread(work: Callable[[], Any]) -> Any:
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(work())
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert ended, "it hangs"
    if isinstance(ended[0], BaseException):
        raise ended[0]
    return ended[0]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_connection_is_kept_after_a_stream(server: HostileServer, way: str) -> None:
    """A stream that was read to its end gives its connection to the next call."""
    url, heard = server.says([STREAM.removesuffix(b"0\r\n\r\n"), 0.01, b"0\r\n\r\n"])
    before = server.connections

    async def work() -> None:
        async with one_at_once(url) as client:
            for _ in range(4):
                async with client.chat.astream(PARAMETERS) as events:
                    assert (await events.answer()).text == "Hello there"

    if way == "async":
        in_tasks(work)
    else:
        with one_at_once(url) as client:
            for _ in range(4):
                with client.chat.stream(PARAMETERS) as events:
                    assert events.answer().text == "Hello there"
    assert heard.count == 4
    assert server.connections == before + 1


def test_an_interrupted_thread(server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt (Ctrl-C) amid a call frees its slot."""
    url, _ = server.says([failing(500)], [GOOD])
    with one_at_once(url) as client:
        clock = client.shared.clock
        with monkeypatch.context() as patch:
            patch.setattr(client.threads, "_clock", Interrupting(clock))
            with pytest.raises(KeyboardInterrupt):
                client.chat(PARAMETERS)
        assert client.shared.slots.active == 0
        assert client.metrics["chat"].errors == {"cancelled": 1}
        assert client.chat(PARAMETERS).text == "Hello there"


class Interrupting:
    """A clock that is interrupted while it sleeps."""

    def __init__(self, clock: Any) -> None:
        self.now = clock.now

    def sleep(self, seconds: float) -> None:
        """Be interrupted."""
        raise KeyboardInterrupt

    asleep: Callable[[float], Awaitable[None]]
