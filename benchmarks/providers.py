"""What a request costs: our clients beside raw httpx, httpx2, the official SDKs and litellm.

    python benchmarks/providers.py                      # a table in Markdown
    python benchmarks/providers.py --litellm PYTHON     # with the litellm of another interpreter

A server on one core answers from memory; each measurement is a process of its own on another core.
The clients take turns, round after round, and the figures are medians over the rounds: processor
time of the client alone, so that the machine's other work is not in them. Ratios are ours to theirs
within the same rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

CHUNKS = 2000
FLIGHT = 64
MESSAGES = [{"role": "user", "content": "Say hello to the benchmark, in a sentence or two."}]
SIZES = {"sync": 400, "async": 1280, "stream": 3, "import": 0, "memory": 640}
"""Requests of one measurement."""

COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": "Hello, benchmark. " * 20, "refusal": None},
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 100, "total_tokens": 120},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello, benchmark. " * 20}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 20, "output_tokens": 100},
}


# The server: HTTP/1.1 over asyncio's streams, answers made beforehand.


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _stream() -> bytes:
    frames = []
    for number in range(CHUNKS + 1):
        last = number == CHUNKS
        delta = {} if last else {"content": f"word{number} "}
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": "stop" if last else None}],
        }
        frames.append(f"data: {json.dumps(chunk)}\n\n".encode())
    frames.append(b"data: [DONE]\n\n")
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(frame), frame) for frame in frames)
    return head + chunked + b"0\r\n\r\n"


async def _handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    completion = _answer(json.dumps(COMPLETION).encode())
    message, stream = _answer(json.dumps(MESSAGE).encode()), _stream()
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            body = await reader.readexactly(length)
            if b"/messages" in head.split(b"\r\n", 1)[0]:
                writer.write(message)
            elif b'"stream":true' in body.replace(b" ", b""):
                writer.write(stream)
            else:
                writer.write(completion)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_handle, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


# The clients: for each, how one call is made in each mode.


@dataclass
class Calls:
    """One client's call forms; what it does not have is ``None``."""

    sync: Callable[[], Any] | None = None
    make_async: Callable[[], Callable[[], Awaitable[Any]]] | None = None
    stream: Callable[[], int] | None = None
    """Reads a stream to its end, and gives the number of chunks."""


def _ours(url: str) -> Calls:
    from pytest_accelerate.providers import OpenAI
    from pytest_accelerate.transport.policy import Policy

    policy = Policy(concurrency=FLIGHT, queue_size=10_000)
    client = OpenAI("key", base_url=f"{url}/v1", policy=policy)

    def stream() -> int:
        return sum(1 for event in client.chat.stream(model="m", messages=MESSAGES) if event.text)

    return Calls(
        sync=lambda: client.chat(model="m", messages=MESSAGES).text,
        make_async=lambda: lambda: client.chat.acall(model="m", messages=MESSAGES),
        stream=stream,
    )


def _raw(module: str) -> Callable[[str], Calls]:
    def calls(url: str) -> Calls:
        from importlib import import_module

        httpx: Any = import_module(module)
        target, body = f"{url}/v1/chat/completions", {"model": "m", "messages": MESSAGES}
        headers = {"authorization": "Bearer key"}
        client = httpx.Client(timeout=60, headers=headers)

        def make_async() -> Callable[[], Awaitable[Any]]:
            limits = httpx.Limits(max_connections=FLIGHT, max_keepalive_connections=FLIGHT)
            pool = httpx.AsyncClient(timeout=60, headers=headers, limits=limits)

            async def call() -> Any:
                return (await pool.post(target, json=body)).json()["choices"][0]

            return call

        def stream() -> int:
            count = 0
            with client.stream("POST", target, json={**body, "stream": True}) as response:
                for line in response.iter_lines():
                    if line.startswith("data: {"):
                        count += "content" in json.loads(line[6:])["choices"][0]["delta"]
            return count

        def sync() -> Any:
            return client.post(target, json=body).json()["choices"][0]

        return Calls(sync, make_async, stream)

    return calls


def _openai(url: str) -> Calls:
    import openai

    client = openai.OpenAI(api_key="key", base_url=f"{url}/v1")

    def make_async() -> Callable[[], Awaitable[Any]]:
        tasks = openai.AsyncOpenAI(api_key="key", base_url=f"{url}/v1")
        return lambda: tasks.chat.completions.create(model="m", messages=MESSAGES)  # type: ignore[arg-type]

    def stream() -> int:
        events = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)  # type: ignore[arg-type]
        return sum(1 for event in events if event.choices[0].delta.content)

    return Calls(
        lambda: client.chat.completions.create(model="m", messages=MESSAGES),  # type: ignore[arg-type]
        make_async,
        stream,
    )


def _openai_aiohttp(url: str) -> Calls:
    import openai

    def make_async() -> Callable[[], Awaitable[Any]]:
        tasks = openai.AsyncOpenAI(
            api_key="key", base_url=f"{url}/v1", http_client=openai.DefaultAioHttpClient()
        )
        return lambda: tasks.chat.completions.create(model="m", messages=MESSAGES)  # type: ignore[arg-type]

    return Calls(make_async=make_async)


def _anthropic(url: str) -> Calls:
    import anthropic

    client = anthropic.Anthropic(api_key="key", base_url=url)

    def make_async() -> Callable[[], Awaitable[Any]]:
        tasks = anthropic.AsyncAnthropic(api_key="key", base_url=url)
        return lambda: tasks.messages.create(model="m", max_tokens=99, messages=MESSAGES)  # type: ignore[arg-type]

    return Calls(
        lambda: client.messages.create(model="m", max_tokens=99, messages=MESSAGES),  # type: ignore[arg-type]
        make_async,
    )


