"""The client of S3 against servers that misbehave, and what it takes, finds and hides."""

from __future__ import annotations

import inspect
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import mocks
from pytest_accelerate.providers.examples.s3 import content_reply, error_reply, put_reply
from pytest_accelerate.providers.s3 import S3
from pytest_accelerate.transport.clock import FakeClock
from pytest_accelerate.transport.policy import Policy
from pytest_accelerate.transport.progress import Progress
from pytest_accelerate.transport.store_errors import described, outcome_of
from tests.providers.s3_served import (
    FOUND,
    ID,
    SECRET,
    SLOW,
    Ways,
    ask,
    nothing_set,
    served,
)

_ = (ask, nothing_set)  # fixtures


def test_slow_down_is_tried_again_by_us(ask: Ways) -> None:
    """An overloaded S3 is asked again after the policy's backoff, and the metrics count it."""
    clock = FakeClock()
    with served(SLOW, SLOW, FOUND, policy=Policy(), clock=clock) as (client, requests):
        assert ask(client["get"], key="a").content == b"hello"
        assert len(requests) == 3
        assert [0.5 <= clock.slept[0] <= 1.0, 1.0 <= clock.slept[1] <= 2.0] == [True, True]
        assert client.metrics["get"].sent == 3


@pytest.mark.parametrize("reply", [SLOW, ConnectionResetError()])
@pytest.mark.parametrize("tries", [1, 3])
def test_nothing_is_sent_more_often_than_max_tries(ask: Ways, reply: Any, tries: int) -> None:
    """obstore tries nothing again on its own: what is sent is counted by the server."""
    with served(reply) as (client, requests):
        with pytest.raises((errors.Overloaded, errors.ConnectionFailed)) as caught:
            ask(client["get"], key="a", max_tries=tries)
        assert (len(requests), caught.value.attempts) == (tries, tries)
        assert client.shared.slots.active == 0


def test_the_code_of_an_overload_is_told() -> None:
    """The error carries S3's own code, message and request id."""
    with served(SLOW) as (client, _), pytest.raises(errors.Overloaded) as caught:
        client.put(key="a", file=b"x", max_tries=1)
    assert (caught.value.status, caught.value.code) == (503, "SlowDown")
    assert caught.value.request_id == "656c76696e6727732072657175657374"
    assert "Please reduce your request rate." in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "sent"),
    [
        (400, errors.BadRequest, 1),
        (401, errors.AuthenticationFailed, 1),
        (403, errors.PermissionDenied, 1),
        (404, errors.NotFound, 1),
        (409, errors.Conflict, 2),
        (412, errors.Conflict, 1),
        (416, errors.BadRequest, 1),
        (429, errors.RateLimited, 2),
        (500, errors.ServerError, 2),
        (503, errors.Overloaded, 2),
        (307, errors.RedirectRefused, 1),
    ],
)
def test_each_status_is_its_error(
    ask: Ways, status: int, kind: type[errors.ProviderError], sent: int
) -> None:
    """The status decides what error it is and whether it is tried again, for all operations."""
    calls = {"put": {"file": b"x"}, "get": {}, "head": {}, "list": {}, "delete": {}}
    for name, parameters in calls.items():
        if status == 307 and name != "put":
            continue  # without a body, obstore follows it
        reply = mocks.response(error_reply(status, "Code", "message"))
        given = parameters if name == "list" else {"key": "a", **parameters}
        with served(reply) as (client, requests):
            with pytest.raises(kind) as caught:
                ask(client[name], **given, max_tries=2)
            assert type(caught.value) is kind
            assert len(requests) == sent


def test_an_error_within_a_success(ask: Ways) -> None:
    """S3 may answer a copy with 200 and an error in it: no success, and tried again."""
    failed = mocks.response(error_reply(200, "InternalError", "We encountered an error."))
    with served(failed) as (client, requests):
        with pytest.raises(errors.ServerError, match="InternalError"):
            ask(client["copy"], source="a", key="b", max_tries=2)
        assert len(requests) == 2


def _cut(request: httpx.Request) -> httpx.Response:
    reply = mocks.response(content_reply(b"hel", "text/plain"))
    reply.headers["content-length"] = "5"
    return reply


def test_a_truncated_body_is_an_error(ask: Ways, tmp_path: Path) -> None:
    """A body that ends early is never taken for the object, in memory or in a file."""
    for more in ({}, {"path": tmp_path / "file"}):
        with served(_cut) as (client, requests):
            with pytest.raises(errors.ConnectionFailed):
                ask(client["get"], key="a", max_tries=2, **more)
            assert len(requests) == 2
    assert not [path for path in tmp_path.iterdir() if path.name != ".cache"]


LARGE = bytes(range(256)) * 2**14
"""4 MiB: what has come of less is not told where a connection breaks."""
ETAG = content_reply(LARGE, "").headers["etag"]


def _most(request: httpx.Request) -> httpx.Response:
    headers = {**content_reply(LARGE, "text/plain").headers}
    return httpx.Response(200, headers=headers, content=LARGE[:-100])


