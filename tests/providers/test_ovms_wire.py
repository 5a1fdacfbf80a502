"""Official clients and ours send the same: Triton's for tensors, OpenAI's for ``/v3``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import openai
import pytest
from openai.types import Completion as OpenAICompletion
from openai.types import CreateEmbeddingResponse, ImagesResponse, Model
from openai.types.audio import Transcription
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from pytest_accelerate.providers.examples import CannedReply, examples, json_reply
from pytest_accelerate.providers.ovms import OVMS, Tensor
from pytest_accelerate.servers import server
from pytest_accelerate.servers.environments import is_installed, python_of
from tests.providers.recording import Recorded, RecordingServer
from tests.providers.wire import assert_parses, assert_same_request, recorded_pair

EXAMPLES = examples("ovms")
KEY = "ovms-test-key"
HEADER = "inference-header-content-length"
NUMBERS = ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16",
           "FP32", "FP64", "BF16")  # fmt: skip


def tensor(name: str, datatype: str, data: list[Any], *shape: int) -> dict[str, Any]:
    """A tensor in JSON."""
    return {"name": name, "datatype": datatype, "shape": list(shape or (len(data),)), "data": data}


def of(name: str, *inputs: dict[str, Any], binary: bool = True, **more: Any) -> dict[str, Any]:
    """A case of inference."""
    return {"operation": name, "model": "m", "inputs": list(inputs), "binary": binary, **more}


CASES: dict[str, dict[str, Any]] = {
    "live": {"operation": "server_live"},
    "ready": {"operation": "server_ready"},
    "model ready": {"operation": "model_ready", "model": "m"},
    "version ready": {"operation": "model_ready", "model": "m", "version": "2"},
    "server": {"operation": "server_metadata"},
    "model": {"operation": "model_metadata", "model": "m x", "version": "2"},
    **{name: of("infer", tensor("x", name, [0, 1, 2, 3], 2, 2)) for name in NUMBERS},
    "BOOL": of("infer", tensor("x", "BOOL", [True, False])),
    "BYTES": of("infer", tensor("x", "BYTES", ["a", "", "é"], 3, 1)),
    "empty": of("infer", tensor("x", "FP32", [], 0, 3)),
    "several": of(
        "infer",
        tensor("x", "FP32", [0.5]),
        tensor("y", "BYTES", ["ab"]),
        id="7",
        version="2",
        parameters={"top_k": 3},
    ),
    "named": of("infer", tensor("x", "INT8", [1]), outputs=["y", "z"]),
    "JSON": of(
        "infer",
        tensor("x", "FP32", [0.5, -1.0]),
        tensor("b", "BOOL", [True]),
        tensor("t", "BYTES", ["é", ""]),
        binary=False,
        outputs=["y"],
    ),
}

_REST = numpy.array([1.5, -2.0], "f4").tobytes() + b"\x02\0\0\0ab"
_HEAD = json.dumps(
    {
        "model_name": "m",
        "outputs": [
            {"name": "y", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
            {"name": "z", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 6}},
        ],
    }
).encode()
_BYTES = CannedReply(
    _HEAD + _REST,
    "application/octet-stream",
    headers={"Inference-Header-Content-Length": str(len(_HEAD))},
)
_JSON = json_reply(
    {"model_name": "m", "outputs": [tensor("y", "FP32", [1.5]), tensor("z", "BYTES", ["ab"])]}
)


def reply(request: Recorded) -> CannedReply:
    """What a server answers to either client."""
    if request.method == "GET":
        return json_reply({"name": "m", "versions": ["2"], "platform": "p", "inputs": []})
    return _BYTES if HEADER in request.headers else _JSON


@dataclass(frozen=True)
class Theirs:
    """What Triton's client sent, and what it made of the answer."""

    request: Recorded
    told: Any


