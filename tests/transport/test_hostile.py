"""Every call of a hostile server ends in an answer or the right error, in time."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pytest_accelerate import errors
from tests.transport.calling import KEY, WAYS, call, policy
from tests.transport.hostile import (
    COMPLETION,
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

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
BODY = json.dumps(COMPLETION).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    """One server for all tests: each has a path of its own."""
    with HostileServer() as running:
        yield running


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """From a thread, and from a task."""
    return str(request.param)


# Retry-After


@pytest.mark.parametrize("status", [429, 503, 529, 500])
@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"retry_after_ms": "80"}, 0.08),
        ({"retry_after": "0.15"}, 0.15),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "soon"}, 0.0),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after": "nan"}, 0.0),
        ({"retry_after_ms": "soon", "retry_after": "0.12"}, 0.12),
        ({"retry_after": "Fri, 01 Jan 2021 00:00:00 GMT"}, 0.0),
        ({}, 0.0),
    ],
)
def test_never_sooner_than_the_server_asks(
    server: HostileServer, way: str, status: int, headers: dict[str, str], least: float
) -> None:
    """A passing error is tried again after what Retry-After asks, in each of its forms."""
    url, heard = server.says([failing(status, **headers)], [GOOD])
    ended = call(way, url)
    assert ended.text == "Hello there"
    assert heard.count == 2
    assert heard.times[1] - heard.times[0] >= least


def test_whole_seconds_and_dates_are_waited_for(server: HostileServer, way: str) -> None:
    """Whole seconds and an HTTP date, the forms of RFC 9110, are waited for."""
    date = email.utils.formatdate(time.time() + 1.9, usegmt=True)  # cut to seconds: 0.9 at least
    until = time.monotonic() + (email.utils.mktime_tz(_parsed(date)) - time.time())
    url, heard = server.says([failing(429, retry_after=date)], [failing(429, retry_after="1")],
                             [GOOD])  # fmt: skip
    ended = call(way, url, policy=policy(backoff_cap=2.5, deadline=6.0))
    assert ended.text == "Hello there"
    assert heard.times[1] >= until - 0.001
    assert heard.times[2] - heard.times[1] >= 1.0


def _parsed(date: str) -> Any:
    return email.utils.parsedate_tz(date)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "30"}, 30.0),
        ({"retry_after_ms": "30000"}, 30.0),
        ({"retry_after": "Fri, 01 Jan 2100 00:00:00 GMT"}, None),
    ],
)
def test_beyond_the_cap_fails_at_once(
    server: HostileServer, way: str, headers: dict[str, str], seconds: float | None
) -> None:
    """A Retry-After beyond the cap fails the call now, and the error carries it."""
    url, heard = server.says([failing(429, **headers)])
    ended = call(way, url)
    error = ended.failed(errors.RateLimited)
    assert heard.count == error.attempts == 1
    assert ended.seconds < 1
    assert error.retry_after == seconds if seconds else error.retry_after > 1e9
    assert (error.status, error.code, error.request_id) == (429, "told", "req-1")


# Statuses


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, errors.RateLimited),
        (500, errors.ServerError),
        (502, errors.ServerError),
        (503, errors.Overloaded),
        (529, errors.Overloaded),
        (409, errors.Conflict),
    ],
)
def test_passing_statuses_are_tried_to_the_last(
    server: HostileServer, way: str, status: int, kind: type[errors.StatusError]
) -> None:
    """A status that may pass is tried max_tries times, and then is the error."""
    url, heard = server.says([failing(status)])
    error = call(way, url).failed(kind)
    assert heard.count == error.attempts == 3
    assert error.status == status
    assert f"said {status}" in error.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.AuthenticationFailed),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (413, errors.PayloadTooLarge),
        (422, errors.BadRequest),
        (501, errors.ServerError),
    ],
)
def test_lasting_statuses_are_not_tried_again(
    server: HostileServer, way: str, status: int, kind: type[errors.StatusError]
) -> None:
    """A status that another try will not change is the error at once."""
    url, heard = server.says([failing(status)])
    error = call(way, url).failed(kind)
    assert heard.count == error.attempts == 1


def test_a_server_may_forbid_and_demand_the_next_try(server: HostileServer, way: str) -> None:
    """``x-should-retry`` has the last word."""
    url, heard = server.says([failing(500, x_should_retry="false")])
    call(way, url).failed(errors.ServerError)
    assert heard.count == 1
    url, heard = server.says([failing(404, x_should_retry="true")], [GOOD])
    assert call(way, url).text == "Hello there"


def test_an_echoed_key_is_hidden(server: HostileServer, way: str) -> None:
    """A key that the server sends back stands in no error."""
    url, _ = server.says([response(401, json.dumps({"error": {"message": f"bad {KEY}"}}).encode())])
    assert "[key hidden]" in call(way, url).failed(errors.AuthenticationFailed).message


# Connections that break

BROKEN: dict[str, tuple[Script, type[errors.ProviderError]]] = {
    "reset before the answer": ([End.RESET], errors.ConnectionFailed),
    "closed before the answer": ([End.CLOSE], errors.ConnectionFailed),
    "reset amid the headers": ([GOOD[:30], 0.01, End.RESET], errors.ConnectionFailed),
    "closed amid the headers": ([GOOD[:30], End.CLOSE], errors.ConnectionFailed),
    "reset amid the body": ([GOOD[:-9], 0.01, End.RESET], errors.ConnectionFailed),
    "content-length too long": ([GOOD[:-9], End.CLOSE], errors.ConnectionFailed),
    "chunk cut off": ([CHUNKED + b"ff\r\n{", End.CLOSE], errors.ConnectionFailed),
    "last chunk missing": ([CHUNKED + chunk(BODY), End.CLOSE], errors.ConnectionFailed),
    "no size of a chunk": ([CHUNKED + b"zz\r\n" + BODY, End.CLOSE], errors.ConnectionFailed),
    "no HTTP": ([b"220 mail.example ESMTP\r\n\r\n", End.CLOSE], errors.ConnectionFailed),
    "a header without end": ([b"HTTP/1.1 200 OK\r\nx: " + b"x" * 300_000, End.STALL],
                             errors.ConnectionFailed),
    "no answer": ([End.STALL], errors.ProviderTimeout),
    "stalled amid the headers": ([GOOD[:30], End.STALL], errors.ProviderTimeout),
    "stalled amid the body": ([GOOD[:-9], End.STALL], errors.ProviderTimeout),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_answer_is_asked_for_again(server: HostileServer, way: str, case: str) -> None:
    """What broke once is sent again, and the answer is had."""
    script, _ = BROKEN[case]
    url, heard = server.says(script, [GOOD])
    ended = call(way, url, policy=policy(read_timeout=0.2))
    assert ended.text == "Hello there", ended.error
    assert heard.count == 2


@pytest.mark.parametrize("case", BROKEN)
def test_a_connection_that_stays_broken(server: HostileServer, way: str, case: str) -> None:
    """What breaks each time ends in the right error after max_tries tries."""
    script, kind = BROKEN[case]
    url, heard = server.says(script)
    error = call(way, url, policy=policy(read_timeout=0.1)).failed(kind)
    assert heard.count == error.attempts == 3


@pytest.mark.parametrize("case", BROKEN)
def test_what_must_not_be_sent_twice_is_not(
    server: HostileServer, way: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operation with ``resend=False`` is not sent again when it may have arrived."""
    _without_resend(monkeypatch)
    script, kind = BROKEN[case]
    url, heard = server.says(script, [GOOD])
    error = call(way, url, policy=policy(read_timeout=0.2)).failed(kind)
    assert heard.count == error.attempts == 1