def _rest(request: httpx.Request) -> httpx.Response:
    start = int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))
    assert request.headers["if-match"] == ETAG
    rest = LARGE[start:]
    headers = {
        **content_reply(LARGE, "text/plain").headers,
        "content-length": str(len(rest)),
        "content-range": f"bytes {start}-{len(LARGE) - 1}/{len(LARGE)}",
    }
    return httpx.Response(206, headers=headers, content=rest)


def test_a_broken_download_goes_on_where_it_was(ask: Ways, tmp_path: Path) -> None:
    """A further try asks for the rest of the same object alone, and the progress goes on."""
    reports: list[Progress] = []
    with served(_most, _rest) as (client, requests):
        ask(client["get"], key="a", path=tmp_path / "file", progress=reports.append)
        assert len(requests) == 2
    assert (tmp_path / "file").read_bytes() == LARGE
    done = [each.done for each in reports]
    assert done == sorted(done)
    assert reports[-1] == Progress("received", len(LARGE), len(LARGE))


def test_an_object_that_changed_is_begun_again(ask: Ways, tmp_path: Path) -> None:
    """Where the object is another than the one of which a part is here, no parts are mixed."""
    gone = mocks.response(error_reply(412, "PreconditionFailed", "changed"))
    other = mocks.response(content_reply(b"other", "text/plain"))
    with served(_most, gone, other) as (client, requests):
        ask(client["get"], key="a", path=tmp_path / "file")
        assert ["range" in each.headers for each in requests] == [False, True, False]
    assert (tmp_path / "file").read_bytes() == b"other"


def test_silence_ends_with_the_call(ask: Ways) -> None:
    """A server that says nothing holds a call no longer than its own time, and frees its slot."""
    with served(lambda request: None) as (client, _):
        started = time.monotonic()
        with pytest.raises(errors.ProviderError) as caught:
            ask(client["put"], key="a", file=b"x", timeout=0.3, max_tries=1)
        assert isinstance(caught.value, TimeoutError)
        assert time.monotonic() - started < 3
        assert client.shared.slots.active == 0


def test_silence_ends_with_the_read_timeout(ask: Ways) -> None:
    """The policy's read_timeout is obeyed by obstore."""
    quick = Policy(read_timeout=0.1)
    with (
        served(lambda request: None, policy=quick) as (client, _),
        pytest.raises(errors.ProviderTimeout, match="no answer in time"),
    ):
        ask(client["head"], key="a", max_tries=1)


def test_nobody_listens(ask: Ways) -> None:
    """A refused connection is one, and is tried again as what was not sent."""
    with served(FOUND) as (client, _):
        pass
    client = S3(ID, SECRET, bucket="models", base_url=client.base_url,
                policy=Policy(backoff_initial=0.001, max_tries=3))  # fmt: skip
    with client, pytest.raises(errors.ConnectionFailed, match="refused") as caught:
        ask(client["put"], key="a", file=b"x")
    assert caught.value.attempts == 3


def test_closing_ends_calls_of_other_threads() -> None:
    """A call that waits for an answer ends as closed when its client is closed."""
    arrived = threading.Event()
    caught: list[BaseException] = []

    def silent(request: httpx.Request) -> None:
        arrived.set()

    def call(client: S3) -> None:
        try:
            client.head(key="a")
        except BaseException as error:
            caught.append(error)

    with served(silent) as (client, _):
        thread = threading.Thread(target=call, args=(client,))
        thread.start()
        assert arrived.wait(5)
        client.close()
        thread.join(5)
    assert [type(each) for each in caught] == [errors.ClientClosed]


def test_many_threads_share_one_queue() -> None:
    """Calls of many threads go through the client's slots, and no more at once."""
    at_once, most, lock = 0, 0, threading.Lock()

    def slow(request: httpx.Request) -> httpx.Response:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.01)
        with lock:
            at_once -= 1
        return FOUND

    with served(slow, policy=Policy(concurrency=3)) as (client, requests):
        threads = [threading.Thread(target=client.get, kwargs={"key": "a"}) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(requests), most <= 3) == (20, True)


BAD = [
    ("get", {"key": ""}, "must not be empty"),
    ("get", {"key": "a//b"}, "cannot be a key"),
    ("get", {"key": "/a"}, "cannot be a key"),
    ("get", {"key": "a/"}, "cannot be a key"),
    ("get", {"key": "a/../b"}, "cannot be a key"),
    ("get", {"key": "a\nb"}, "control characters"),
    ("get", {"key": "\ud800"}, "UTF-8"),
    ("get", {"key": "x" * 1025}, "longer than"),
    ("get", {"key": "s3://"}, "no bucket"),
    ("get", {"key": "s3://b"}, "cannot be a bucket"),
    ("get", {"key": "a", "bucket": "../evil"}, "cannot be a bucket"),
    ("get", {"key": "a", "start": 5, "end": 5}, "no bytes"),
    ("get", {"key": "a", "last": 0}, "above 0"),
    ("get", {"key": "a", "kee": "b"}, "unknown parameter 'kee'"),
    ("get", {"key": 5}, "expected text"),
    ("get", {"key": "a", "extra_headers": {"a": "b"}}, "extra_headers"),
    ("put", {"key": "a"}, "missing parameter: file"),
    ("put", {"key": "a", "file": "no-such-file"}, "there is no file"),
    ("put", {"key": "a", "file": b"x", "part_size": 5}, "part_size"),
    ("put", {"key": "a", "file": b"x", "metadata": {"a b": "c"}}, "cannot be a name"),
    ("put", {"key": "a", "file": b"x", "metadata": {"Content-Type": "c"}}, "cannot be a name"),
    ("put", {"key": "a", "file": b"x", "content_type": "a\r\nb: c"}, "printable ASCII"),
    ("list", {"limit": 5000}, "limit"),
    ("list", {"recursive": False, "limit": 5}, "recursive"),
    ("copy", {"source": "s3://another/a", "key": "b"}, "stays in its bucket"),
    ("presign", {"key": "a", "expires_in": 604_801}, "expires_in"),
    ("presign", {"key": "a", "method": "POST"}, "method"),
]


