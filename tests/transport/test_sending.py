"""What goes over the wire, and what cannot: from threads and from event loops alike."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack

import psutil
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.examples import CannedReply
from pytest_accelerate.providers.operation import Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions, File
from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.credentials import Credential
from tests.providers.recording import Recorded, RecordingServer
from tests.transport.calling import FAST, KEY, WAYS

OK = CannedReply(b"{}")


class Store(Provider):
    """A provider of the tests' own: what takes files, and a path with a name in it."""

    name = "store"
    default_base_url = "http://127.0.0.1:9"
    credential = Credential(("STORE_KEY",))

    @operation("POST", "/files", answer=Answer, encoding=Encoding.FORM)
    def put(*, file: File, purpose: str, **options: Unpack[CallOptions]) -> None:
        """Send a file."""

    @operation("GET", "/files/{name}", answer=Answer)
    def fetch(*, name: str, part: str | None = None, **options: Unpack[CallOptions]) -> None:
        """Get a file."""


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    """Keeps what is sent, and is content with it."""
    with RecordingServer(OK) as running:
        yield running


def send(way: str, url: str, operation: str, key: str = KEY, **parameters: Any) -> Answer:
    """One call of a new client."""
    client = Store(key, base_url=url, policy=FAST)
    if way == "sync":
        with client:
            stored: Answer = client[operation](parameters)
            return stored

    async def run() -> Answer:
        async with client:
            stored: Answer = await client[operation].acall(parameters)
            return stored

    return asyncio.run(run())


@pytest.mark.parametrize(
    "name", ["a b", "a/b", "a%2Fb", "é:ü", "a?b#c", "a;b=c&d", "~a'b(c)*", "+"]
)
def test_names_in_paths(server: RecordingServer, name: str) -> None:
    """A name in a path, and in a query, is sent in the same bytes from threads and from loops."""
    for way in WAYS:
        send(way, server.url, "fetch", name=name, part=name)
    first, second = server.requests
    assert (first.path, first.query) == (second.path, second.query)
    assert first.query == (("part", name),)
    assert first.path.count("/") == 2


def test_the_same_request(server: RecordingServer) -> None:
    """Threads and event loops send the same headers and body."""
    for way in WAYS:
        send(way, server.url, "put", file=("a.txt", b"content", "text/plain"), purpose="é")
    first, second = server.requests
    assert first.form == second.form
    drop = {"content-type", "connection"}  # the boundary is drawn, and the default may be unsaid
    headers = [
        {key: value for key, value in each.headers.items() if key not in drop}
        for each in server.requests
    ]
    assert headers[0] == headers[1]
    assert headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_file_is_sent_again_from_its_start(way: str, tmp_path: Path) -> None:
    """Each try sends the whole file, and a file that was opened for it is closed."""
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(300_000))
    replies = iter([CannedReply(b"", status=500), CannedReply(b"", status=503), OK] * 3)
    descriptors = psutil.Process().num_fds()

    def reply(request: Recorded) -> CannedReply:
        return next(replies)

    with RecordingServer(reply) as server, path.open("rb") as opened:
        opened.seek(5)
        for file in (path, opened, ("big.bin", io.BytesIO(path.read_bytes()))):
            send(way, server.url, "put", file=file, purpose="p")
            assert [each.form[0][3] for each in server.requests] == [path.read_bytes()] * 3
            server.requests.clear()
    assert psutil.Process().num_fds() <= descriptors


@pytest.mark.parametrize("value", ["a\nb", "a\rb: c", "a\0b", "\u2019", "\udc80"])
def test_a_header_that_cannot_be_sent(server: RecordingServer, way: str, value: str) -> None:
    """A header that HTTP does not allow is a typed error, and nothing arrives."""
    with pytest.raises(errors.InvalidParameters, match="header") as caught:
        send(way, server.url, "fetch", name="n", extra_headers={"x-more": value})
    assert caught.value.operation == "fetch"
    assert not server.requests


@pytest.mark.parametrize("key", [f"{KEY}\nx", f"{KEY}\u2019"])
def test_a_key_that_cannot_be_sent(server: RecordingServer, way: str, key: str) -> None:
    """The same of a key, which then shows nowhere, nor in what the error came from."""
    with pytest.raises(errors.InvalidParameters) as caught:
        send(way, server.url, "fetch", key=key, name="n")
    error: BaseException | None = caught.value
    while error is not None:
        assert "canary" not in f"{error!r} {vars(error)} {getattr(error, 'object', '')}"
        error = error.__cause__ or error.__context__
    assert not server.requests


def test_a_file_that_cannot_be_read(server: RecordingServer, way: str, tmp_path: Path) -> None:
    """A file that is closed, or gone since, is a typed error."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"x")
    opened = path.open("rb")
    opened.close()
    with pytest.raises(errors.InvalidParameters):
        send(way, server.url, "put", file=opened, purpose="p")
    assert not server.requests


@pytest.mark.parametrize("timeout", [1e-9, 1e12])
def test_strange_times(server: RecordingServer, way: str, timeout: float) -> None:
    """Times far too short and far too long break nothing."""
    try:
        assert send(way, server.url, "fetch", name="n", timeout=timeout).data == {}
    except (errors.ProviderTimeout, errors.DeadlineExceeded):
        assert timeout < 1


@pytest.mark.parametrize("timeout", [float("inf"), float("nan"), -1, 0])
def test_impossible_times(server: RecordingServer, way: str, timeout: float) -> None:
    """A time that is none is refused."""
    with pytest.raises(errors.InvalidParameters, match="timeout"):
        send(way, server.url, "fetch", name="n", timeout=timeout)


def test_a_proxy(server: RecordingServer, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that the environment names is asked, with the user and password of its URL."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url.replace("//", "//user:word@"))
    send(way, "http://store.invalid", "fetch", name="n")
    (request,) = server.requests
    assert request.headers["host"] == "store.invalid"
    assert request.headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_an_answer_that_cannot_be_read_is_counted() -> None:
    """An answer that is not what the protocol says is an error in the metrics."""
    with (
        RecordingServer(CannedReply(b"[")) as server,
        Store(KEY, base_url=server.url, policy=FAST) as client,
    ):
        with pytest.raises(errors.InvalidResponse):
            client["fetch"](name="n")
        assert client.metrics["fetch"].errors == {"InvalidResponse": 1}
