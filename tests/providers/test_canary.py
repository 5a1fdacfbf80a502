"""A key never shows: not in logs, errors, tracebacks, reprs, warnings, answers, pickles, URLs."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate import errors, providers
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.examples import CannedReply, Example, examples, json_reply
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import Recorded, RecordingServer

CANARY = "canary-7f3a91c2d4"
ANSWERED = [name for name in providers.names() if not providers.provider_class(name).native]
"""Those whose protocol is HTTP; those of S3 are in test_s3.py."""
SOURCES = ("argument", "endpoint_keys", "environment", ".env", "shared file")
QUICK = Policy(max_tries=2, backoff_initial=0.001, backoff_cap=0.01, deadline=10)


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of this machine's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in providers.names():
        for variable in providers.provider_class(name).credential.variables:
            monkeypatch.delenv(variable, raising=False)


def make(name: str, source: str, url: str, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A client whose key comes from ``source``."""
    kind = providers.provider_class(name)
    variable = kind.credential.variables[0]
    given: dict[str, Any] = {"base_url": url, "policy": QUICK}
    if source == "argument":
        return kind(CANARY, **given)
    if source == "endpoint_keys":
        return kind("another-key", endpoint_keys=dict.fromkeys(kind.operations(), CANARY), **given)
    if source == "environment":
        monkeypatch.setenv(variable, CANARY)
    else:
        path = Path(".env" if source == ".env" else "~/.ipfs_api_credentials").expanduser()
        path.write_text(f"{variable}={CANARY}\n")
        path.chmod(0o600)
    return kind(**given)


def echo(status: int) -> Callable[[Recorded], CannedReply]:
    """A server that tells a key back in its error, as some do."""

    def reply(recorded: Recorded) -> CannedReply:
        told = {"error": {"message": f"the key {CANARY} is wrong", "type": "bad", "code": "bad"}}
        return CannedReply(json_reply(told).body, status=status)

    return reply


def odd(media_type: str, body: bytes) -> Callable[[Recorded], CannedReply]:
    """A server that answers with something else, and tells the key back in it."""
    return lambda recorded: CannedReply(body + CANARY.encode(), media_type)


REPLIES = {
    "401": echo(401),
    "429": echo(429),
    "500": echo(500),
    "no JSON": odd("application/json", b"no json "),
    "HTML": odd("text/html", b"<p>"),
}


def told(error: BaseException) -> Iterator[str]:
    """Everything that an error can show of itself."""
    yield str(error)
    yield repr(error)
    yield repr(vars(error))
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    for frame in shown.stack:
        if "pytest_accelerate" in frame.filename:  # this test's own variables hold the key
            yield repr((frame.name, frame.locals))
    yield repr(pickle.dumps(error))
    yield repr(vars(pickle.loads(pickle.dumps(error))))


def first(name: str) -> tuple[str, Example]:
    """An operation of a provider that answers with JSON."""
    kind = providers.provider_class(name)
    for operation, example in examples(name).items():
        if "application/json" in kind.operations()[operation].declaration.answer.media_types:
            return operation, example
    raise LookupError(name)


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ANSWERED)
def test_a_key_shows_nowhere_when_calls_fail(
    name: str,
    source: str,
    reply: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    """Sync and async, whatever the source and whatever goes wrong, even if a server echoes it."""
    caplog.set_level(logging.DEBUG)
    operation, example = first(name)
    shown: list[str] = []
    with RecordingServer(REPLIES[reply]) as server:
        client = make(name, source, server.url, monkeypatch)
        with pytest.raises(errors.ProviderError) as caught:
            client[operation](example.parameters)
        shown += told(caught.value)

        async def call() -> None:
            async with client:
                await client[operation].acall(example.parameters)

        with pytest.raises(errors.ProviderError) as caught:
            asyncio.run(call())
        shown += told(caught.value)
        shown += [repr(client), str(client), repr(client[operation]), repr(client.metrics)]
        shown += [repr(client.shared), repr(vars(client)), repr(client._keyring)]
        sent = [repr(each.headers) for each in server.requests]
        assert all(CANARY in headers for headers in sent), "the key was not sent at all"
        assert not any(CANARY in f"{each.path}{each.query}" for each in server.requests)
    shown += [record.getMessage() for record in caplog.records]
    shown += [repr(record.__dict__) for record in caplog.records]
    shown += [str(warning.message) for warning in recwarn]
    assert [text for text in shown if CANARY in text] == []


@pytest.mark.parametrize("name", ANSWERED)
def test_a_client_is_not_pickled(name: str) -> None:
    """Pickling a client or a key is refused with the reason."""
    with providers.provider_class(name)(CANARY) as client:
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(client)
        for secret in client._keyring.secrets:
            with pytest.raises(TypeError, match="not pickled"):
                pickle.dumps(secret)


@pytest.mark.parametrize("name", ANSWERED)
def test_an_answer_holds_no_key(name: str) -> None:
    """The answer of a call that succeeds, shown or pickled, has no key in it."""
    operation, example = first(name)
    with (
        warnings.catch_warnings(),
        RecordingServer(example.reply) as server,
        providers.provider_class(name)(CANARY, base_url=server.url) as client,
    ):
        answer = client[operation](example.parameters)
        assert CANARY not in repr(answer) + repr(pickle.dumps(answer))


def test_a_key_in_a_base_url_is_refused() -> None:
    """A URL ends up in logs and messages, so no key is taken from one."""
    for url in (f"http://user:{CANARY}@localhost/v1", f"http://localhost/v1?key={CANARY}"):
        with pytest.raises(errors.InvalidParameters) as caught:
            providers.OpenAI(base_url=url)
        assert CANARY not in str(caught.value)
