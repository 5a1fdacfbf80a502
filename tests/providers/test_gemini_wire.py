"""Gemini beside google-genai: the same requests, and replies that parse as its own types."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from google import genai
from google.genai import types

from pytest_accelerate.providers import Gemini
from pytest_accelerate.providers.examples import CannedReply, examples
from pytest_accelerate.providers.gemini import file_part, function_response, media_part
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import Recorded, RecordingServer
from tests.providers.wire import assert_parses, assert_same_request, recorded_pair

KEY = "fake-key-of-the-wire-tests"
EXAMPLES = examples("gemini")
PNG = b"\x89PNG\xff\xfb\xff"
SCHEMA = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}
TOOLS = [{"functionDeclarations": [{"name": "weather", "parameters": SCHEMA}]}]

ALLOWED: dict[str, dict[str, str]] = {
    "stream": {"header.accept": "the SDK takes anything; we say that we read events"},
    "embed": {
        "path": "the SDK has no call of :embedContent here: it sends a batch of one",
        "body": "the one content stands in a batch of one there",
    },
}
"""Where a request differs from the SDK's, with the reason.

Two differences are taken out before: the API reads each name in camelCase and in snake_case, and
the SDK mixes both, so its bodies are compared in camelCase; and it sends an empty
``generationConfig`` where nothing of it was given.
"""


@contextmanager
def sdk(url: str) -> Iterator[Any]:
    """The SDK's client, without its retries."""
    options = types.HttpOptions(base_url=url, retry_options=types.HttpRetryOptions(attempts=1))
    with genai.Client(api_key=KEY, http_options=options) as client:
        yield client


@contextmanager
def ours(url: str) -> Iterator[Gemini]:
    """Our client, without its retries."""
    with Gemini(KEY, base_url=url, policy=Policy(max_tries=1)) as client:
        yield client


@dataclass(frozen=True)
class Case:
    """The same call through both."""

    operation: str
    parameters: dict[str, Any]
    theirs: Callable[[Any], object]
    allowed: dict[str, str] = field(default_factory=dict)


def _generate(config: dict[str, Any] | None = None, contents: Any = "Hi", **more: Any) -> Case:
    """A case of ``generate`` whose parameters have the same names in the SDK's ``config``."""
    return Case(
        "generate",
        {"model": "gemini-x", "contents": contents, **(config or {}), **more},
        lambda client: client.models.generate_content(
            model="gemini-x", contents=contents, config=config
        ),
    )


CONVERSATION = [
    {"role": "user", "parts": [{"text": "How is the weather in Bonn?"}]},
    {"role": "model", "parts": [{
        "functionCall": {"name": "weather", "args": {"city": "Bonn"}, "id": "1"},
        "thoughtSignature": "c2lnbmVk",
    }]},
    {"role": "user", "parts": [function_response("weather", {"degrees": 21}, "1")]},
]  # fmt: skip

