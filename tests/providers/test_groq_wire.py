"""Groq's own client and ours send the same, and it reads what our examples answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import groq
import pytest
from groq.types.audio import Transcription, Translation
from groq.types.chat import ChatCompletion, ChatCompletionChunk

from pytest_accelerate.providers import Groq
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply
from tests.providers.wire import assert_parses, assert_same_request, recorded_pair

KEY = "gsk_test_key"
EXAMPLES = examples("groq")

CALLS: Mapping[str, Callable[[groq.Groq], Callable[..., Any]]] = {
    "models_list": lambda client: client.models.list,
    "models_get": lambda client: client.models.retrieve,
    "models_delete": lambda client: client.models.delete,
    "chat": lambda client: client.chat.completions.create,
    "audio_speech": lambda client: client.audio.speech.create,
    "audio_transcription": lambda client: client.audio.transcriptions.create,
    "audio_translation": lambda client: client.audio.translations.create,
    "embeddings": lambda client: client.embeddings.create,
    "files_upload": lambda client: client.files.create,
    "files_list": lambda client: client.files.list,
    "files_get": lambda client: client.files.info,
    "files_content": lambda client: client.files.content,
    "files_delete": lambda client: client.files.delete,
    "batches_create": lambda client: client.batches.create,
    "batches_list": lambda client: client.batches.list,
    "batches_get": lambda client: client.batches.retrieve,
    "batches_cancel": lambda client: client.batches.cancel,
}
"""The call of Groq's client for each operation."""
STREAMED: Mapping[str, str] = {"header.accept": "the client asks for JSON where it streams, too"}
KINDS: Mapping[str, Any] = {
    "models_list": groq.types.ModelListResponse,
    "models_get": groq.types.Model,
    "models_delete": groq.types.ModelDeleted,
    "chat": ChatCompletion,
    "audio_transcription": Transcription,
    "audio_translation": Translation,
    "embeddings": groq.types.CreateEmbeddingResponse,
    "files_upload": groq.types.FileCreateResponse,
    "files_list": groq.types.FileListResponse,
    "files_get": groq.types.FileInfoResponse,
    "files_delete": groq.types.FileDeleteResponse,
    "batches_create": groq.types.BatchCreateResponse,
    "batches_list": groq.types.BatchListResponse,
    "batches_get": groq.types.BatchRetrieveResponse,
    "batches_cancel": groq.types.BatchCancelResponse,
}
"""What Groq's client makes of each answer; the others are bytes."""


def theirs(operation: str, parameters: Mapping[str, Any], **more: Any) -> Callable[[str], Any]:
    """The same call through Groq's client."""

    def call(url: str) -> Any:
        with groq.Groq(api_key=KEY, base_url=url, max_retries=0) as client:
            given = CALLS[operation](client)(**parameters, **more)
            return list(given) if more else given

    return call


def ours(operation: str, parameters: Mapping[str, Any], stream: bool = False) -> Callable[..., Any]:
    """A call through our client."""

    def call(url: str) -> Any:
        with Groq(KEY, base_url=f"{url}/openai/v1") as client:
            handler = client.handler(operation)
            return list(handler.stream(parameters)) if stream else handler(parameters)

    return call


@pytest.mark.parametrize("operation", EXAMPLES)
def test_same_request(operation: str) -> None:
    """Both clients send the same request for the same call."""
    example = EXAMPLES[operation]
    their_request, our_request = recorded_pair(
        example.reply, theirs(operation, example.parameters), ours(operation, example.parameters)
    )
    assert_same_request(their_request, our_request)


def test_same_streaming_request() -> None:
    """Both clients send the same request for the same stream."""
    example = EXAMPLES["chat"]
    assert example.stream is not None
    their_request, our_request = recorded_pair(
        example.stream,
        theirs("chat", example.parameters, stream=True),
        ours("chat", example.parameters, stream=True),
    )
    assert_same_request(their_request, our_request, STREAMED, stream=True)


FULL: Mapping[str, Mapping[str, Any]] = {
    "chat": {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "citation_options": "enabled",
        "compound_custom": {"tools": {"enabled_tools": ["web_search"]}},
        "disable_tool_validation": True,
        "documents": [{"source": {"type": "text", "text": "t"}}],
        "exclude_domains": ["a.example"],
        "frequency_penalty": 0.5,
        "function_call": "auto",
        "functions": [{"name": "f"}],
        "include_domains": ["b.example"],
        "include_reasoning": False,
        "logit_bias": {"7": 1},
        "logprobs": True,
        "max_completion_tokens": 5,
        "max_tokens": 6,
        "metadata": {"a": "b"},
        "n": 1,
        "parallel_tool_calls": False,
        "presence_penalty": -0.5,
        "reasoning_effort": "high",
        "response_format": {"type": "json_object"},
        "search_settings": {"include_images": True},
        "seed": 3,
        "service_tier": "flex",
        "stop": ["x", "y"],
        "store": False,
        "temperature": 0.25,
        "tool_choice": "required",
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "top_logprobs": 2,
        "top_p": 0.5,
        "user": "me",
    },
    "audio_speech": {
        "model": "m",
        "input": "i",
        "voice": "v",
        "response_format": "ogg",
        "sample_rate": 16000,
        "speed": 1.5,
    },
    "audio_transcription": {
        "model": "m",
        "file": ("a.wav", b"RIFF"),
        "language": "de",
        "prompt": "p",
        "response_format": "verbose_json",
        "temperature": 0.5,
        "timestamp_granularities": ["word", "segment"],
    },
    "audio_translation": {
        "model": "m",
        "file": ("a.wav", b"RIFF"),
        "prompt": "p",
        "response_format": "text",
        "temperature": 0.5,
    },
    "embeddings": {"model": "m", "input": ["a", "b"], "encoding_format": "float", "user": "me"},
    "batches_create": {
        "completion_window": "7d",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file_1",
        "metadata": {"a": "b"},
    },
}
APART: Mapping[str, frozenset[str]] = {
    "chat": frozenset({"system", "reasoning_format"}),
    "audio_transcription": frozenset({"url"}),
    "audio_translation": frozenset({"url"}),
}
"""What cannot be sent with all others, and is tested elsewhere: ``system`` is ours."""


