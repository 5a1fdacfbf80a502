"""``stream``: its events, its end, and the answer that it adds up to."""

from __future__ import annotations

from typing import Any

from pytest_accelerate.cells import Verdict
from pytest_accelerate.errors import StreamInterrupted
from pytest_accelerate.providers.examples import CannedReply
from pytest_accelerate.providers.stages.base import Context, Pieces, Way, check, error_of
from pytest_accelerate.providers.stages.response import check_answer
from pytest_accelerate.stages.base import Outcome
from pytest_accelerate.transport.answers import ChatAnswer
from pytest_accelerate.transport.events import StreamEvent, StreamReader


def stream(context: Context) -> Outcome:
    """Read the stream whole, in the smallest pieces, and cut off before its end."""
    if context.client is not None:
        return _live(context)
    if not context.streams:
        return Outcome(Verdict.NOT_RUN, "it does not stream")
    for way in context.ways:
        events = _check_events(context, way)
        _check_answer(context, way, events)
        _check_cut(context, way)
    return Outcome()


def _live(context: Context) -> Outcome:
    """The real stream, in an event loop: ``request`` has called from a thread."""
    if context.declared.streaming is None:
        return Outcome(Verdict.NOT_RUN, "it does not stream")
    assert context.client is not None
    if context.streams_only:
        return Outcome(Verdict.PASS)  # request has read it
    handler = context.client.handler(context.operation.name)
    check_answer(context, context.ways[1].collected(handler, context.parameters))
    return Outcome(Verdict.PASS)


def _check_events(context: Context, way: Way) -> list[Any]:
    """All at once or a byte at a time, the same events come, and the slot is free."""
    assert context.declared.streaming is not None
    kind, canned = context.declared.streaming.event, _canned(context)
    with context.mocked(context.streamed) as bench:
        events = list(way.events(bench.handler, context.parameters))
        bench.check_free("a stream that has ended")
    check(events, "there is no event")
    check(all(isinstance(event, kind) for event in events), f"not all events are {kind.__name__}")
    check(all(event.failure is None for event in events), "the canned stream has an error in it")
    pieces = Pieces([canned.body[place : place + 1] for place in range(len(canned.body))])
    with context.mocked(pieces.response(canned)) as bench:
        slowly = list(way.events(bench.handler, context.parameters))
    check(_data(slowly) == _data(events), "cut into bytes, the same stream gives other events")
    return events


def _check_answer(context: Context, way: Way, events: list[Any]) -> None:
    with context.mocked(context.streamed) as bench:
        answer = way.collected(bench.handler, context.parameters)
    check_answer(context, answer)
    if isinstance(answer, ChatAnswer):
        text = "".join(event.text for event in events)
        check(answer.text == text, f"the pieces say {text!r:.80}, the whole {answer.text!r:.80}")


def _check_cut(context: Context, way: Way) -> None:
    """Without its end mark a stream is interrupted, and what had come is not lost."""
    canned = _canned(context)
    cut, arrived = _without_end(context, canned)
    pieces = Pieces([cut])
    with context.mocked(pieces.response(canned)) as bench:
        error = error_of(
            lambda: way.events(bench.handler, context.parameters),
            StreamInterrupted,
            "a stream without its end mark",
        )
        bench.check_free("an interrupted stream")
    check(_data(error.events) == _data(arrived), "what had arrived is not in the error")
    check(pieces.closed, "an interrupted stream leaves its connection open")


def _without_end(context: Context, canned: CannedReply) -> tuple[bytes, list[StreamEvent]]:
    """The bytes before the frame that ends the stream, and the events in them."""
    assert context.declared.streaming is not None
    reader, kind = StreamReader(context.declared.streaming), context.declared.streaming.event
    arrived: list[StreamEvent] = []
    position, cut = 0, (b"", arrived)
    for line in canned.body.splitlines(keepends=True):
        found = list(reader.feed(line))
        position += len(line)
        if reader.ended:
            break
        arrived = arrived + found
        if found and not kind.complete(arrived):
            cut = canned.body[:position], arrived
    check(cut[1], "its first event is its end")
    return cut


def _canned(context: Context) -> CannedReply:
    assert context.example.stream is not None
    return context.example.stream


def _data(events: Any) -> list[Any]:
    return [(event.type, event.data) for event in events]