CASES: dict[str, Case] = {
    "text": _generate(),
    "parts": _generate(contents=["Look: ", media_part(PNG, "image/png"), "What is it?"]),
    "file": _generate(
        contents=[
            "Watch.",
            file_part("https://x/files/1", "video/mp4", video_metadata={"startOffset": "3s"}),
        ]
    ),
    "conversation": _generate({"tools": TOOLS}, CONVERSATION),
    "system": _generate({"system_instruction": "Be brief."}),
    "sampling": _generate({
        "temperature": 0.5, "top_p": 0.9, "top_k": 40.0, "candidate_count": 2,
        "max_output_tokens": 9, "stop_sequences": ["END"], "response_logprobs": True,
        "logprobs": 3, "presence_penalty": 0.1, "frequency_penalty": 0.2, "seed": 7,
    }),
    "schema": _generate({
        "response_mime_type": "application/json", "response_schema": SCHEMA,
    }),
    "json schema": _generate({
        "response_mime_type": "application/json",
        "response_json_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
    }),
    "media out": _generate({
        "response_modalities": ["TEXT", "IMAGE"], "media_resolution": "MEDIA_RESOLUTION_LOW",
        "image_config": {"aspectRatio": "16:9"},
        "speech_config": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }),
    "thinking": _generate({"thinking_config": {"includeThoughts": True, "thinkingBudget": 64}}),
    "rest of config": _generate({
        "enable_enhanced_civic_answers": True,
        "audio_transcription_config": {"languageCodes": ["de-DE"]},
    }),
    "beside the config": _generate({
        "safety_settings": [{
            "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH",
        }],
        "tools": [{"googleSearch": {}}, *TOOLS],
        "tool_config": {"functionCallingConfig": {"mode": "ANY"}},
        "cached_content": "kept", "labels": {"team": "a"}, "service_tier": "flex",
        "continuation_token": "dG9rZW4=", "store": False,
    }),
    "tuned": Case(
        "generate", {"model": "tunedModels/mine", "contents": "Hi"},
        lambda client: client.models.generate_content(model="tunedModels/mine", contents="Hi"),
    ),
    "count": Case(
        "count_tokens", {"model": "models/gemini-x", "contents": ["Hi", "there"]},
        lambda client: client.models.count_tokens(model="gemini-x", contents=["Hi", "there"]),
    ),
    "embed": Case(
        "embed", {"model": "e", "content": "Hi", "task_type": "RETRIEVAL_QUERY"},
        lambda client: client.models.embed_content(
            model="e", contents="Hi", config={"task_type": "RETRIEVAL_QUERY"}
        ),
        ALLOWED["embed"],
    ),
    "embed batch": Case(
        "embed_batch",
        {"model": "e", "contents": ["Hi", "ho"], "task_type": "RETRIEVAL_DOCUMENT", "title": "T",
         "output_dimensionality": 8},
        lambda client: client.models.embed_content(
            model="e", contents=["Hi", "ho"],
            config={"task_type": "RETRIEVAL_DOCUMENT", "title": "T", "output_dimensionality": 8},
        ),
    ),
    "models": Case(
        "models_list", {"page_size": 3, "page_token": "t", "filter": "f"},
        lambda client: client.models.list(
            config={"page_size": 3, "page_token": "t", "filter": "f"}
        ),
    ),
    "model": Case(
        "models_get", {"model": "gemini-x"}, lambda client: client.models.get(model="gemini-x")
    ),
    "files": Case(
        "files_list", {"page_size": 3, "page_token": "t"},
        lambda client: client.files.list(config={"page_size": 3, "page_token": "t"}),
    ),
    "file get": Case(
        "files_get", {"name": "files/abc"}, lambda client: client.files.get(name="files/abc")
    ),
    "file download": Case(
        "files_download", {"name": "abc"}, lambda client: client.files.download(file="abc")
    ),
    "file delete": Case(
        "files_delete", {"name": "files/abc"}, lambda client: client.files.delete(name="files/abc")
    ),
}  # fmt: skip


def test_every_operation_has_a_case_and_an_example() -> None:
    """No operation is declared without being compared with the SDK and without an example."""
    compared = {case.operation for case in CASES.values()} | {"files_upload"}
    assert compared == {*Gemini.operations()} == {*EXAMPLES}


@pytest.mark.parametrize("name", CASES)
def test_the_same_request(name: str) -> None:
    """The same call through the SDK and through us is the same request."""
    case = CASES[name]

    def by_them(url: str) -> None:
        with sdk(url) as client:
            case.theirs(client)

    def by_us(url: str) -> None:
        with ours(url) as client:
            client[case.operation](case.parameters)

    theirs, own = recorded_pair(EXAMPLES[case.operation].reply, by_them, by_us)
    assert_same_request(_in_camel_case(theirs), own, case.allowed)