@pytest.mark.parametrize("operation", FULL)
def test_every_parameter_is_sent_alike(operation: str) -> None:
    """A call with every parameter of Groq's client sends what that client sends."""
    parameters = FULL[operation]
    declared = set(Groq.operations()[operation].signature.parameters)
    assert declared - APART.get(operation, frozenset()) == set(parameters)
    their_request, our_request = recorded_pair(
        EXAMPLES[operation].reply, theirs(operation, parameters), ours(operation, parameters)
    )
    assert_same_request(their_request, our_request)


@pytest.mark.parametrize("operation", ["audio_transcription", "audio_translation"])
def test_sound_behind_a_url_is_sent_alike(operation: str) -> None:
    """A form without a file is a form for both clients."""
    parameters = {"model": "m", "url": "https://example.com/a.wav"}
    their_request, our_request = recorded_pair(
        EXAMPLES[operation].reply, theirs(operation, parameters), ours(operation, parameters)
    )
    assert our_request.headers["content-type"].startswith("multipart/form-data")
    assert_same_request(their_request, our_request)


def test_system_prompt_is_the_first_message() -> None:
    """A ``system`` prompt is sent as Groq's client sends a first message of that role."""
    user = {"role": "user", "content": "u"}
    their_request, our_request = recorded_pair(
        EXAMPLES["chat"].reply,
        theirs("chat", {"model": "m", "messages": [{"role": "system", "content": "s"}, user]}),
        ours("chat", {"model": "m", "messages": [user], "system": "s"}),
    )
    assert_same_request(their_request, our_request)


def test_the_client_knows_no_more_parameters() -> None:
    """Whatever Groq's client takes for a chat is declared."""
    taken = set(groq.types.chat.completion_create_params.CompletionCreateParams.__annotations__)
    declared = set(Groq.operations()["chat"].signature.parameters)
    assert taken - {"stream"} == declared - {"system"}


def test_no_operation_is_forgotten() -> None:
    """Each operation has an example and a call of Groq's client, and each of its calls one."""
    assert set(EXAMPLES) == set(Groq.operations()) == set(CALLS)
    with groq.Groq(api_key=KEY) as client:
        resources = [
            client.models, client.chat.completions, client.audio.speech,
            client.audio.transcriptions, client.audio.translations, client.embeddings,
            client.files, client.batches,
        ]  # fmt: skip
        calls = {
            getattr(each, name).__func__.__qualname__
            for each in resources
            for name, value in vars(type(each)).items()
            if callable(value) and not name.startswith("_")
        }
        assert calls == {call(client).__func__.__qualname__ for call in CALLS.values()}  # type: ignore[attr-defined]


@pytest.mark.parametrize("operation", KINDS)
def test_examples_parse_as_the_client_types(operation: str) -> None:
    """Groq's own types read every answer."""
    assert_parses(KINDS[operation], json.loads(EXAMPLES[operation].reply.body))


def test_stream_parses_as_the_client_type() -> None:
    """Groq's client reads the canned stream, each chunk of it valid."""
    example = EXAMPLES["chat"]
    assert example.stream is not None
    given: list[ChatCompletionChunk] = []
    recorded_pair(
        example.stream,
        lambda url: given.extend(theirs("chat", example.parameters, stream=True)(url)),
        ours("chat", example.parameters, stream=True),
    )
    assert len(given) == 6
    for chunk in given:
        assert_parses(ChatCompletionChunk, chunk.to_dict())
    assert given[-1].x_groq is not None
    assert given[-1].x_groq.usage is not None


@pytest.mark.parametrize("operation", ["audio_speech", "files_content"])
def test_the_client_reads_the_same_bytes(operation: str) -> None:
    """Sound and files come through both clients as the same bytes."""
    example, given = EXAMPLES[operation], []
    recorded_pair(
        example.reply,
        lambda url: given.append(theirs(operation, example.parameters)(url).read()),
        lambda url: given.append(ours(operation, example.parameters)(url).content),
    )
    assert given == [example.reply.body] * 2


def test_errors_have_the_same_status() -> None:
    """An error that Groq's client raises by status is raised by ours with it."""
    body = {"error": {"message": "no such model", "type": "invalid_request_error",
                      "code": "model_not_found"}}  # fmt: skip
    reply = CannedReply(json_reply(body).body, status=404)
    caught: list[Any] = []

    def kept(call: Callable[[str], Any]) -> Callable[[str], Any]:
        def run(url: str) -> None:
            with pytest.raises(Exception, match="no such model") as error:
                call(url)
            caught.append(error.value)

        return run

    parameters = EXAMPLES["chat"].parameters
    recorded_pair(reply, kept(theirs("chat", parameters)), kept(ours("chat", parameters)))
    assert caught[0].status_code == caught[1].status == 404
