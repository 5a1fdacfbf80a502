"""Every stream of a hostile server ends whole or in the right error, with what had arrived."""

from __future__ import annotations

import pytest

from pytest_accelerate import errors
from tests.transport.calling import call, policy
from tests.transport.hostile import (
    DONE,
    FAILURE,
    GOOD,
    HEAD,
    PACKED,
    STREAM,
    End,
    HostileServer,
    Script,
    byte_by_byte,
    chunk,
    failing,
    piece,
    response,
)


def test_a_stream_is_read(server: HostileServer, way: str) -> None:
    """The pieces of a stream are the answer, however they are cut."""
    url, heard = server.says([STREAM])
    assert call(way, url, stream=True).text == "Hello there"
    url, heard = server.says(byte_by_byte(STREAM, 0.0))
    assert call(way, url, stream=True).text == "Hello there"
    assert "accept: text/event-stream" in heard.heads[0].lower()


EMPTY_STREAMS: dict[str, tuple[Script, type[errors.ProviderError]]] = {
    "no event": ([HEAD + b"0\r\n\r\n"], errors.StreamInterrupted),
    "comments alone": ([HEAD + chunk(b": ping\n\n") + b"0\r\n\r\n"], errors.StreamInterrupted),
    "reset": ([HEAD, 0.02, End.RESET], errors.ConnectionFailed),
    "closed": ([HEAD, End.CLOSE], errors.ConnectionFailed),
    "half an event": ([HEAD + b"ff\r\ndata: {", End.CLOSE], errors.ConnectionFailed),
    "an error first": ([HEAD + FAILURE + b"0\r\n\r\n"], errors.ServerError),
    "500": ([failing(500)], errors.ServerError),
    "no answer": ([End.STALL], errors.ProviderTimeout),
}


@pytest.mark.parametrize("case", EMPTY_STREAMS)
def test_a_stream_is_tried_again_before_its_first_event(
    server: HostileServer, way: str, case: str
) -> None:
    """Before its first event a stream is a call like others."""
    script, kind = EMPTY_STREAMS[case]
    quick = policy(read_timeout=0.4)
    url, heard = server.says(script, [STREAM])
    assert call(way, url, stream=True, policy=quick).text == "Hello there"
    assert heard.count == 2
    url, heard = server.says(script)
    error = call(way, url, stream=True, policy=quick).failed(kind)
    assert heard.count == error.attempts == 3


def test_an_error_first_is_as_its_status(server: HostileServer, way: str) -> None:
    """An error as the first event of a 200 is the error of its status."""
    refusal = HEAD + chunk(b'data: {"error": {"type": "invalid_request_error"}}\n\n')
    url, heard = server.says([refusal + b"0\r\n\r\n"])
    error = call(way, url, stream=True).failed(errors.BadRequest)
    assert (error.status, heard.count) == (400, 1)


BEGUN_STREAMS: dict[str, tuple[Script, type[errors.ProviderError]]] = {
    "no end mark": ([b"0\r\n\r\n"], errors.StreamInterrupted),
    "reset": ([0.05, End.RESET], errors.StreamInterrupted),
    "closed": ([End.CLOSE], errors.StreamInterrupted),
    "half an event": ([b"ff\r\ndata: {", End.CLOSE], errors.StreamInterrupted),
    "an event cut short": ([chunk(b'data: {"a"') + b"0\r\n\r\n"], errors.StreamInterrupted),
    "no JSON": ([chunk(b"data: {]\n\n"), DONE], errors.StreamInterrupted),
    "no object": ([chunk(b"data: 1\n\n"), DONE], errors.StreamInterrupted),
    "nested too deep": ([chunk(b"data: " + b"[" * 100_000 + b"\n\n"), DONE],
                        errors.StreamInterrupted),
    "stalled": ([End.STALL], errors.StreamInterrupted),
    "stalled amid an event": ([chunk(b"data: {"), End.STALL], errors.StreamInterrupted),
    "a chunk that never comes": (byte_by_byte(b"1;" + b"x" * 400, 0.02), errors.StreamInterrupted),
    "an error": ([FAILURE, DONE], errors.ServerError),
}  # fmt: skip


