"""The guard: whatever makes the connection, a mocked test does not leave this machine."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate import guard
from pytest_accelerate.errors import NetworkRefused
from pytest_accelerate.providers import OpenAI

NAME = "api.example.com"
ADDRESS = "192.0.2.1"  # RFC 5737: for documentation, so no machine has it


def with_httpx(host: str) -> None:
    """httpx."""
    httpx = pytest.importorskip("httpx")
    httpx.get(f"http://{host}/", trust_env=False)


def with_async_httpx(host: str) -> None:
    """httpx's own asynchronous pool."""
    httpx = pytest.importorskip("httpx")

    async def get() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(f"http://{host}/")

    asyncio.run(get())


def with_httpx_over_aiohttp(host: str) -> None:
    """The transport that our clients use in event loops."""
    httpx = pytest.importorskip("httpx")
    transport = pytest.importorskip("httpx_aiohttp").AiohttpTransport()

    async def get() -> None:
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get(f"http://{host}/")

    asyncio.run(get())


def with_aiohttp(host: str) -> None:
    """aiohttp."""
    aiohttp = pytest.importorskip("aiohttp")

    async def get() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(f"http://{host}/")

    asyncio.run(get())


def with_requests(host: str) -> None:
    """requests."""
    requests = pytest.importorskip("requests", reason="requests is not installed")
    with requests.Session() as session:
        session.trust_env = False
        session.get(f"http://{host}/")


def with_urllib3(host: str) -> None:
    """urllib3."""
    urllib3 = pytest.importorskip("urllib3", reason="urllib3 is not installed")
    with urllib3.PoolManager(retries=False) as pool:
        pool.request("GET", f"http://{host}/")


def with_urllib(host: str) -> None:
    """The standard library's urllib."""
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{host}/")


def with_asyncio_streams(host: str) -> None:
    """asyncio's streams."""
    asyncio.run(asyncio.open_connection(host, 80))


def with_create_connection(host: str) -> None:
    """What http.client stands on."""
    socket.create_connection((host, 80)).close()


def with_a_socket(host: str) -> None:
    """A socket that is given the name itself."""
    with socket.socket() as connection:
        connection.connect((host, 80))


def with_connect_ex(host: str) -> None:
    """The method that gives an error number."""
    with socket.socket() as connection:
        connection.connect_ex((host, 80))


def with_a_datagram(host: str) -> None:
    """A message without a connection."""
    with socket.socket(type=socket.SOCK_DGRAM) as connection:
        connection.sendto(b"x", (host, 53))


def with_a_message(host: str) -> None:
    """The same by sendmsg."""
    with socket.socket(type=socket.SOCK_DGRAM) as connection:
        connection.sendmsg([b"x"], [], 0, (host, 53))


def with_a_task(host: str) -> None:
    """A task that uses a thread."""

    async def main() -> None:
        await asyncio.create_task(asyncio.to_thread(with_create_connection, host))

    asyncio.run(main())


def with_a_thread(host: str) -> None:
    """A thread of the test's own."""
    caught: list[BaseException] = []

    def run() -> None:
        try:
            with_create_connection(host)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    raise caught[0]


def with_our_client(host: str) -> None:
    """A client that is not mocked."""
    with OpenAI("a key", base_url=f"http://{host}") as client:
        client.models_list()


def with_our_client_in_a_loop(host: str) -> None:
    """The same in an event loop."""

    async def call() -> None:
        async with OpenAI("a key", base_url=f"http://{host}") as client:
            await client.models_list.acall()

    asyncio.run(call())


