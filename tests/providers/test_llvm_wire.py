"""OpenAI's own client and ours send a self-hosted server the same, and it reads our examples."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import openai
import pytest
from openai.types import Completion, CreateEmbeddingResponse, Model
from openai.types.audio import Transcription, Translation
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from pytest_accelerate.providers import LLVM
from pytest_accelerate.providers.examples import examples
from tests.providers.wire import assert_parses, assert_same_request, recorded_pair

KEY = "llvm-test-key"
EXAMPLES = examples("llvm")
SDK: Mapping[str, str] = {
    "models_list": "models.list",
    "models_get": "models.retrieve",
    "chat": "chat.completions.create",
    "completions": "completions.create",
    "embeddings": "embeddings.create",
    "responses": "responses.create",
    "audio_transcription": "audio.transcriptions.create",
    "audio_translation": "audio.translations.create",
}
"""What OpenAI's client calls each operation that it has too."""
ABSENT: Mapping[str, str] = {
    "infer": "of no OpenAI API",
    "tokenize": "vLLM's, llama.cpp's",
    "detokenize": "vLLM's, llama.cpp's",
    "rerank": "vLLM's, llama.cpp's",
    "score": "vLLM's",
    "pooling": "vLLM's",
    "classify": "vLLM's",
    "health": "of no OpenAI API",
    "version": "vLLM's",
    "metrics_text": "vLLM's, llama.cpp's",
}
ALLOWED: Mapping[str, Mapping[str, str]] = {
    "responses": {"body.stream": "transformers serve streams unless it is told not to"}
}
KINDS: Mapping[str, Any] = {
    "models_get": Model,
    "chat": ChatCompletion,
    "completions": Completion,
    "embeddings": CreateEmbeddingResponse,
    "responses": Response,
    "audio_transcription": Transcription,
    "audio_translation": Translation,
}
EVENTS: Mapping[str, Any] = {
    "chat": ChatCompletionChunk,
    "completions": Completion,
    "responses": ResponseStreamEvent,
}
EXTRA = ("top_k", "repetition_penalty", "min_p", "structured_outputs")
"""What OpenAI's client knows nothing of and sends as ``extra_body``."""


def sent(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as OpenAI's client takes them."""
    given = {name: value for name, value in parameters.items() if value is not None}
    extra = {name: given.pop(name) for name in EXTRA if name in given}
    return {**given, "extra_body": extra} if extra else given


def theirs(operation: str, parameters: Mapping[str, Any], **more: Any) -> Callable[[str], Any]:
    """The same call through OpenAI's client."""

    def call(url: str) -> Any:
        with (
            openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as client,
            warnings.catch_warnings(),
        ):
            given = sent(parameters) | more
            warnings.simplefilter("ignore", DeprecationWarning)  # of OpenAI's models, not of ours
            made = attrgetter(SDK[operation])(client)(**given)
            return list(made) if more else made

    return call


def ours(operation: str, parameters: Mapping[str, Any], stream: bool = False) -> Callable[..., Any]:
    """A call through our client."""

    def call(url: str) -> Any:
        with LLVM(KEY, base_url=url) as client:
            handler = client.handler(operation)
            return list(handler.stream(parameters)) if stream else handler(parameters)

    return call


def test_no_operation_is_forgotten() -> None:
    """Each operation is compared with OpenAI's client, or it is said why not."""
    assert LLVM.operations().keys() == EXAMPLES.keys() == SDK.keys() | ABSENT.keys()


@pytest.mark.parametrize("operation", SDK)
def test_same_request(operation: str) -> None:
    """Both clients send the same request for the same call."""
    example = EXAMPLES[operation]
    their_request, our_request = recorded_pair(
        example.reply, theirs(operation, example.parameters), ours(operation, example.parameters)
    )
    assert_same_request(their_request, our_request, ALLOWED.get(operation))


@pytest.mark.parametrize("operation", EVENTS)
def test_same_streaming_request(operation: str) -> None:
    """Both clients send the same request for the same stream."""
    example = EXAMPLES[operation]
    assert example.stream is not None
    their_request, our_request = recorded_pair(
        example.stream,
        theirs(operation, example.parameters, stream=True),
        ours(operation, example.parameters, stream=True),
    )
    allowed = {"header.accept": "OpenAI's client asks for JSON, and gets server-sent events"}
    assert_same_request(their_request, our_request, allowed, stream=True)


def test_extra_sampling_is_sent_like_extra_body() -> None:
    """What vLLM takes beyond OpenAI stands where OpenAI's client puts an ``extra_body``."""
    parameters = {
        **EXAMPLES["chat"].parameters,
        "min_p": 0.1,
        "structured_outputs": {"choice": ["yes", "no"]},
    }
    their_request, our_request = recorded_pair(
        EXAMPLES["chat"].reply, theirs("chat", parameters), ours("chat", parameters)
    )
    assert our_request.json["structured_outputs"] == {"choice": ["yes", "no"]}
    assert_same_request(their_request, our_request)


@pytest.mark.parametrize("operation", KINDS)
def test_examples_parse_as_the_client_types(operation: str) -> None:
    """OpenAI's own types read every answer and every event of a stream."""
    example = EXAMPLES[operation]
    assert_parses(KINDS[operation], json.loads(example.reply.body))
    if operation in EVENTS:
        assert example.stream is not None
        for line in example.stream.body.splitlines():
            if line.startswith(b"data: {"):
                event = json.loads(line.removeprefix(b"data: "))
                if operation == "completions":  # the type is that of the whole, which has ended
                    for choice in event["choices"]:
                        choice["finish_reason"] = choice["finish_reason"] or "stop"
                assert_parses(EVENTS[operation], event)


def test_listed_models_parse_as_the_client_types() -> None:
    """Each entry of the list is a model."""
    for entry in json.loads(EXAMPLES["models_list"].reply.body)["data"]:
        assert_parses(Model, entry)