@pytest.mark.parametrize("case", BEGUN_STREAMS)
@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "apart"])
def test_a_stream_that_has_begun_is_not_tried_again(
    server: HostileServer, way: str, case: str, at_once: bool
) -> None:
    """After its first event a stream that fails is an error, with what had arrived."""
    rest, kind = BEGUN_STREAMS[case]
    begin: Script = [HEAD + piece("Hello ") + piece("there")]
    if at_once and isinstance(rest[0], bytes):
        script: Script = [bytes(begin[0]) + rest[0], *rest[1:]]  # type: ignore[arg-type]
    else:
        script = [*begin, 0.03, *rest]
    url, heard = server.says(script, [STREAM])
    ended = call(way, url, stream=True)
    error = ended.failed(kind)
    assert heard.count == error.attempts == 1
    assert ended.client.metrics["chat"].errors == {kind.__name__: 1}
    if kind is errors.StreamInterrupted:
        assert [each.text for each in error.events] == ["Hello ", "there"]
    else:
        assert (error.status, error.request_id) == (500, "")


def test_silence_is_bounded_by_the_idle_timeout(server: HostileServer, way: str) -> None:
    """The idle timeout alone bounds a stream that has begun: neither deadline nor read timeout."""
    slow = [part for text in "abcde" for part in (piece(text), 0.4)]
    url, _ = server.says([HEAD, *slow, DONE])
    patient = policy(deadline=1.2, read_timeout=0.3, stream_idle_timeout=2.0)
    ended = call(way, url, stream=True, policy=patient)
    assert ended.text == "abcde"
    assert ended.seconds > 1.5


def test_the_first_event_may_come_later_than_the_others(server: HostileServer, way: str) -> None:
    """Until its first event a stream has the read timeout and the call's own time."""
    url, heard = server.says([HEAD, 0.4, piece("Hello"), DONE])
    assert call(way, url, stream=True, policy=policy(stream_idle_timeout=0.1)).text == "Hello"
    assert heard.count == 1


def test_an_endless_frame(server: HostileServer, way: str) -> None:
    """A frame without end, of one line or many, is broken off at the limit."""
    for endless in (b"x" * 60_000, b"data: x\n" * 8_000):
        url, _ = server.says([HEAD, piece("Hello"), *[chunk(endless)] * 50, End.STALL])
        ended = call(way, url, stream=True, policy=policy(max_response_bytes=1_000_000))
        error = ended.failed(errors.StreamInterrupted)
        assert "1000000" in error.message


@pytest.mark.parametrize(
    "script", [[GOOD], [response(200, b"<html>", content_type="text/html")], [PACKED]]
)
def test_no_stream_where_one_was_asked_for(server: HostileServer, way: str, script: Script) -> None:
    """A 200 that is no stream is an invalid response."""
    url, heard = server.says(script)
    error = call(way, url, stream=True).failed(errors.InvalidResponse)
    assert "expected a stream" in error.message
    assert heard.count == error.attempts == 1


def test_bytes_after_the_end_mark(server: HostileServer, way: str) -> None:
    """What follows the end mark is not read, and a server that goes on holds nobody."""
    more: list[bytes | float | End] = [piece("more"), 0.01]
    url, _ = server.says([STREAM.removesuffix(b"0\r\n\r\n"), *more * 1000])
    ended = call(way, url, stream=True)
    assert ended.text == "Hello there"
    assert ended.seconds < 3


def test_a_packed_stream(server: HostileServer, way: str) -> None:
    """A stream in gzip is read as it comes, and one whose gzip breaks is an error."""
    import zlib

    packer = zlib.compressobj(wbits=31)
    data = b'data: {"choices": [{"index": 0, "delta": {"content": "Hello"}}]}\n\n'
    first = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    rest = packer.compress(b"data: [DONE]\n\n") + packer.flush()
    head = HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    url, _ = server.says([head, chunk(first), 0.02, chunk(rest), b"0\r\n\r\n"])
    assert call(way, url, stream=True).text == "Hello"
    url, _ = server.says([head, chunk(first), 0.02, chunk(b"\xff" * 40), b"0\r\n\r\n"])
    error = call(way, url, stream=True).failed(errors.StreamInterrupted)
    assert len(error.events) == 1