@pytest.mark.parametrize("host", [NAME, ADDRESS])
@pytest.mark.parametrize(
    "reach",
    [value for name, value in list(globals().items()) if name.startswith("with_")],
    ids=lambda function: function.__name__.removeprefix("with_"),
)
def test_nothing_leaves_this_machine(
    reach: Callable[[str], None], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name and an address are refused at once, and the message names both it and the option."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    started = time.monotonic()
    with guard.offline(), pytest.raises((NetworkRefused, ExceptionGroup)) as caught:
        reach(host)
    refused = caught.value
    if isinstance(refused, ExceptionGroup):  # anyio gathers what its attempts come to
        (refused,) = refused.exceptions
    assert isinstance(refused, NetworkRefused)
    assert "--live-apis" in str(refused)
    assert host in str(refused)
    assert time.monotonic() - started < 2  # no library takes it for something to try again


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: socket.getaddrinfo(NAME, 443),
        lambda: socket.getaddrinfo(NAME.encode(), 443),
        lambda: socket.gethostbyname(NAME),
        lambda: socket.gethostbyname_ex(NAME),
        lambda: socket.gethostbyaddr(ADDRESS),
        lambda: socket.getnameinfo((ADDRESS, 80), 0),
        lambda: asyncio.run(in_loop()),
    ],
    ids=["getaddrinfo", "bytes", "gethostbyname", "gethostbyname_ex", "gethostbyaddr",
         "getnameinfo", "asyncio"],
)  # fmt: skip
def test_names_are_not_looked_up(look_up: Callable[[], Any]) -> None:
    """Asking a name server is going out as well."""
    with guard.offline(), pytest.raises(NetworkRefused, match=r"look up .*--live-apis"):
        look_up()


async def in_loop() -> Any:
    """asyncio's own way to look up a name."""
    return await asyncio.get_running_loop().getaddrinfo(NAME, 443)


class Answering(BaseHTTPRequestHandler):
    """Answers everything with nothing."""

    def do_GET(self) -> None:
        """Nothing."""
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_loopback_passes(host: str) -> None:
    """A server on this machine can be started and asked."""
    with guard.offline(), HTTPServer(("127.0.0.1", 0), Answering) as server:
        if host == "127.1.2.3":
            server.socket.close()
            server.socket = socket.create_server((host, 0))
            server.server_address = server.socket.getsockname()
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://{host}:{server.server_address[1]}/"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=10) as answer:
            assert answer.status == 204
        thread.join()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="the system has no such sockets")
def test_sockets_in_the_file_system_pass(tmp_path: Path) -> None:
    """AF_UNIX does not leave the machine, nor does a pair of sockets."""
    path = str(tmp_path / "s")
    with guard.offline(), socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        left, right = socket.socketpair()
        left.sendall(b"x")
        assert right.recv(1) == b"x"
        left.close()
        right.close()


def test_a_proxy_on_loopback_leads_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that the environment names is refused though its address is this machine's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        with guard.offline(), pytest.raises(NetworkRefused, match=f"127.0.0.1:{port}"):
            socket.create_connection(("127.0.0.1", port))
        socket.create_connection(("127.0.0.1", port)).close()


def test_it_is_over_when_the_test_is() -> None:
    """Before and after, and once an inner use has ended, everything is as it was."""
    before = dict(vars(socket.socket))
    with guard.offline():
        with guard.offline():
            pass
        with pytest.raises(NetworkRefused):
            socket.getaddrinfo(NAME, 80)
    assert not guard.is_active()
    assert dict(vars(socket.socket)) == before
    with socket.socket() as connection:
        connection.setblocking(False)
        assert not isinstance(error_of(connection), NetworkRefused)


def error_of(connection: socket.socket) -> OSError | None:
    """What comes of connecting without waiting: the network's own answer."""
    try:
        connection.connect((ADDRESS, 9))
    except OSError as error:
        return error
    return None


def test_the_guard_is_put_in_at_first_use_alone(pytester: pytest.Pytester) -> None:
    """A process in which no provider is mocked has no audit hook of ours."""
    pytester.makepyfile(
        """
        import sys

        def test_unrelated():
            assert "pytest_accelerate.guard" not in sys.modules
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_an_idle_guard_costs_less_than_a_microsecond_an_event() -> None:
    """What a process pays for the rest of its life is a look at a counter for each audit event."""
    with guard.offline():
        pass
    rounds = 20_000
    seconds = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(rounds):
            sys.audit("pytest_accelerate.test")
        seconds.append((time.process_time() - started) / rounds)
    assert min(seconds) < 1e-6
