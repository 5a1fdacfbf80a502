"""The same calls through OpenAI's own client and through ours, side by side on the wire."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import openai
import pytest
from openai.types.audio.transcription_stream_event import TranscriptionStreamEvent
from openai.types.chat import ChatCompletionChunk
from openai.types.image_edit_stream_event import ImageEditStreamEvent
from openai.types.image_gen_stream_event import ImageGenStreamEvent
from openai.types.responses import ResponseStreamEvent

from pytest_accelerate.providers.examples import Example, examples
from pytest_accelerate.providers.openai import OpenAI
from pytest_accelerate.transport.policy import Policy
from tests.providers.openai.shapes import SHAPES
from tests.providers.recording import RecordingServer
from tests.providers.wire import assert_parses, assert_same_request, recorded_pair

KEY = "sk-test-0000"
EXAMPLES = examples("openai")
STREAMING = [name for name, each in EXAMPLES.items() if each.stream is not None]

SDK: Mapping[str, str] = {
    "models_list": "models.list",
    "models_get": "models.retrieve",
    "models_delete": "models.delete",
    "embeddings": "embeddings.create",
    "moderations": "moderations.create",
    "chat": "chat.completions.create",
    "responses": "responses.create",
    "responses_get": "responses.retrieve",
    "responses_delete": "responses.delete",
    "responses_cancel": "responses.cancel",
    "responses_input_items": "responses.input_items.list",
    "images_generate": "images.generate",
    "images_edit": "images.edit",
    "images_variation": "images.create_variation",
    "audio_speech": "audio.speech.create",
    "audio_transcription": "audio.transcriptions.create",
    "audio_translation": "audio.translations.create",
    "files_upload": "files.create",
    "files_list": "files.list",
    "files_get": "files.retrieve",
    "files_content": "files.content",
    "files_delete": "files.delete",
    "uploads_create": "uploads.create",
    "uploads_part": "uploads.parts.create",
    "uploads_complete": "uploads.complete",
    "uploads_cancel": "uploads.cancel",
    "batches_create": "batches.create",
    "batches_get": "batches.retrieve",
    "batches_list": "batches.list",
    "batches_cancel": "batches.cancel",
    "fine_tuning_create": "fine_tuning.jobs.create",
    "fine_tuning_get": "fine_tuning.jobs.retrieve",
    "fine_tuning_list": "fine_tuning.jobs.list",
    "fine_tuning_cancel": "fine_tuning.jobs.cancel",
    "fine_tuning_events": "fine_tuning.jobs.list_events",
    "fine_tuning_checkpoints": "fine_tuning.jobs.checkpoints.list",
    "fine_tuning_pause": "fine_tuning.jobs.pause",
    "fine_tuning_resume": "fine_tuning.jobs.resume",
    "vector_stores_create": "vector_stores.create",
    "vector_stores_get": "vector_stores.retrieve",
    "vector_stores_list": "vector_stores.list",
    "vector_stores_update": "vector_stores.update",
    "vector_stores_delete": "vector_stores.delete",
    "vector_stores_search": "vector_stores.search",
    "vector_store_files_create": "vector_stores.files.create",
    "vector_store_files_get": "vector_stores.files.retrieve",
    "vector_store_files_update": "vector_stores.files.update",
    "vector_store_files_content": "vector_stores.files.content",
    "vector_store_files_list": "vector_stores.files.list",
    "vector_store_files_delete": "vector_stores.files.delete",
    "vector_store_file_batches_create": "vector_stores.file_batches.create",
    "vector_store_file_batches_get": "vector_stores.file_batches.retrieve",
    "vector_store_file_batches_cancel": "vector_stores.file_batches.cancel",
    "vector_store_file_batches_list": "vector_stores.file_batches.list_files",
}
"""Our operations and the methods of OpenAI's client."""

EVENTS: Mapping[str, Any] = {
    "chat": ChatCompletionChunk,
    "responses": ResponseStreamEvent,
    "responses_get": ResponseStreamEvent,
    "images_generate": ImageGenStreamEvent,
    "images_edit": ImageEditStreamEvent,
    "audio_transcription": TranscriptionStreamEvent,
}
"""The SDK's type of a stream's events; it has none for those of speech."""