@pytest.mark.parametrize(("name", "parameters", "told"), BAD)
def test_bad_parameters_are_refused(
    ask: Ways, name: str, parameters: dict[str, Any], told: str
) -> None:
    """What cannot be sent, or would be sent as something else, is told before anything is sent."""
    with served(FOUND) as (client, requests):
        with pytest.raises(errors.InvalidParameters, match=told) as caught:
            ask(client[name], **parameters)
        assert (caught.value.provider, caught.value.operation) == ("s3", name)
        assert requests == []


def test_the_face_is_that_of_all_clients() -> None:
    """An operation is had by attribute, item and name; get is a mapping's, too."""
    with served(FOUND) as (client, _):
        assert client["get"] is client.handler("get") is client.get
        assert client.get({"key": "a"}, start=0).content == b"hello"
        assert Mapping_get(client, "put") is client.put
        assert Mapping_get(client, "nothing") is None
        with pytest.raises(errors.UnsupportedOperation, match="does not stream"):
            client.get.stream(key="a")


def Mapping_get(client: Any, name: str) -> Any:  # noqa: N802
    """What a caller does who knows that a client is a mapping."""
    return client.get(name)


def test_a_changed_file_is_not_sent(tmp_path: Path) -> None:
    """A file that is another than the one whose checksum was taken is not sent under it."""
    from pytest_accelerate.providers.s3_folders import checksum
    from pytest_accelerate.providers.s3_names import Place
    from pytest_accelerate.providers.s3_sending import Put
    from pytest_accelerate.transport.body import Upload

    path = tmp_path / "file"
    path.write_bytes(b"before")
    digest = checksum(path)
    path.write_bytes(b"behind")
    with served(mocks.response(put_reply(b""))) as (client, requests):
        work = Put(client.store("models"), Place("models", "a"), Upload("f", "file", path, None),
                   6, {}, 2**23, digest=digest)  # fmt: skip
        call = client.put.call_of(Place("models", "a"), work, {})  # type: ignore[attr-defined]
        with pytest.raises(errors.InvalidParameters, match="has changed"):
            client.threads.run(client.exchange(call))
        assert requests == []


def test_texts_of_a_server_are_no_facts() -> None:
    """What a server or a key says cannot be taken for the status that obstore tells."""
    forged = "\n\nDebug source:\n            status: 200,\n"
    reply = httpx.Response(404, content=forged.encode())
    with served(reply) as (client, _), pytest.raises(errors.NotFound):
        client.get(key="status: 503,")
    assert described("<!DOCTYPE x><Error><Code>a</Code></Error>")[1] == ""
    assert described("<Error><Code>a</Code>")[0] == "<Error><Code>a</Code>"


def test_an_unknown_text_still_has_the_status_of_its_type() -> None:
    """Where obstore wrote its errors otherwise, the types would still tell what they know."""
    from obstore.exceptions import GenericError, PermissionDeniedError

    for error, status in ((FileNotFoundError("new"), 404), (PermissionDeniedError("new"), 403)):
        assert getattr(outcome_of(error), "status", None) == status
    assert getattr(outcome_of(GenericError("new text")), "kind", None) == "lost"
    assert obstore.__version__.startswith("0.12."), "look at store_errors.py again"


@pytest.mark.parametrize(
    ("name", "parameters", "reply"),
    [
        ("list", {}, httpx.Response(200, content=b"<html>It works!")),
        ("put", {"key": "a", "file": b"x"}, httpx.Response(200)),
        ("get", {"key": "a", "start": 1}, FOUND),
    ],
)
def test_what_is_not_of_s3_is_refused(
    ask: Ways, name: str, parameters: dict[str, Any], reply: httpx.Response
) -> None:
    """An answer that is not S3's, such as another server's page, is refused at once."""
    with served(reply) as (client, requests):
        with pytest.raises(errors.InvalidResponse, match="not S3's"):
            ask(client[name], **parameters)
        assert len(requests) == 1


def test_every_operation_has_its_words() -> None:
    """Each operation tells what it does."""
    for name, operation in S3.operations().items():
        assert inspect.cleandoc(operation.__doc__ or ""), name
