"""Ollama's own client and ours send the same, and it reads what our examples answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ollama
import pytest
from ollama import _types

from pytest_accelerate.providers import Ollama
from pytest_accelerate.providers.examples import Example, examples
from tests.providers.wire import assert_parses, assert_same_request, recorded_pair

KEY = "ollama-test-key"
EXAMPLES = examples("ollama")

NAMES: Mapping[str, str] = {"tags": "list"}
"""Operations that Ollama's client calls otherwise."""
ABSENT: Mapping[str, str] = {
    "version": "the client has no call for it: https://docs.ollama.com/api-reference/get-version"
}
"""Operations that Ollama's client does not have."""
ALLOWED: Mapping[str, Mapping[str, str]] = {
    "chat": {"body.tools": "the client sends an empty list where there are no tools"},
    "blobs_create": {"header.content-type": "the client calls the bytes of a blob JSON"},
}
STREAMED = {"header.accept": "the client asks for JSON, and gets JSON lines as Ollama documents"}

KINDS: Mapping[str, Any] = {
    "chat": _types.ChatResponse,
    "generate": _types.GenerateResponse,
    "embed": _types.EmbedResponse,
    "embeddings": _types.EmbeddingsResponse,
    "systemone": _types.SystemOneResponse,
    "pull": _types.ProgressResponse,
    "push": _types.ProgressResponse,
    "create": _types.ProgressResponse,
    "tags": _types.ListResponse,
    "ps": _types.ProcessResponse,
    "show": _types.ShowResponse,
}


def theirs(operation: str, parameters: Mapping[str, Any], **more: Any) -> Callable[[str], Any]:
    """The same call through Ollama's client."""

    def call(url: str) -> Any:
        with ollama.Client(url, headers={"authorization": f"Bearer {KEY}"}) as client:
            given = getattr(client, NAMES.get(operation, operation))(**parameters, **more)
            return list(given) if isinstance(given, Iterator) else given

    return call


def ours(operation: str, parameters: Mapping[str, Any], stream: bool = False) -> Callable[..., Any]:
    """A call through our client."""

    def call(url: str) -> Any:
        with Ollama(KEY, base_url=url) as client:
            handler = client.handler(operation)
            return list(handler.stream(parameters)) if stream else handler(parameters)

    return call


PLAIN = [name for name in EXAMPLES if name not in ABSENT and name != "blobs_create"]
STREAMING = [name for name, each in EXAMPLES.items() if each.stream is not None]


@pytest.mark.parametrize("operation", PLAIN)
def test_same_request(operation: str) -> None:
    """Both clients send the same request for the same call."""
    example = EXAMPLES[operation]
    their_request, our_request = recorded_pair(
        example.reply, theirs(operation, example.parameters), ours(operation, example.parameters)
    )
    assert_same_request(their_request, our_request, ALLOWED.get(operation))


@pytest.mark.parametrize("operation", STREAMING)
def test_same_streaming_request(operation: str) -> None:
    """Both clients send the same request for the same stream."""
    example = EXAMPLES[operation]
    assert example.stream is not None
    their_request, our_request = recorded_pair(
        example.stream,
        theirs(operation, example.parameters, stream=True),
        ours(operation, example.parameters, stream=True),
    )
    assert_same_request(
        their_request, our_request, {**ALLOWED.get(operation, {}), **STREAMED}, stream=True
    )


def test_same_blob(tmp_path: Path) -> None:
    """A blob goes to the same place with the same bytes, and its digest is the client's."""
    file = tmp_path / "blob"
    file.write_bytes(b"hello")
    example = EXAMPLES["blobs_create"]
    their_request, our_request = recorded_pair(
        example.reply,
        theirs("create_blob", {"path": file}),
        ours("blobs_create", {**example.parameters, "file": file}),
    )
    assert our_request.body == b"hello"
    assert_same_request(their_request, our_request, ALLOWED["blobs_create"])