UNTYPED = {
    "responses_delete": "the SDK throws the answer away",
    "audio_speech": "bytes",
    "files_content": "bytes",
}

STREAM_ACCEPT = {"header.accept": "the SDK does not ask for text/event-stream by name"}


def sdk(url: str) -> openai.OpenAI:
    """OpenAI's own client, which does not try again."""
    return openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0)


def ours(url: str) -> OpenAI:
    """Ours, likewise."""
    return OpenAI(KEY, base_url=f"{url}/v1", policy=Policy(max_tries=1))


def method(client: Any, operation: str) -> Callable[..., Any]:
    """The SDK's method for an operation."""
    for name in SDK[operation].split("."):
        client = getattr(client, name)
    return client  # type: ignore[no-any-return]


def call_sdk(operation: str, parameters: Mapping[str, Any]) -> Callable[[str], Any]:
    """A caller that makes the call through the SDK and closes it."""

    def call(url: str) -> Any:
        with sdk(url) as client, warnings.catch_warnings():
            # The SDK warns of variations, since the one model that makes them is old.
            warnings.filterwarnings("ignore", "deprecated", DeprecationWarning)
            return method(client, operation)(**parameters)

    return call


def call_ours(operation: str, parameters: Mapping[str, Any]) -> Callable[[str], Any]:
    """The same through our client."""

    def call(url: str) -> Any:
        with ours(url) as client:
            return client[operation](parameters)

    return call


def stream_sdk(operation: str, parameters: Mapping[str, Any]) -> Callable[[str], Any]:
    """A caller that reads the whole stream through the SDK."""

    def call(url: str) -> Any:
        asked = {"stream_format": "sse"} if operation == "audio_speech" else {"stream": True}
        with sdk(url) as client:
            answer = method(client, operation)(**parameters, **asked)
            return [] if operation == "audio_speech" else list(answer)

    return call


def stream_ours(operation: str, parameters: Mapping[str, Any]) -> Callable[[str], Any]:
    """The same through our client."""

    def call(url: str) -> Any:
        with ours(url) as client, client[operation].stream(parameters) as stream:
            return list(stream)

    return call


def test_every_operation_is_compared() -> None:
    """Each declared operation has an example and a method of the SDK to be compared with."""
    assert set(OpenAI.operations()) == set(EXAMPLES) == set(SDK)
    streaming = [name for name, each in OpenAI.operations().items()
                 if each.declaration.streaming is not None]  # fmt: skip
    assert set(streaming) == set(STREAMING) == {*EVENTS, "audio_speech"}


@pytest.mark.parametrize("operation", SDK)
def test_every_parameter_of_the_sdk_is_declared(operation: str) -> None:
    """What the SDK's method takes, and only that, our operation takes, but how to stream."""
    import inspect

    with sdk("http://127.0.0.1:1") as client:
        signature = inspect.signature(inspect.unwrap(method(client, operation)))
    theirs = set(signature.parameters) - {
        "self", "extra_headers", "extra_query", "extra_body", "timeout", "stream",
    }  # fmt: skip
    declared = OpenAI.operations()[operation].signature
    assert set(declared.parameters) == theirs


@pytest.mark.parametrize("operation", SDK)
def test_the_request_is_the_sdks(operation: str) -> None:
    """The same call gives the same method, path, query, headers and body."""
    example = EXAMPLES[operation]
    theirs, own = recorded_pair(
        example.reply,
        call_sdk(operation, example.parameters),
        call_ours(operation, example.parameters),
    )
    assert_same_request(theirs, own)


@pytest.mark.parametrize("operation", STREAMING)
def test_the_request_for_a_stream_is_the_sdks(operation: str) -> None:
    """So does the same call with a stream."""
    example = EXAMPLES[operation]
    assert example.stream is not None
    theirs, own = recorded_pair(
        example.stream,
        stream_sdk(operation, example.parameters),
        stream_ours(operation, example.parameters),
    )
    assert_same_request(theirs, own, STREAM_ACCEPT, stream=True)