@pytest.fixture(scope="module")
def triton() -> dict[str, Theirs]:
    """Every case, called by Triton's client, which is in the environment of MLServer."""
    if not is_installed(server("mlserver")):
        pytest.skip("Triton's client is not installed: pytest-accelerate servers install mlserver")
    script = Path(__file__).with_name("triton_calls.py")
    with RecordingServer(reply) as recording:
        done = subprocess.run(
            [str(python_of(server("mlserver"))), str(script), recording.url],
            input=json.dumps(list(CASES.values())),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout)
        return {
            name: Theirs(request, each)
            for name, request, each in zip(CASES, recording.requests, told, strict=True)
        }


def ours(case: Mapping[str, Any]) -> tuple[Recorded, Any]:
    """What our client sends for a case, and the answer."""
    values = {name: each for name, each in case.items() if name != "operation"}
    if "inputs" in values:
        values["inputs"] = {each["name"]: given(each) for each in values["inputs"]}
    with RecordingServer(reply) as recording, OVMS(base_url=recording.url) as client:
        answer = client[case["operation"]](values)
        return recording.requests[0], answer


def given(told: Mapping[str, Any]) -> Any:
    """An array where numpy has the datatype."""
    if told["datatype"] in ("BF16", "BYTES"):
        return Tensor("", tuple(told["shape"]), told["datatype"], told["data"])
    kind = {"FP16": "float16", "FP32": "float32", "FP64": "float64"}
    return numpy.array(
        told["data"], dtype=kind.get(told["datatype"], told["datatype"].lower())
    ).reshape(told["shape"])


def apart(request: Recorded) -> tuple[Recorded, bytes]:
    """A request with the JSON of its body alone, and the bytes after that."""
    length = int(request.headers.get(HEADER, len(request.body)))
    headers = {name: each for name, each in request.headers.items() if name != HEADER}
    if request.body:
        headers["content-type"] = "application/json"
    return replace(request, body=request.body[:length], headers=headers), request.body[length:]


@pytest.mark.parametrize("name", CASES)
def test_same_request_as_tritons_client(name: str, triton: dict[str, Theirs]) -> None:
    """The same path, JSON and bytes after it, whose beginning the same header tells."""
    request, _ = ours(CASES[name])
    theirs = triton[name].request
    assert (HEADER in request.headers) == (HEADER in theirs.headers)
    (our_json, our_bytes), (their_json, their_bytes) = apart(request), apart(theirs)
    assert_same_request(their_json, our_json, ALLOWED.get(name))
    assert our_bytes == their_bytes


ALLOWED: Mapping[str, Mapping[str, str]] = {
    "JSON": {"body.outputs.0.parameters": "Triton's client says that it wants JSON, the default"},
}


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name]["operation"] == "infer"])
def test_same_answer_as_tritons_client(name: str, triton: dict[str, Theirs]) -> None:
    """Both read the same elements of the same answer."""
    _, answer = ours(CASES[name])
    told = {
        each.name: [item.decode() if isinstance(item, bytes) else item for item in each.tolist()]
        for each in answer.tensors.values()
    }
    assert told == triton[name].told


def sdk(call: Callable[[openai.OpenAI], Any]) -> Callable[[str], Any]:
    """A call through OpenAI's client."""

    def made(url: str) -> Any:
        with openai.OpenAI(api_key=KEY, base_url=f"{url}/v3", max_retries=0) as client:
            given = call(client)
            return list(given) if isinstance(given, openai.Stream) else given

    return made


def called(operation: str, *, stream: bool = False) -> Callable[[str], Any]:
    """The same call through ours."""

    def made(url: str) -> Any:
        with OVMS(KEY, base_url=url) as client:
            handler, parameters = client.handler(operation), EXAMPLES[operation].parameters
            return list(handler.stream(parameters)) if stream else handler(parameters)

    return made


def told(operation: str, *extra: str) -> dict[str, Any]:
    """An example's parameters, those that OpenAI's client does not know as its ``extra_body``."""
    values = dict(EXAMPLES[operation].parameters)
    more = {name: values.pop(name) for name in extra}
    return {**values, "extra_body": more} if more else values