def test_the_same_stream_request() -> None:
    """The streaming form is the SDK's: its own path, and events asked for in the query."""

    def by_them(url: str) -> None:
        with sdk(url) as client:
            list(
                client.models.generate_content_stream(
                    model="m", contents="Hi", config={"temperature": 0.5}
                )
            )

    def by_us(url: str) -> None:
        with ours(url) as client:
            client.generate.stream(model="m", contents="Hi", temperature=0.5).answer()

    stream = EXAMPLES["generate"].stream
    assert stream is not None
    theirs, own = recorded_pair(stream, by_them, by_us)
    assert own.query == (("alt", "sse"),)
    assert_same_request(_in_camel_case(theirs), own, ALLOWED["stream"], stream=True)


def test_embed_is_one_request_of_the_batch() -> None:
    """What ``embed`` sends is what the SDK has in its batch, but for the model that is named."""

    def by_them(url: str) -> None:
        with sdk(url) as client:
            client.models.embed_content(
                model="e", contents="Hi", config={"title": "T", "task_type": "RETRIEVAL_DOCUMENT"}
            )

    def by_us(url: str) -> None:
        with ours(url) as client:
            client.embed(model="e", content="Hi", title="T", task_type="RETRIEVAL_DOCUMENT")

    theirs, own = recorded_pair(EXAMPLES["embed"].reply, by_them, by_us)
    (request,) = theirs.json["requests"]
    assert request == {**own.json, "model": "models/e"}
    assert own.path == "/v1/models/e:embedContent"


@pytest.mark.parametrize("kind", ["path", "stream"])
def test_the_same_upload(kind: str, tmp_path: Path) -> None:
    """Both requests of an upload are the SDK's: the second without a key."""
    path = tmp_path / "note.txt"
    path.write_bytes(b"hello")
    config = {"display_name": "A note", "mime_type": "text/plain", "name": "my-note"}

    def source() -> Any:
        return path if kind == "path" else io.BytesIO(b"hello")

    with RecordingServer(EXAMPLES["files_upload"].reply) as server:
        # The SDK sends the content where the answer says, so the answer must name the server.
        server.reply = _uploading_to(server.url)
        with sdk(server.url) as client:
            client.files.upload(file=source(), config=config)
        theirs = list(server.requests)
        server.requests.clear()
        with ours(server.url) as gemini:
            gemini.files_upload({"file": source(), **config})
        own = list(server.requests)
    assert len(theirs) == len(own) == 2
    assert_same_request(_in_camel_case(theirs[0]), own[0])
    assert_same_request(
        theirs[1],
        own[1],
        {
            # The SDK sends the headers of the first request again with the content.
            "header.content-type": "it says JSON of what is the file's own content",
            "header.x-goog-upload-protocol": "named by the first request already",
            "header.x-goog-upload-header-content-length": "told by the first request already",
            "header.x-goog-upload-header-content-type": "told by the first request already",
            **(
                {"header.x-goog-upload-file-name": "told by the first request already"}
                if kind == "path"
                else {}
            ),
        },
    )
    assert own[1].body == theirs[1].body == b"hello"
    assert "x-goog-api-key" not in own[1].headers


REPLY_TYPES: dict[str, Any] = {
    "generate": types.GenerateContentResponse,
    "embed_batch": types.EmbedContentResponse,
    "files_get": types.File,
}
"""Where the SDK's own type has the names of the wire, and so holds the reply as it comes."""


@pytest.mark.parametrize("operation", REPLY_TYPES)
def test_the_reply_is_the_sdks_type(operation: str) -> None:
    """A canned reply is valid for the SDK's own type, and has no field that the type lacks."""
    data = json.loads(EXAMPLES[operation].reply.body)
    assert_parses(REPLY_TYPES[operation], data)


@pytest.mark.parametrize("event", [0, 1])
def test_each_event_is_the_sdks_type(event: int) -> None:
    """Each event of the canned stream is valid for the SDK's own type."""
    stream = EXAMPLES["generate"].stream
    assert stream is not None
    frames = [line[6:] for line in stream.body.split(b"\n") if line.startswith(b"data: ")]
    assert_parses(types.GenerateContentResponse, json.loads(frames[event]))


