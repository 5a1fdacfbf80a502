"""``cancel``: who gives up, gives the slot back, and the next call has it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from pytest_accelerate.providers.stages.base import Bench, Context, Failed, Pieces, Way, check
from pytest_accelerate.stages.base import Outcome


def cancel(context: Context) -> Outcome:
    """Give up a call that hangs, and a stream after its first event."""
    _interrupted(context)
    _cancelled(context)
    if context.streams:
        for way in context.ways:
            _closed(context, way)
    return Outcome()


def _interrupted(context: Context) -> None:
    """Ctrl-C while a thread waits for an answer."""
    with context.mocked(KeyboardInterrupt(), then=context.answered) as bench:
        threads = context.ways[0]
        try:
            context.call(threads, bench.handler)
        except KeyboardInterrupt:
            _check_next(context, threads, bench, "an interrupted call")
        else:
            raise Failed("an interrupted call went on")


def _cancelled(context: Context) -> None:
    """A task that is cancelled while it waits."""
    waiting = asyncio.Event()

    async def never(request: httpx.Request) -> Any:
        waiting.set()
        await asyncio.Event().wait()

    async def give_up(bench: Bench) -> None:
        handler = bench.handler
        if context.streams_only:
            task = asyncio.ensure_future(_open(handler, context))
        else:
            task = asyncio.ensure_future(handler.acall(context.parameters))
        await waiting.wait()
        task.cancel()
        await asyncio.wait([task])
        check(task.cancelled(), "a cancelled call went on")

    with context.mocked(never, then=context.answered) as bench:
        context.runner.run(give_up(bench))
        _check_next(context, context.ways[1], bench, "a cancelled call")


async def _open(handler: Any, context: Context) -> Any:
    async with handler.astream(context.parameters) as stream:
        return await stream.answer()


def _closed(context: Context, way: Way) -> None:
    """A stream of which only the beginning was wanted."""
    canned = context.example.stream
    assert canned is not None
    pieces = Pieces(canned.body.splitlines(keepends=True))
    with context.mocked(pieces.response(canned), then=context.answered) as bench:
        way.first_event(bench.handler, context.parameters)
        check(pieces.closed, "a stream that was closed early leaves its connection open")
        _check_next(context, way, bench, "a stream that was closed early")


def _check_next(context: Context, way: Way, bench: Bench, after: str) -> None:
    bench.check_free(after)
    context.call(way, bench.handler)
    check(bench.sent > 1, f"after {after} the next call is not sent")