OPENAI: Mapping[str, Callable[[openai.OpenAI], Any]] = {
    "models_list": lambda client: list(client.models.list()),
    "models_get": lambda client: client.models.retrieve(**told("models_get")),
    "chat": lambda client: client.chat.completions.create(**told("chat")),
    "completions": lambda client: client.completions.create(**told("completions")),
    "embeddings": lambda client: client.embeddings.create(
        **told("embeddings"), encoding_format="float"
    ),
    "images_generate": lambda client: client.images.generate(
        **told("images_generate", "num_inference_steps")
    ),
    "images_edit": lambda client: client.images.edit(**told("images_edit", "strength")),
    "audio_speech": lambda client: client.audio.speech.create(
        **told("audio_speech"),
        voice=openai.omit,  # type: ignore[arg-type]
    ),
    "audio_transcription": lambda client: client.audio.transcriptions.create(
        **told("audio_transcription")
    ),
    "audio_translation": lambda client: client.audio.translations.create(
        **told("audio_translation")
    ),
}
DIFFERENT: Mapping[str, Mapping[str, str]] = {
    "embeddings": {"body.encoding_format": "the SDK would ask for base64, so it is told not to"},
}


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's, of translations
@pytest.mark.parametrize("operation", OPENAI)
def test_same_request_as_openais_client(operation: str) -> None:
    """Both clients send the same request for the same call."""
    theirs, mine = recorded_pair(
        EXAMPLES[operation].reply, sdk(OPENAI[operation]), called(operation)
    )
    assert_same_request(theirs, mine, DIFFERENT.get(operation))


STREAMS: Mapping[str, Callable[[openai.OpenAI], Any]] = {
    "chat": lambda client: client.chat.completions.create(**told("chat"), stream=True),
    "completions": lambda client: client.completions.create(**told("completions"), stream=True),
}


@pytest.mark.parametrize("operation", STREAMS)
def test_same_stream_as_openais_client(operation: str) -> None:
    """Both clients ask alike for a stream."""
    reply = EXAMPLES[operation].stream
    assert reply is not None
    theirs, mine = recorded_pair(reply, sdk(STREAMS[operation]), called(operation, stream=True))
    allowed = {"header.accept": "the SDK asks for JSON, and reads server-sent events"}
    assert_same_request(theirs, mine, allowed, stream=True)


KINDS: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "chat": (ChatCompletion, {"id": ""}),
    "completions": (OpenAICompletion, {"id": ""}),
    "embeddings": (CreateEmbeddingResponse, {}),
    "models_get": (Model, {}),
    "images_generate": (ImagesResponse, {"created": 0}),
    "images_edit": (ImagesResponse, {"created": 0}),
    "audio_transcription": (Transcription, {}),
}
"""OpenAI's type of each answer, and what of it OVMS leaves out, as its documentation says."""


@pytest.mark.parametrize("operation", KINDS)
def test_examples_parse_as_openais_types(operation: str) -> None:
    """OpenAI's own types read every answer, but for what OVMS does not send."""
    kind, left_out = KINDS[operation]
    data = json.loads(EXAMPLES[operation].reply.body)
    assert not left_out.keys() & data.keys()
    assert_parses(kind, {**left_out, **data})


@pytest.mark.parametrize("operation", STREAMS)
def test_examples_of_streams_parse_as_openais_types(operation: str) -> None:
    """The same of every event of a stream; the type of completions has no reason that is null."""
    kind = {"chat": ChatCompletionChunk, "completions": OpenAICompletion}[operation]
    stream = EXAMPLES[operation].stream
    assert stream is not None
    lines = [line.removeprefix(b"data: ") for line in stream.body.splitlines() if line]
    assert lines.pop() == b"[DONE]"
    for line in lines:
        data = json.loads(line)
        if operation == "completions":
            choices = [{**each, "finish_reason": each["finish_reason"] or "stop"}
                       for each in data["choices"]]  # fmt: skip
            data = {**data, "choices": choices}
        assert_parses(kind, {"id": "", **data})


def test_no_operation_is_forgotten() -> None:
    """Each operation has an example."""
    assert set(EXAMPLES) == set(OVMS.operations())
