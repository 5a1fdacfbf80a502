"""S3 in the stages: a server on loopback in its place, and what its requests must be."""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import httpx

from pytest_accelerate.providers import mocks
from pytest_accelerate.providers.examples import s3 as examples
from pytest_accelerate.providers.s3 import S3
from pytest_accelerate.providers.stages.base import Bench, Context, Mocked, check
from pytest_accelerate.providers.stages.loopback import Loopback
from pytest_accelerate.transport.clock import FakeClock
from pytest_accelerate.transport.exchange import Call, Send, Step
from pytest_accelerate.transport.outcome import Reply
from pytest_accelerate.transport.policy import Policy

KEY_ID = "AKIAMOCKEDMOCKEDMOCK"
FASTER = 100.0
"""A silence is real here: it takes this part of what the policy says."""


class MockedS3(S3):
    """A client that tells until when a try may take."""

    stand_in = True

    until = float("inf")
    """When the call that is under way has to be over, by the client's clock."""

    def exchange(self, call: Call) -> Generator[Step, Any, Reply]:
        """Bring a call to its reply."""
        watched = replace(call, work=_Watched(self, call.work))  # type: ignore[call-arg, attr-defined]
        return super().exchange(watched)


class _Watched:
    """The tries of a call, and until when each may take."""

    def __init__(self, client: MockedS3, work: Any) -> None:
        self._client, self._work = client, work

    async def __call__(self, step: Send) -> Reply:
        self._client.until = step.until
        reply: Reply = await self._work(step)
        return reply

    def put_away(self) -> None:
        getattr(self._work, "put_away", lambda: None)()


def stored(context: Context, keys: Any, policy: Policy, clock: FakeClock) -> Mocked:
    """A client whose requests a server on loopback answers."""
    scripted = _Scripted(context, policy, clock)
    scripted.client = client = MockedS3(
        KEY_ID,
        keys if isinstance(keys, str) else "",
        bucket=examples.BUCKET,
        region="us-east-1",
        base_url=scripted.server.url,
        policy=replace(
            policy,
            read_timeout=policy.read_timeout / FASTER,
            connect_timeout=policy.connect_timeout / FASTER,
        ),
        clock=clock,
    )
    return client, scripted.serve, scripted.end


class _Scripted:
    """Plays what a stage wants of a server."""

    client: MockedS3

    def __init__(self, context: Context, policy: Policy, clock: FakeClock) -> None:
        self._context, self._policy, self._clock = context, policy, clock
        self._answer: Callable[[httpx.Request], Any] | None = None
        self._caller = threading.current_thread()
        self._pending: list[Future[Any]] = []
        self._errors: list[BaseException] = []
        self.server = Loopback(self._play)

    def serve(self, answer: Callable[[httpx.Request], Any]) -> None:
        """Take the function that answers."""
        self._answer = answer

    def end(self) -> None:
        """End the server, and tell what went wrong in it."""
        for future in self._pending:
            future.cancel()
        self.server.close()
        if self._errors:
            raise self._errors[0]

    def _play(self, request: httpx.Request) -> httpx.Response | None:
        assert self._answer is not None
        allowed = min(self._policy.read_timeout, self.client.until - self._clock.now())
        request.extensions = {**request.extensions, "timeout": {"read": allowed}}
        try:
            return self._read(request, self._answer(request))
        except httpx.TimeoutException:
            return None
        except httpx.TransportError as error:
            raise ConnectionResetError from error
        except KeyboardInterrupt:
            self._interrupt()
            return None
        except BaseException as error:
            self._errors.append(error)
            raise ConnectionResetError from error

    def _read(self, request: httpx.Request, reply: Any) -> httpx.Response | None:
        if inspect.iscoroutine(reply):
            loop = self._context.runner.get_loop()
            self._pending.append(asyncio.run_coroutine_threadsafe(reply, loop))
            return None
        assert isinstance(reply, httpx.Response)
        several = self._context.operation.name.endswith("_folder")
        if several and reply.is_success:
            return mocks.response(examples.answer(request.method, request.url.path, request.url))
        return reply

    def _interrupt(self) -> None:
        """Ctrl-C, for the thread that waits."""
        ident = self._caller.ident
        assert ident is not None
        signal.pthread_kill(ident, signal.SIGINT)


_PATHS = {
    "put": f"/{examples.BUCKET}/{examples.KEY}",
    "get": f"/{examples.BUCKET}/{examples.KEY}",
    "head": f"/{examples.BUCKET}/{examples.KEY}",
    "delete": f"/{examples.BUCKET}/{examples.KEY}",
    "copy": f"/{examples.BUCKET}/{examples.COPY}",
}
"""Where one request goes; the others list a bucket, or go to a folder's manifest."""


def check_stored(context: Context, bench: Bench) -> None:
    """Hold that what was sent is signed, and is what the operation and its example say."""
    requests, name = bench.requests, context.operation.name
    if not context.declared.sends:
        check(not requests, "it sends something")
        return
    for each in requests:
        _check_signed(each)
    sent = requests[0]
    check(sent.method == context.declared.method, f"sent by {sent.method}")
    manifest = f"/{examples.BUCKET}/{examples.FOLDER_KEY}/{examples.MANIFEST}"
    first = {"download_folder": manifest}.get(name, f"/{examples.BUCKET}")
    expected = _PATHS.get(name, first)
    check(sent.url.path == expected, f"sent to {sent.url.path}, not {expected}")
    _check_content(name, requests)


def _check_signed(sent: httpx.Request) -> None:
    told = sent.headers.get("authorization", "")
    check(told.startswith(f"AWS4-HMAC-SHA256 Credential={KEY_ID}/"), "it is not signed by the key")
    check("Signature=" in told, "there is no signature")
    everything = [str(sent.url), *sent.headers.values()]
    check(not any(mocks.KEY in each for each in everything), "the key is sent")
    check(mocks.KEY.encode() not in sent.content, "the key stands in the body")


def _check_content(name: str, requests: list[httpx.Request]) -> None:
    sent = requests[0]
    if name == "put":
        check(sent.content == examples.CONTENT, "the body is not the file")
        check(sent.headers.get("content-type") == "text/plain", "the content type is not sent")
    elif name == "upload_folder":
        files = {each.url.path: each for each in requests if each.method == "PUT"}
        check(len(files) == 2, f"{len(files)} objects are sent, not a file and a manifest")
        file, manifest = files.values()
        check(file.content == examples.FILE, "the body is not the file")
        check(file.headers.get("x-amz-meta-sha256") == examples.DIGEST, "its checksum is not sent")
        check(examples.DIGEST.encode() in manifest.content, "the checksum is not in the manifest")
        check(manifest.url.path.endswith(examples.MANIFEST), "the manifest is not sent last")
    else:
        check(not any(each.content for each in requests), "there is a body")
    if name == "copy":
        source = sent.headers.get("x-amz-copy-source")
        check(source == f"{examples.BUCKET}/{examples.KEY}", "the source is not sent")
    if name == "list":
        check(sent.url.params.get("list-type") == "2", "it does not ask for the second version")
        check(sent.url.params.get("prefix") == "models/", "the prefix is not sent")