@pytest.mark.parametrize(("status", "tries"), [(429, 2), (503, 2), (529, 2), (500, 1), (504, 1)])
def test_what_was_not_taken_up_may_be_sent_twice(
    server: HostileServer, way: str, status: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``resend=False`` the statuses that say "not taken up" alone are tried again."""
    _without_resend(monkeypatch)
    url, heard = server.says([failing(status)], [GOOD])
    assert (call(way, url).text == "Hello there") == (tries == 2)
    assert heard.count == tries


def test_a_refused_connection_is_tried_again(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens nothing was sent: it is tried again whatever the operation."""
    _without_resend(monkeypatch)
    error = call(way, "http://127.0.0.1:9").failed(errors.ConnectionFailed)
    assert error.attempts == 3
    assert "no connection" in error.message


def test_an_unknown_host(way: str) -> None:
    """A host that there is not is a failed connection."""
    error = call(way, "http://nowhere.invalid").failed(errors.ConnectionFailed)
    assert error.attempts == 3


@pytest.mark.parametrize("method", ["models_list", "models_get"])
def test_a_kept_connection_that_breaks_is_no_hidden_try(
    server: HostileServer, way: str, method: str
) -> None:
    """What a GET comes to on a kept connection is seen: no library sends it again by itself."""
    url, heard = server.says([response(200, b'{"data": []}')], [End.RESET])
    with_model = {"model": "m"} if method == "models_get" else {}
    client_calls = _twice(way, url, method, with_model)
    assert isinstance(client_calls, errors.ConnectionFailed)
    assert heard.count == 1 + client_calls.attempts == 4


def _twice(way: str, url: str, method: str, parameters: dict[str, Any]) -> Any:
    import asyncio

    from pytest_accelerate.providers.openai import OpenAI
    from tests.transport.calling import FAST

    client = OpenAI(KEY, base_url=url, policy=FAST)
    try:
        if way == "sync":
            with client:
                client[method](parameters)
                return client[method](parameters)

        async def run() -> Any:
            async with client:
                await client[method].acall(parameters)
                return await client[method].acall(parameters)

        return asyncio.run(run())
    except errors.ProviderError as error:
        return error


def _without_resend(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_accelerate.providers.openai import OpenAI

    declared = OpenAI.operations()["chat"]
    monkeypatch.setattr(declared, "declaration", replace(declared.declaration, resend=False))


# Slowness


@pytest.mark.parametrize(
    "script",
    [
        byte_by_byte(GOOD, 0.01),
        [GOOD[:-400], *byte_by_byte(GOOD[-400:], 0.02)],
        [CHUNKED, *byte_by_byte(b"1;" + b"x" * 400, 0.02)],
        [HEAD, *byte_by_byte(b"1;" + b"x" * 400, 0.02)],
        [b"HTTP/1.1 100 Continue\r\n\r\n", 0.05] * 200,
    ],
    ids=["headers", "body", "size of a chunk", "size of a stream's chunk", "continues"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_deadline_holds_however_slow_the_bytes(
    server: HostileServer, way: str, script: Script, stream: bool
) -> None:
    """A byte now and then passes every timeout of a read, and not the call's own time."""
    url, heard = server.says(script)
    ended = call(way, url, stream=stream, policy=policy(deadline=0.5, max_tries=1))
    ended.failed(errors.ProviderTimeout)
    assert 0.45 < ended.seconds < 1.1
    assert heard.count == 1


def test_a_slow_answer_in_time_is_an_answer(server: HostileServer, way: str) -> None:
    """Slowness alone is no error."""
    url, _ = server.says([0.1, GOOD[:50], 0.1, GOOD[50:-20], 0.1, GOOD[-20:]])
    assert call(way, url).text == "Hello there"


def test_the_deadline_bounds_tries_and_sleeps(server: HostileServer, way: str) -> None:
    """A call never sleeps past its own time: the last error comes before."""
    url, heard = server.says([failing(500)])
    quick = policy(deadline=0.5, max_tries=1000, backoff_initial=0.1, backoff_factor=1.0)
    ended = call(way, url, policy=quick)
    error = ended.failed(errors.ServerError)
    assert ended.seconds < 0.6
    assert 3 <= heard.count == error.attempts <= 10


def test_a_timeout_of_one_call(server: HostileServer, way: str) -> None:
    """``timeout=`` of a call takes the place of the policy's deadline."""
    url, _ = server.says([End.STALL])
    ended = call(way, url, timeout=0.2, max_tries=1)
    ended.failed(errors.ProviderTimeout)
    assert ended.seconds < 0.8


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_credentials_follow_no_redirect(
    server: HostileServer, way: str, status: int, stream: bool
) -> None:
    """A redirect to another host, and to the same, is refused, and nothing arrives there."""
    with HostileServer() as other:
        there, arrived = other.says([GOOD])
        url, heard = server.says([response(status, location=there)])
        error = call(way, url, stream=stream).failed(errors.RedirectRefused)
        assert arrived.count == 0
    assert "127.0.0.1" in error.message
    assert heard.count == error.attempts == 1
    same, again = server.says([GOOD])
    url, _ = server.says([response(status, location=same)])
    call(way, url, stream=stream).failed(errors.RedirectRefused)
    assert again.count == 0


@pytest.mark.parametrize(
    "location", ["", "http://[", "//", "/elsewhere", "\x7f:", "http://\u00e9/"]
)
def test_a_strange_location(server: HostileServer, way: str, location: str) -> None:
    """Whatever a redirect names, it is refused."""
    url, _ = server.says([response(302, location=location)])
    call(way, url).failed(errors.RedirectRefused)


# Bodies

BAD_BODIES: dict[str, Script] = {
    "no JSON": [response(200, b"{]")],
    "an empty body": [response(200)],
    "a list": [response(200, b"[]")],
    "nested too deep": [response(200, b"[" * 100_000)],
    "not UTF-8": [response(200, b'{"a": "\xff"}')],
    "a page": [response(200, b"<html>", content_type="text/html")],
    "no content type": [response(200, BODY, content_type="")],
    "no content": [response(204, content_type="", content_length="")],
    "reset content": [response(205, content_type="")],
    "broken gzip": [PACKED.replace(b"\x1f\x8b", b"\x1f\x8c")],
    "gzip that is none": [response(200, BODY, content_encoding="gzip")],
    "deflate that is none": [response(200, BODY, content_encoding="deflate")],
    "half of a gzip": [response(200, PACKED.partition(b"\r\n\r\n")[2][:60],
                                content_encoding="gzip")],
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_BODIES)
def test_an_answer_that_is_none(server: HostileServer, way: str, case: str) -> None:
    """A 200 whose body is not what the protocol says is an invalid response, not tried again."""
    url, heard = server.says(BAD_BODIES[case])
    error = call(way, url).failed(errors.InvalidResponse)
    assert heard.count == error.attempts == 1


def test_a_packed_answer(server: HostileServer, way: str) -> None:
    """An answer in gzip is read."""
    url, _ = server.says([PACKED])
    assert call(way, url).text == "Hello there"


@pytest.mark.parametrize("status", [200, 400])
def test_a_body_past_the_limit(server: HostileServer, way: str, status: int) -> None:
    """A body larger than the policy allows is refused before it is kept in memory."""
    url, heard = server.says([response(status, b" " * 5_000_000)])
    error = call(way, url, policy=policy(max_response_bytes=100_000)).failed(errors.InvalidResponse)
    assert "100000" in error.message
    assert heard.count == 1


def test_a_body_that_unpacks_past_the_limit(server: HostileServer, way: str) -> None:
    """The limit is on what is kept in memory: the unpacked body."""
    import gzip

    url, _ = server.says([response(200, gzip.compress(b" " * 5_000_000), content_encoding="gzip")])
    call(way, url, policy=policy(max_response_bytes=100_000)).failed(errors.InvalidResponse)


def test_an_endless_body(server: HostileServer, way: str) -> None:
    """A body without end is refused at the limit."""
    url, _ = server.says([CHUNKED, *[chunk(b" " * 50_000)] * 100, End.STALL])
    call(way, url, policy=policy(max_response_bytes=300_000)).failed(errors.InvalidResponse)


# Streams


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
    quick = policy(read_timeout=0.2)
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
    slow = [part for text in "abcdefgh" for part in (piece(text), 0.12)]
    url, _ = server.says([HEAD, *slow, DONE])
    quick = policy(deadline=0.4, read_timeout=0.1, stream_idle_timeout=0.4)
    ended = call(way, url, stream=True, policy=replace(quick, deadline=0.7))
    assert ended.text == "abcdefgh"
    assert ended.seconds > 0.9


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
    url, _ = server.says([STREAM.removesuffix(b"0\r\n\r\n"), *more * 200])
    ended = call(way, url, stream=True)
    assert ended.text == "Hello there"
    assert ended.seconds < 1


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