FULL: Mapping[str, Mapping[str, Any]] = {
    "chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is it?", "images": [b"\x89PNG"]},
            {
                "role": "assistant",
                "content": "Look.",
                "tool_calls": [{"function": {"name": "look", "arguments": {"at": "it"}}}],
            },
            {"role": "tool", "content": "a cat", "tool_name": "look"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "look",
                    "description": "Look at it.",
                    "parameters": {
                        "type": "object",
                        "required": ["at"],
                        "properties": {"at": {"type": "string", "description": "what"}},
                    },
                },
            }
        ],
        "think": "low",
        "logprobs": True,
        "top_logprobs": 2,
        "format": {"type": "object"},
        "options": {"temperature": 0.5},
        "keep_alive": "5m",
    },
    "generate": {
        "model": "m",
        "prompt": "p",
        "suffix": "s",
        "system": "y",
        "template": "t",
        "context": [1, 2],
        "think": True,
        "logprobs": True,
        "top_logprobs": 1,
        "raw": True,
        "format": "json",
        "images": [b"\x89PNG"],
        "options": {"num_ctx": 64},
        "keep_alive": 3.5,
        "width": 64,
        "height": 32,
        "steps": 4,
    },
    "embed": {
        "model": "m",
        "input": "one",
        "truncate": True,
        "options": {"num_ctx": 64},
        "keep_alive": 0.5,
        "dimensions": 8,
    },
    "embeddings": {"model": "m", "prompt": "p", "options": {"num_ctx": 64}, "keep_alive": 1.5},
    "systemone": {
        "model": "m",
        "state": {"door": "open"},
        "questions": {"open": {"type": "score", "instructions": "How?", "criteria": ["no", "yes"]}},
        "keep_alive": "1m",
    },
    "create": {
        "model": "m",
        "quantize": "q4_K_M",
        "from_": "n",
        "files": {"a.gguf": "sha256:1"},
        "adapters": {"b.gguf": "sha256:2"},
        "template": "t",
        "license": ["MIT"],
        "system": "y",
        "parameters": {"temperature": 1.0},
        "messages": [{"role": "user", "content": "hi"}],
    },
}


@pytest.mark.parametrize("operation", FULL)
def test_every_parameter_is_sent_alike(operation: str) -> None:
    """A call with every parameter of Ollama's client sends what that client sends."""
    parameters = FULL[operation]
    declared = set(Ollama.operations()[operation].signature.parameters)
    assert declared == set(parameters)
    their_request, our_request = recorded_pair(
        EXAMPLES[operation].reply, theirs(operation, parameters), ours(operation, parameters)
    )
    assert_same_request(their_request, our_request)


def test_no_operation_is_forgotten() -> None:
    """Each operation has an example, and each call of Ollama's client has an operation."""
    assert set(EXAMPLES) == set(Ollama.operations())
    calls = {name for name in vars(ollama.Client) if not name.startswith("_")}
    elsewhere = {"close", "web_search", "web_fetch"}  # the last two are calls of ollama.com
    known = {NAMES.get(name, name) for name in EXAMPLES} | {"create_blob"}
    assert calls - elsewhere == known - set(ABSENT) - {"blobs_create"}


def _lines(example: Example) -> list[Any]:
    assert example.stream is not None
    return [json.loads(line) for line in example.stream.body.splitlines()]


@pytest.mark.parametrize("operation", KINDS)
def test_examples_parse_as_the_client_types(operation: str) -> None:
    """Ollama's own types read every answer and every event of a stream."""
    example = EXAMPLES[operation]
    assert_parses(KINDS[operation], json.loads(example.reply.body))
    if example.stream is not None:
        for line in _lines(example):
            assert_parses(KINDS[operation], line)


@pytest.mark.parametrize("operation", STREAMING)
def test_the_client_reads_the_example_stream(operation: str) -> None:
    """Ollama's client gives as many parts of the canned stream as there are lines in it."""
    example = EXAMPLES[operation]
    assert example.stream is not None
    given: list[Any] = []
    recorded_pair(
        example.stream,
        lambda url: given.extend(theirs(operation, example.parameters, stream=True)(url)),
        ours(operation, example.parameters, stream=True),
    )
    assert len(given) == len(_lines(example))
    assert {type(part) for part in given} == {KINDS[operation]}
