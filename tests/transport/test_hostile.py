"""Every call of a hostile server ends in an answer or the right error, in time."""

from __future__ import annotations

import email.utils
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from pytest_accelerate import errors
from tests.transport.calling import KEY, call, policy
from tests.transport.hostile import (
    COMPLETION,
    GOOD,
    HEAD,
    PACKED,
    End,
    HostileServer,
    Script,
    byte_by_byte,
    chunk,
    failing,
    response,
)

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
BODY = json.dumps(COMPLETION).encode()


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
    assert ended.seconds < 2
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
    assert 0.45 < ended.seconds < 3  # the whole of it takes from 5 to 10
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
    ended = call(way, url, timeout=0.2, max_tries=1, policy=policy(read_timeout=3.0))
    ended.failed(errors.ProviderTimeout)
    assert ended.seconds < 2


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
