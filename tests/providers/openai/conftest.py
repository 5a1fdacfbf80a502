"""A server on loopback for OpenAI's client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pytest_accelerate.providers.examples import CannedReply, examples, json_reply
from pytest_accelerate.providers.openai import OpenAI
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import Recorded, RecordingServer

KEY = "sk-test-0000"
EXAMPLES = examples("openai")


class Served:
    """A client whose server answers with what is set, and the requests that came to it."""

    def __init__(self, server: RecordingServer, client: OpenAI) -> None:
        self.server, self.client = server, client

    def answer(self, operation: str, reply: Any = None, **changes: Any) -> Any:
        """Call an operation as its example does, with changes, and give the answer."""
        example = EXAMPLES[operation]
        reply = example.reply if reply is None else reply
        self.server.reply = reply if isinstance(reply, CannedReply) else json_reply(reply)
        return self.client[operation]({**example.parameters, **changes})

    def stream(self, operation: str, reply: CannedReply | None = None, **changes: Any) -> Any:
        """The same with a stream."""
        example = EXAMPLES[operation]
        found = reply or example.stream
        assert found is not None
        self.server.reply = found
        return self.client[operation].stream({**example.parameters, **changes})

    @property
    def sent(self) -> list[Recorded]:
        """The requests so far."""
        return self.server.requests


@pytest.fixture
def served() -> Iterator[Served]:
    """A server on loopback and a client of it that tries twice, at once."""
    policy = Policy(max_tries=2, backoff_initial=0.001, backoff_cap=0.002)
    with (
        RecordingServer(json_reply({})) as server,
        OpenAI(KEY, base_url=f"{server.url}/v1", policy=policy) as client,
    ):
        yield Served(server, client)