def test_the_sdk_reads_each_reply() -> None:
    """Through the SDK each canned reply gives what our own client reads in it."""
    with _both("generate") as (theirs, own):
        answer = own.generate(model="m", contents="Hi")
        found = theirs.models.generate_content(model="m", contents="Hi")
        assert (found.text, found.model_version) == (answer.text, answer.model)
        assert found.candidates is not None
        assert found.candidates[0].finish_reason == answer.finish_reason
        assert answer.usage is not None
        assert found.usage_metadata is not None
        assert found.usage_metadata.prompt_token_count == answer.usage.input_tokens
    with _both("count_tokens") as (theirs, own):
        counted = own.count_tokens(model="m", contents="Hi")
        assert theirs.models.count_tokens(model="m", contents="Hi").total_tokens == (
            counted.total_tokens
        )
        assert counted.total_tokens > 0
    with _both("embed_batch") as (theirs, own):
        vectors = own.embed_batch(model="m", contents=["Hi", "ho"]).vectors
        embeddings = theirs.models.embed_content(model="m", contents=["Hi", "ho"]).embeddings
        assert [tuple(each.values or ()) for each in embeddings or ()] == list(vectors)
        assert len(vectors) == 2
    with _both("models_list") as (theirs, own):
        (entry,) = own.models_list().entries
        (model,) = theirs.models.list().page
        assert (model.name, model.input_token_limit) == (entry["name"], entry["inputTokenLimit"])
        assert model.supported_actions == entry["supportedGenerationMethods"]
    with _both("models_get") as (theirs, own):
        got = theirs.models.get(model="m")
        assert got.display_name == own.models_get(model="m")["displayName"]
    with _both("files_list") as (theirs, own):
        assert theirs.files.list().page[0].uri == own.files_list().entries[0]["uri"]
    with _both("files_get") as (theirs, own):
        file, theirs_file = own.files_get(name="f"), theirs.files.get(name="f")
        assert (theirs_file.uri, theirs_file.state) == (file.uri, file.state)
    with _both("files_download") as (theirs, own):
        assert theirs.files.download(file="f") == own.files_download(name="f").content
    with _both("files_delete") as (theirs, own):
        theirs.files.delete(name="f")
        assert not own.files_delete(name="f")


def test_the_sdk_reads_the_vector_of_embed() -> None:
    """The vector that ``embed`` gets is the SDK's type of one embedding."""
    data = json.loads(EXAMPLES["embed"].reply.body)
    assert_parses(types.ContentEmbedding, data["embedding"])


def test_the_whole_of_a_stream_is_what_the_call_gives() -> None:
    """The collected stream is the JSON that the same call has without streaming."""
    example = EXAMPLES["generate"]
    with RecordingServer(_streaming) as server, ours(server.url) as client:
        whole = client.generate.stream(example.parameters).answer()
        plain = client.generate(example.parameters)
    assert dict(whole) == dict(plain)


@contextmanager
def _both(operation: str) -> Iterator[tuple[Any, Gemini]]:
    with (
        RecordingServer(EXAMPLES[operation].reply) as server,
        sdk(server.url) as theirs,
        ours(server.url) as own,
    ):
        yield theirs, own


def _streaming(request: Recorded) -> CannedReply:
    example = EXAMPLES["generate"]
    assert example.stream is not None
    return example.stream if request.query else example.reply


def _uploading_to(url: str) -> CannedReply:
    reply = EXAMPLES["files_upload"].reply
    headers = {**reply.headers, "x-goog-upload-url": f"{url}/upload/v1/files?upload_id=example"}
    return replace(reply, headers=headers)


def _in_camel_case(request: Recorded) -> Recorded:
    body = request.json
    if body is None:
        return request
    if body.get("generationConfig") == {}:
        del body["generationConfig"]
    return replace(request, body=json.dumps(_camel(body)).encode())


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {_camel_name(name): _camel(each) for name, each in value.items()}


def _camel_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
