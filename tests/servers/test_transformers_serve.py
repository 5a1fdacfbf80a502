"""``transformers serve`` answers the OpenAI client: a real server, a real model, no mock."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import OpenAI
from tests.servers import tiny_model

MESSAGES = [{"role": "user", "content": "hello how are you"}]
STARTED_WITHIN = 180.0
"""Seconds: importing torch and transformers on a busy machine."""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model."""
    return tiny_model.save(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server that has the model."""
    command = shutil.which("transformers", path=str(Path(sys.executable).parent))
    assert command is not None, "transformers has no command beside this Python"
    port = free_port()
    log = tmp_path_factory.mktemp("log") / "serve.log"
    arguments = [command, "serve", str(model), "--port", str(port), "--host", "127.0.0.1"]
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [*arguments, "--device", "cpu"],
            stdout=stream,
            stderr=stream,
            env={
                **os.environ,
                "HF_HUB_OFFLINE": "1",
                "HF_HUB_CACHE": str(log.parent),  # it lists what is in there
                "OMP_NUM_THREADS": "1",
            },
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url, process, log)
            yield f"{url}/v1"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    pytest.fail(f"the server did not answer in time: {log.read_text()[-2000:]}")


@pytest.fixture
def client(server: str) -> Iterator[OpenAI]:
    """A client of that server."""
    with OpenAI("no-key-needed", base_url=server) as made:
        yield made


def test_a_real_server_answers_a_chat(client: OpenAI, model: Path) -> None:
    """The answer is real, has text, and says what it used."""
    answer = client.chat(model=str(model), messages=MESSAGES, max_tokens=8, temperature=0.0)
    assert answer.implementation_type == "REAL"
    assert answer.text
    assert answer.usage is not None
    assert 0 < answer.usage.output_tokens <= 8


def test_a_real_server_streams_a_chat(client: OpenAI, model: Path) -> None:
    """The pieces of a stream make the text that the same call gives without streaming."""
    parameters = {"model": str(model), "messages": MESSAGES, "max_tokens": 8, "temperature": 0.0}
    whole = client.chat(parameters)
    with client.chat.stream(parameters) as stream:
        pieces = list(stream.texts())
    assert len(pieces) > 1
    assert "".join(pieces).strip() == whole.text.strip()
    assert client.shared.slots.active == 0


def test_a_real_server_answers_tasks(server: str, model: Path) -> None:
    """Awaited calls and streams give what blocking ones give."""
    parameters = {"model": str(model), "messages": MESSAGES, "max_tokens": 4, "temperature": 0.0}

    async def ask() -> tuple[str, str]:
        async with OpenAI("no-key-needed", base_url=server) as client:
            answer = await client.chat.acall(parameters)
            collected = await client.chat.astream(parameters).answer()
            return answer.text, collected.text

    once, streamed = asyncio.run(ask())
    assert once.strip() == streamed.strip() != ""


def test_a_real_server_lists_its_models(client: OpenAI) -> None:
    """The list of models is a page: empty where nothing was downloaded."""
    assert client.models_list().entries == ()


def test_a_real_server_refuses_what_it_does_not_know(client: OpenAI, model: Path) -> None:
    """An error of a real server is a typed one with its status."""
    with pytest.raises(errors.StatusError) as caught:
        client.chat(model=str(model), messages=[{"role": "user"}], extra_body={"max_tokens": "x"})
    assert 400 <= caught.value.status < 600
