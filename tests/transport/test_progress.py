"""``progress``: how far a transfer is, told while it goes on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate.errors import InvalidParameters, ProviderError
from pytest_accelerate.providers.openai import OpenAI
from pytest_accelerate.transport.policy import Policy
from pytest_accelerate.transport.progress import Progress
from tests.transport.calling import FAST, KEY, WAYS, policy
from tests.transport.hostile import (
    COMPLETION,
    GOOD,
    PARAMETERS,
    End,
    HostileServer,
    chunk,
    failing,
    response,
)

LARGE = bytes(range(256)) * 2**14
"""4 MiB."""


def send(way: str, url: str, operation: str, policy: Policy = FAST, **given: Any) -> Any:
    """One call of an operation."""
    if way == "sync":
        with OpenAI(KEY, base_url=url, policy=policy) as client:
            return client.handler(operation)(**given)

    async def run() -> Any:
        async with OpenAI(KEY, base_url=url, policy=policy) as client:
            return await client.handler(operation).acall(**given)

    return asyncio.run(run())


def of(told: list[Progress], direction: str) -> list[Progress]:
    """Those of one direction."""
    return [each for each in told if each.direction == direction]


@pytest.mark.parametrize("way", WAYS)
def test_a_file_is_told_as_it_goes(server: HostileServer, way: str, tmp_path: Path) -> None:
    """What is sent grows from piece to piece to the length of the whole form."""
    file = tmp_path / "large.bin"
    file.write_bytes(LARGE)
    url, heard = server.says([response(200, b'{"id": "file-1"}')])
    told: list[Progress] = []
    send(way, url, "files_upload", file=file, purpose="assistants", progress=told.append)
    sent = of(told, "sent")
    assert len(sent) > 10
    assert [each.done for each in sent] == sorted(each.done for each in sent)
    length = int(heard.heads[0].lower().partition("content-length:")[2].split()[0])
    assert {each.total for each in sent} == {length}
    assert sent[-1].done == length > len(LARGE)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_told_as_it_comes(server: HostileServer, way: str) -> None:
    """What is received grows to the length that the answer names, and is whole and right."""
    url, _ = server.says([response(200, LARGE, content_type="application/octet-stream")])
    told: list[Progress] = []
    answer = send(way, url, "files_content", file_id="f", progress=told.append)
    received = of(told, "received")
    assert len(received) > 10
    assert received[-1] == Progress("received", len(LARGE), len(LARGE))
    assert answer.content == LARGE
    assert not of(told, "sent")


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_of_unknown_length_has_no_total(server: HostileServer, way: str) -> None:
    """Where the answer does not say how long it is, nothing is made up."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
    url, _ = server.says([head, chunk(LARGE), b"0\r\n\r\n"])
    told: list[Progress] = []
    answer = send(way, url, "files_content", file_id="f", progress=told.append)
    assert {each.total for each in told} == {None}
    assert told[-1].done == len(LARGE)
    assert answer.content == LARGE


@pytest.mark.parametrize("way", WAYS)
def test_a_json_body_is_told_and_sent_as_ever(server: HostileServer, way: str) -> None:
    """To watch a call changes nothing of it, and each try begins at 0."""
    url, heard = server.says([failing(503)], [GOOD])
    told: list[Progress] = []
    answer = send(way, url, "chat", **PARAMETERS, progress=told.append)
    assert answer.text == "Hello there"
    lengths = [each.done for each in of(told, "sent")]
    assert len(lengths) == 2
    assert lengths[0] == lengths[1]
    plain, unwatched = server.says([GOOD])
    send(way, plain, "chat", **PARAMETERS)
    path, without = (each.heads[0].partition("\r\n")[2].lower() for each in (heard, unwatched))
    assert sorted(path.split("\r\n")) == sorted(without.split("\r\n"))
    assert of(told, "received")[-1].done == len(json.dumps(COMPLETION))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [ValueError, OSError, TimeoutError, RuntimeError])
@pytest.mark.parametrize("operation", ["files_upload", "files_content"])
def test_what_a_report_raises_ends_the_call(
    server: HostileServer, way: str, kind: type[Exception], operation: str
) -> None:
    """An error of the caller's own function is the caller's: not one of the provider, no retry."""

    def report(progress: Progress) -> None:
        raise kind("mine")

    url, heard = server.says([response(200, LARGE, content_type="application/octet-stream")])
    given: dict[str, Any] = {"files_upload": {"file": b"x" * 2**20, "purpose": "assistants"},
                             "files_content": {"file_id": "f"}}[operation]  # fmt: skip
    with pytest.raises(kind, match="mine") as caught:
        send(way, url, operation, **given, progress=report)
    assert not isinstance(caught.value, ProviderError)
    assert heard.count <= 1


def test_what_is_no_function_is_refused() -> None:
    """A report that cannot be called is found out before anything is sent."""
    with (
        OpenAI(KEY, base_url="http://127.0.0.1:9") as client,
        pytest.raises(InvalidParameters, match="progress"),
    ):
        client.chat(PARAMETERS, progress="yes")


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_says_it_is_too_large_is_not_read(server: HostileServer, way: str) -> None:
    """Its length tells: it is refused at once, without waiting for the rest."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 99999999\r\n\r\nxx"
    url, _ = server.says([head, End.STALL])
    with pytest.raises(ProviderError, match="max_response_bytes"):
        send(way, url, "files_content", policy(max_response_bytes=1000), file_id="f")


@pytest.mark.parametrize("way", WAYS)
def test_a_large_answer_that_is_cut_off_is_no_answer(server: HostileServer, way: str) -> None:
    """The room that was made for the whole does not pass for what did not come."""
    whole = response(200, LARGE, content_type="application/octet-stream")
    url, heard = server.says([whole[:-1000], End.CLOSE])
    with pytest.raises(ProviderError) as caught:
        send(way, url, "files_content", file_id="f")
    assert caught.value.attempts == heard.count
