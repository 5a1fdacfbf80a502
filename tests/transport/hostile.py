"""A server on loopback that sends exactly the bytes it is told, when it is told.

An answer is a :data:`Script`: bytes to send, numbers of seconds to wait, and how it ends. Run as a
program, it is a server of a process of its own that answers a mix of scripts, for the load test.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import random
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class End(Enum):
    """How an answer ends, where it is not by keeping the connection."""

    CLOSE = "close"
    RESET = "reset"
    """With a TCP reset: whatever the client had not read is lost."""
    STALL = "stall"
    """Silence, until the client gives up."""


Script = Sequence[bytes | float | End]

PARAMETERS: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
"""The call that is made of it."""
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "Hello there"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}  # fmt: skip


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer; a header named ``content_type`` is sent as ``content-type``."""
    fields = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value]
    return f"HTTP/1.1 {status} Said\r\n{''.join(lines)}\r\n".encode() + body


def failing(status: int, **headers: str) -> bytes:
    """An error, as OpenAI tells it."""
    body = json.dumps({"error": {"message": f"said {status}", "type": "told"}}).encode()
    return response(status, body, x_request_id="req-1", **headers)


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event, in a chunk."""
    return chunk(b"data: " + json.dumps(data).encode() + b"\n\n")


def piece(text: str) -> bytes:
    """An event that adds text."""
    return event(
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}
    )


GOOD = response(200, json.dumps(COMPLETION).encode())
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
DONE = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
STREAM = HEAD + piece("Hello ") + piece("there") + DONE
FAILURE = event({"error": {"message": "no more", "type": "server_error"}})
PACKED = response(200, gzip.compress(json.dumps(COMPLETION).encode()), content_encoding="gzip")


def byte_by_byte(data: bytes, pause: float) -> list[bytes | float]:
    """The same, slowly."""
    return [step for each in data for step in (bytes([each]), pause)]


@dataclass
class Heard:
    """What came in for one script."""

    times: list[float] = field(default_factory=list)
    """When each request was there, in :func:`time.monotonic`'s seconds."""
    heads: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Requests."""
        return len(self.times)


class HostileServer:
    """Plays scripts, from a thread; use it in a ``with`` statement."""

    def __enter__(self) -> HostileServer:
        self._scripts: dict[str, tuple[Sequence[Script], Heard]] = {}
        self._names = map(str, itertools.count())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.connections = 0
        """How many were made so far."""
        self._players: set[asyncio.Task[None]] = set()
        self._server = self._run(asyncio.start_server(self._connected, "127.0.0.1", 0))
        host, port = self._server.sockets[0].getsockname()
        self.origin = f"http://{host}:{port}"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def says(self, *scripts: Script) -> tuple[str, Heard]:
        """A base URL whose requests are answered by these scripts in turn, the last for ever."""
        name, heard = next(self._names), Heard()
        self._scripts[name] = (scripts, heard)
        return f"{self.origin}/{name}", heard

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _stop(self) -> None:
        self._server.close()
        for player in self._players:
            player.cancel()
        await asyncio.gather(*self._players, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._players.add(task)
        self.connections += 1
        try:
            while (head := await read_request(reader)) is not None:
                scripts, heard = self._scripts[head.split("/")[1]]
                script = scripts[min(heard.count, len(scripts) - 1)]
                heard.times.append(time.monotonic())
                heard.heads.append(head)
                if not await play(script, reader, writer):
                    return
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._players.discard(task)
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> str | None:
    """The head of the next request, its body read too; ``None`` when the client is gone."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        for line in head.lower().split("\r\n"):
            if line.startswith("content-length:"):
                await reader.readexactly(int(line.partition(":")[2]))
    except asyncio.IncompleteReadError:
        return None
    return head


async def play(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Play a script; ``True`` where the connection is kept."""
    for step in script:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif step is End.RESET:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        else:
            if step is End.STALL:
                await reader.read(1)
            return False
    return True


MIX: dict[str, tuple[int, Script]] = {
    "good": (70, [GOOD]),
    "429": (4, [failing(429, retry_after_ms="5")]),
    "500": (3, [failing(500)]),
    "503": (3, [failing(503, retry_after="0.01")]),
    "529": (2, [failing(529)]),
    "400": (2, [failing(400)]),
    "401": (1, [failing(401)]),
    "reset": (2, [End.RESET]),
    "reset-amid": (2, [GOOD[:-40], End.RESET]),
    "cut": (2, [GOOD[:-40], End.CLOSE]),
    "chunks-cut": (2, [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", End.CLOSE]),
    "no-json": (2, [response(200, b"{]")]),
    "page": (2, [response(200, b"<html>", content_type="text/html")]),
    "redirect": (1, [response(302, location="http://127.0.0.1:9/")]),
    "no-http": (1, [b"What?\r\n\r\n", End.CLOSE]),
    "gzip": (1, [PACKED.replace(b"\x1f\x8b", b"\x1f\x8c")]),
}  # fmt: skip
"""For the load test: how many of a hundred, and what they are."""
STREAM_MIX: dict[str, tuple[int, Script]] = {
    "good": (70, [STREAM]),
    "error-first": (6, [HEAD + FAILURE + b"0\r\n\r\n"]),
    "error-amid": (6, [HEAD + piece("a") + FAILURE + b"0\r\n\r\n"]),
    "no-end": (6, [HEAD + piece("a") + b"0\r\n\r\n"]),
    "reset-amid": (4, [HEAD + piece("a"), End.RESET]),
    "cut": (4, [HEAD + piece("a") + b"ff\r\ndata: {", End.CLOSE]),
    "no-stream": (4, [GOOD]),
}


async def serve_mix() -> None:
    """Answer a mix of scripts until the standard input ends; the port is printed."""
    draw, counts = random.Random(1), defaultdict[str, int](int)
    plain, streams = (
        (list(mix), [weight for weight, _ in mix.values()], mix) for mix in (MIX, STREAM_MIX)
    )

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await read_request(reader)) is not None:
                names, weights, mix = streams if "text/event-stream" in head else plain
                name = draw.choices(names, weights)[0]
                counts[name] += 1
                if not await play(mix[name][1], reader, writer):
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    asyncio.run(serve_mix())