def _litellm(url: str) -> Calls:
    import litellm

    given = {"model": "openai/m", "messages": MESSAGES, "api_key": "key", "api_base": f"{url}/v1"}

    def stream() -> int:
        events = litellm.completion(**given, stream=True)
        return sum(1 for event in events if event.choices[0].delta.content)

    return Calls(
        lambda: litellm.completion(**given), lambda: lambda: litellm.acompletion(**given), stream
    )


CLIENTS: dict[str, Callable[[str], Calls]] = {
    "ours": _ours,
    "httpx": _raw("httpx"),
    "httpx2": _raw("httpx2"),
    "openai": _openai,
    "openai+aiohttp": _openai_aiohttp,
    "anthropic": _anthropic,
    "litellm": _litellm,
}
IMPORTS = {
    "ours": "from pytest_accelerate.providers import OpenAI; OpenAI('k').threads",
    "httpx": "import httpx",
    "httpx2": "import httpx2",
    "openai": "from openai import OpenAI; OpenAI(api_key='k')",
    "anthropic": "from anthropic import Anthropic; Anthropic(api_key='k')",
    "litellm": "import litellm; litellm.completion",
}


# One measurement, in a process of its own.


def _measure(client: str, mode: str, url: str) -> float | None:
    """Processor milliseconds a request; chunks a processor second; MiB; None for no such form."""
    if mode == "import":
        started = time.process_time()
        exec(IMPORTS[client]) if client in IMPORTS else None
        return (time.process_time() - started) * 1e3 if client in IMPORTS else None
    calls, size = CLIENTS[client](url), SIZES[mode]
    if mode == "sync" and calls.sync is not None:
        return _cpu(calls.sync, size, warm=20) * 1e3
    if mode == "stream" and calls.stream is not None:
        chunks = calls.stream()
        assert chunks == CHUNKS, (client, chunks)
        return CHUNKS / _cpu(calls.stream, size, warm=0)
    if mode in ("async", "memory") and calls.make_async is not None:
        return asyncio.run(_flight(calls.make_async, size, mode))
    return None


def _cpu(call: Callable[[], Any], size: int, warm: int) -> float:
    for _ in range(warm):
        call()
    started = time.process_time()
    for _ in range(size):
        call()
    return (time.process_time() - started) / size


async def _flight(make: Callable[[], Callable[[], Awaitable[Any]]], size: int, mode: str) -> float:
    call = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if mode == "async":
        await asyncio.gather(*(call() for _ in range(FLIGHT)))  # connections are made
    started = time.process_time()
    numbers = iter(range(size))

    async def worker() -> None:
        for _ in numbers:
            await call()

    await asyncio.gather(*(worker() for _ in range(FLIGHT)))
    if mode == "memory":
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return (time.process_time() - started) / size * 1e3


# The rounds, and the table.

UNITS = {
    "sync": "sync, one at a time: ms CPU a request",
    "async": f"async, {FLIGHT} in flight: ms CPU a request",
    "stream": "stream: chunks a CPU second",
    "import": "import and construct: ms CPU",
    "memory": f"peak memory added, {FLIGHT} in flight: MiB",
}


def _pin(core: int) -> Callable[[], None] | None:
    cores = sorted(os.sched_getaffinity(0))
    return (lambda: os.sched_setaffinity(0, {cores[core]})) if len(cores) > 1 else None


def _child(python: str, client: str, mode: str, url: str) -> float | None:
    command = [python, __file__, "--measure", client, mode, url]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=_pin(1))
    if done.returncode:
        sys.exit(f"{client} {mode}: {done.stderr[-2000:]}")
    value: float | None = json.loads(done.stdout.splitlines()[-1])
    return value


def _rounds(url: str, pythons: dict[str, str], rounds: int) -> dict[str, dict[str, list[float]]]:
    figures: dict[str, dict[str, list[float]]] = {mode: {} for mode in UNITS}
    for number in range(rounds):
        for mode, each in figures.items():
            for client, python in pythons.items():
                value = _child(python, client, mode, url)
                if value is not None:
                    each.setdefault(client, []).append(value)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return figures


def _table(figures: dict[str, dict[str, list[float]]], pythons: dict[str, str]) -> None:
    print("| | " + " | ".join(pythons) + " |")
    print("|---" * (len(pythons) + 1) + "|")
    for mode, each in figures.items():
        ours, row = each["ours"], []
        for client in pythons:
            if client not in each:
                row.append("")
                continue
            ratios = [one / other for one, other in zip(ours, each[client], strict=True)]
            ratio = "" if client == "ours" else f" ({statistics.median(ratios):.2f}x)"
            row.append(f"{statistics.median(each[client]):.4g}{ratio}")
        print(f"| {UNITS[mode]} | " + " | ".join(row) + " |")


def main() -> None:
    """Run the server, a measurement, or all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--litellm", metavar="PYTHON", help="an interpreter that has litellm")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        asyncio.run(_serve())
    elif args.measure:
        print(json.dumps(_measure(*args.measure)))
    else:
        pythons = {name: sys.executable for name in CLIENTS if name != "litellm"}
        if args.litellm:
            pythons["litellm"] = args.litellm
        command = [sys.executable, __file__, "--serve"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=_pin(0)) as server:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            try:
                _table(_rounds(url, pythons, args.rounds), pythons)
            finally:
                server.kill()


if __name__ == "__main__":
    main()