@pytest.mark.parametrize("operation", sorted(SDK.keys() - UNTYPED.keys()))
def test_the_canned_reply_is_of_the_sdks_type(operation: str) -> None:
    """The SDK reads the example's reply, and nothing that its type requires is missing or wrong."""
    example = EXAMPLES[operation]
    with RecordingServer(example.reply) as server:
        answer = call_sdk(operation, example.parameters)(server.url)
    assert_parses(type(answer), json.loads(example.reply.body))


@pytest.mark.parametrize("operation", EVENTS)
def test_the_canned_events_are_of_the_sdks_types(operation: str) -> None:
    """So does each event of the example's stream, and the SDK reads as many as we do."""
    example = EXAMPLES[operation]
    assert example.stream is not None
    with RecordingServer(example.stream) as server:
        theirs = stream_sdk(operation, example.parameters)(server.url)
        own = stream_ours(operation, example.parameters)(server.url)
    for event in own:
        assert_parses(EVENTS[operation], event.data)
    assert [each.to_dict(mode="json") for each in theirs] == [each.data for each in own]


def test_a_wrong_reply_is_not_of_the_sdks_type() -> None:
    """The check of types itself can fail: it notices a field that is missing in a list's entry."""
    example = EXAMPLES["files_list"]
    with RecordingServer(example.reply) as server:
        answer = call_sdk("files_list", example.parameters)(server.url)
    data = json.loads(example.reply.body)
    del data["data"][0]["filename"]
    with pytest.raises(ValueError, match="filename"):
        assert_parses(type(answer), data)


@pytest.mark.parametrize("operation", ["chat", "files_upload", "files_list", "responses_cancel"])
def test_the_awaited_request_is_the_same(operation: str) -> None:
    """An awaited call sends what the SDK's awaited call sends."""
    example = EXAMPLES[operation]

    def theirs(url: str) -> None:
        async def call() -> None:
            async with openai.AsyncOpenAI(
                api_key=KEY, base_url=f"{url}/v1", max_retries=0
            ) as client:
                await method(client, operation)(**example.parameters)

        asyncio.run(call())

    def own(url: str) -> None:
        async def call() -> None:
            async with ours(url) as client:
                await client[operation].acall(example.parameters)

        asyncio.run(call())

    assert_same_request(*recorded_pair(example.reply, theirs, own))


def test_an_awaited_stream_is_the_same() -> None:
    """An awaited stream sends and gives what the one of a thread does."""
    example = EXAMPLES["responses"]
    assert example.stream is not None

    async def call(url: str) -> list[Any]:
        async with ours(url) as client, client["responses"].astream(example.parameters) as stream:
            return [event async for event in stream]

    with RecordingServer(example.stream) as server:
        awaited = asyncio.run(call(server.url))
        plain = stream_ours("responses", example.parameters)(server.url)
        first, second = server.requests
    assert_same_request(first, second, stream=True)
    assert [event.data for event in awaited] == [event.data for event in plain]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_goes_into_parameters_is_sent_as_the_sdk_sends_it(shape: str) -> None:
    """Tools, schemas, images, sound, lists and nested values look the same on the wire."""
    operation, changes = SHAPES[shape]
    example: Example = EXAMPLES[operation]
    parameters = {**example.parameters, **changes}
    if operation == "vector_store_file_batches_create":
        del parameters["file_ids"]
    theirs, own = recorded_pair(
        example.reply, call_sdk(operation, parameters), call_ours(operation, parameters)
    )
    assert_same_request(theirs, own)


def test_the_sdk_asks_for_base64_where_nothing_is_said() -> None:
    """An embedding's default is the API's own with us, and base64 with the SDK."""
    parameters = {"model": "text-embedding-3-small", "input": "hello"}
    theirs, own = recorded_pair(
        EXAMPLES["embeddings"].reply,
        call_sdk("embeddings", parameters),
        call_ours("embeddings", parameters),
    )
    assert_same_request(
        theirs, own, {"body.encoding_format": "the SDK adds base64, and decodes it itself"}
    )
