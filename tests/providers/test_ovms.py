"""The OVMS client: inference as JSON and as bytes, and what its other answers tell."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Mapping
from typing import Any

import httpx
import hypothesis.strategies as st
import numpy
import pytest
from hypothesis import given

from pytest_accelerate import errors
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply
from pytest_accelerate.providers.ovms import OVMS, Inference, Tensor
from pytest_accelerate.providers.ovms_answers import TensorSpec
from pytest_accelerate.transport.answers import Origin
from pytest_accelerate.transport.outcome import Reply
from tests.providers.ovms_mock import LIST, QUICK, mocked
from tests.providers.recording import Recorded, RecordingServer

EXAMPLES = examples("ovms")
HEADER = "inference-header-content-length"


def binary_reply(outputs: list[dict[str, Any]], rest: bytes, **more: Any) -> CannedReply:
    """An answer with tensors as bytes after its JSON."""
    head = json.dumps({"model_name": "m", "outputs": outputs, **more}).encode()
    return CannedReply(head + rest, "application/octet-stream", headers={HEADER: str(len(head))})


def output(name: str, shape: list[int], datatype: str, size: int) -> dict[str, Any]:
    """One output whose elements follow."""
    return {"name": name, "shape": shape, "datatype": datatype,
            "parameters": {"binary_data_size": size}}  # fmt: skip


def split(request: Recorded | httpx.Request) -> tuple[dict[str, Any], bytes]:
    """JSON and bytes of a request."""
    body = request.body if isinstance(request, Recorded) else request.content
    length = int(request.headers[HEADER])
    return json.loads(body[:length]), body[length:]


def test_json_answer_is_read() -> None:
    """Lists go and come as JSON."""
    seen: list[httpx.Request] = []
    answer = mocked(EXAMPLES["infer"].reply, seen).infer(EXAMPLES["infer"].parameters)
    assert (answer.model, answer.version, answer.id) == ("dummy", "1", "7")
    assert answer.tensor("a").tolist() == [[2.0, 3.5, -2.0]]
    assert answer.tensor().numpy().dtype == numpy.float32
    assert json.loads(seen[0].content) == {
        "id": "7",
        "inputs": [{"name": "b", "shape": [1, 3], "datatype": "FP32", "data": [1.0, 2.5, -3.0]}],
    }
    with pytest.raises(errors.InvalidResponse, match="no tensor 'b'; the answer has: a"):
        answer.tensor("b")


def test_arrays_go_and_come_as_bytes() -> None:
    """An array follows the JSON that tells of it, and outputs are asked for as bytes."""
    seen: list[httpx.Request] = []
    array = numpy.array([[1, 2]], dtype="int16")
    reply = binary_reply(
        [output("y", [2], "FP32", 8), output("z", [1], "BYTES", 5)],
        numpy.array([1.5, -2], "f4").tobytes() + b"\x01\0\0\0a",
    )
    answer = mocked(reply, seen).infer(
        model="m", inputs={"x": array, **LIST_AS_Y}, parameters={"sequence_id": 3}
    )
    head, rest = split(seen[0])
    assert head == {
        "inputs": [
            {"name": "x", "shape": [1, 2], "datatype": "INT16",
             "parameters": {"binary_data_size": 4}},
            {"name": "y", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}},
        ],
        "parameters": {"binary_data_output": True, "sequence_id": 3},
    }  # fmt: skip
    assert rest == array.tobytes() + numpy.array([1.0], "f4").tobytes()
    assert seen[0].headers["content-type"] == "application/octet-stream"
    assert {name: each.tolist() for name, each in answer.tensors.items()} == {
        "y": [1.5, -2.0],
        "z": [b"a"],
    }
    assert answer["outputs"][0]["parameters"] == {"binary_data_size": 8}


LIST_AS_Y = {"y": {"datatype": "FP32", "data": [1.0]}}


def test_outputs_are_views_on_the_answer() -> None:
    """No output has bytes of its own: all lie in those of the answer, and none can be written."""
    body = bytearray(binary_reply([output("y", [2], "INT8", 2)], b"\x01\x02").body)
    headers = httpx.Headers({HEADER: str(len(body) - 2)})
    answer = Inference.of(Reply(200, headers, body), Origin("", "", "", "", "", 200))
    (tensor,) = answer.tensors.values()
    array = tensor.numpy()
    body[-1] = 9
    assert array.tolist() == [1, 9]
    assert tensor.data.obj is body
    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize("length_is_told", [True, False])
def test_a_large_answer_is_whole(length_is_told: bool) -> None:
    """However it is cut, and whether or not its length is told, every byte is where it belongs."""
    array = numpy.arange(3 * 2**20, dtype="uint8")
    reply = binary_reply([output("y", [array.size], "UINT8", array.size)], array.tobytes())
    body = reply.body
    pieces = [body[start : start + 70_001] for start in range(0, len(body), 70_001)]

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"content-type": reply.media_type, **reply.headers}
        if length_is_told:
            headers["content-length"] = str(len(body))
        return httpx.Response(200, headers=headers, content=iter(pieces))

    with OVMS(transport=httpx.MockTransport(answer)) as client:
        found = client.infer(model="m", inputs=LIST).tensor().numpy()
    assert (found == array).all()


def test_an_answer_is_pickled_whole() -> None:
    """Tensors that are views go along with the answer."""
    reply = binary_reply([output("y", [2], "INT8", 2)], b"\x01\x02")
    answer = mocked(reply).infer(model="m", inputs=LIST)
    assert pickle.loads(pickle.dumps(answer)).tensor("y").tolist() == [1, 2]


def test_an_array_is_sent_again_on_a_retry() -> None:
    """A second try sends the same bytes, from a thread and from a task."""
    array = numpy.arange(100_000.0)
    good = binary_reply([], b"")
    replies = [CannedReply(b"", status=503), good] * 2

    async def by_task(client: OVMS) -> None:
        async with client:
            await client.infer.acall(model="m", inputs={"x": array})

    with RecordingServer(lambda request: replies.pop(0)) as server:
        client = OVMS(base_url=server.url, policy=QUICK)
        client.infer(model="m", inputs={"x": array})
        asyncio.run(by_task(client))
    assert [split(each)[1] == array.tobytes() for each in server.requests] == [True] * 4
    lengths = {each.headers["content-length"] for each in server.requests}
    assert lengths == {str(len(server.requests[0].body))}


WRONG: Mapping[str, tuple[CannedReply, str]] = {
    "no outputs": (json_reply({"model_name": "m"}), "no outputs"),
    "no name": (json_reply({"outputs": [{"datatype": "FP32"}]}), "None is no name"),
    "twice": (binary_reply([output("y", [0], "INT8", 0)] * 2, b""), "there twice"),
    "no data": (
        json_reply({"outputs": [{"name": "y", "shape": [1], "datatype": "FP32"}]}),
        "tensor 'y': it has no data",
    ),
    "too few": (
        json_reply({"outputs": [{"name": "y", "shape": [2], "datatype": "FP32", "data": [1]}]}),
        "tensor 'y': 1 elements do not fill",
    ),
    "size": (binary_reply([output("y", [2], "FP32", 4)], bytes(4)), "tensor 'y': 4 bytes"),
    "beyond": (binary_reply([output("y", [2], "FP32", 8)], bytes(4)), "tensor 'y': its binary"),
    "negative": (binary_reply([output("y", [0], "FP32", -1)], b""), "tensor 'y': its binary"),
    "left over": (binary_reply([output("y", [1], "INT8", 1)], bytes(2)), "1 bytes of the answer"),
    "datatype": (binary_reply([output("y", [1], "FP8", 1)], bytes(1)), "tensor 'y': unknown"),
    "shape": (binary_reply([output("y", [1.5], "INT8", 1)], b"a"), "tensor 'y': its shape"),  # type: ignore[list-item]
    "cut bytes": (binary_reply([output("y", [1], "BYTES", 5)], b"\x02\0\0\0a"), "tensor 'y': an"),
    "header": (CannedReply(b"{}", headers={HEADER: "9"}), "and the answer has 2 bytes"),
    "odd header": (CannedReply(b"{}", headers={HEADER: "x"}), "'x'"),
    "no JSON": (CannedReply(b"{]", headers={HEADER: "2"}), "does not begin with JSON"),
    "a list": (CannedReply(b"[]", headers={HEADER: "2"}), "expected a JSON object"),
    "a page": (CannedReply(b"<p>", "text/html"), "text/html"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_answer_is_refused(name: str) -> None:
    """An answer that is not the protocol's says what is wrong, and of which tensor."""
    reply, why = WRONG[name]
    with pytest.raises(errors.InvalidResponse) as caught:
        mocked(reply).infer(model="m", inputs=LIST)
    assert why in str(caught.value)
    assert (caught.value.provider, caught.value.operation) == ("ovms", "infer")


def test_an_element_of_another_datatype_is_told_when_read() -> None:
    """JSON whose elements are not what the datatype says is refused with the tensor's name."""
    data = {"name": "y", "shape": [1], "datatype": "INT8", "data": ["x"]}
    answer = mocked(json_reply({"outputs": [data]})).infer(model="m", inputs=LIST)
    with pytest.raises(errors.InvalidResponse, match="tensor 'y': an element is no INT8"):
        answer.tensor().numpy()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 70) | st.text(max_size=3) | st.floats(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.text(max_size=2) | JSON,
                "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
                "datatype": st.sampled_from(["FP32", "BYTES", "BOOL", "x"]) | JSON,
            },
            optional={
                "data": JSON,
                "parameters": st.fixed_dictionaries({"binary_data_size": JSON}) | JSON,
            },
        ),
        max_size=3,
    ),
    st.binary(max_size=40),
    st.booleans(),
)
def test_any_answer_is_read_or_refused(
    outputs: list[dict[str, Any]], rest: bytes, binary: bool
) -> None:
    """Whatever a server answers, it is tensors that can be read or an InvalidResponse."""
    head = json.dumps({"outputs": outputs}).encode()
    headers = {"content-type": "application/json", **({HEADER: str(len(head))} if binary else {})}
    reply = Reply(200, httpx.Headers(headers), head + rest if binary else head)
    try:
        answer = Inference.of(reply, Origin("", "", "", "", "", 200))
        for tensor in answer.tensors.values():
            assert tensor.numpy().shape == tensor.shape
            tensor.tolist()
    except errors.InvalidResponse:
        pass


def test_inputs_of_predict_are_json() -> None:
    """Arrays are lists there, bytes base64, also within instances of several inputs."""
    seen: list[httpx.Request] = []
    instances = [{"image": b"\xff", "size": numpy.array([1, 2])}]
    client = mocked(EXAMPLES["predict"].reply, seen)
    client.predict(model="m", instances=instances, signature_name="s")
    client.predict(model="m", inputs={"x": numpy.ones((1, 2))})
    assert json.loads(seen[0].content) == {
        "instances": [{"image": {"b64": "/w=="}, "size": [1, 2]}],
        "signature_name": "s",
    }
    assert json.loads(seen[1].content) == {"inputs": {"x": [[1.0, 1.0]]}}


def test_what_servers_tell_of_models_is_read() -> None:
    """Metadata, states and configuration give what is in them, and numbers that are text too."""
    told = mocked(EXAMPLES["model_metadata"].reply).model_metadata(model="m")
    assert told.inputs == (TensorSpec("b", "FP32", (1, 10)),)
    assert (told.outputs[0].name, told.versions, told.platform) == ("a", ("1",), "OpenVINO")
    text = json_reply({"inputs": [{"name": "x", "datatype": "INT8", "shape": ["-1", "3"]}]})
    assert mocked(text).model_metadata(model="m").inputs[0].shape == (-1, 3)
    status = mocked(EXAMPLES["model_status"].reply).model_status(model="m")
    assert (status.states, status.available) == ({"1": "AVAILABLE"}, ("1",))
    config = mocked(EXAMPLES["config"].reply).config()
    assert (config.models, config.reloaded) == ({"dummy": {"1": "AVAILABLE"}}, False)
    reload = CannedReply(EXAMPLES["config_reload"].reply.body, status=201)
    assert mocked(reload).config_reload().reloaded
    server = mocked(EXAMPLES["server_metadata"].reply).server_metadata()
    assert (server.name, server.version, server.extensions) == (
        "OpenVINO Model Server", "2026.4.1", (),
    )  # fmt: skip
    counted = mocked(EXAMPLES["server_metrics"].reply).server_metrics()
    assert counted.value("ovms_requests_success", name="dummy") == 3
    signatures = mocked(EXAMPLES["predict_metadata"].reply).predict_metadata(model="m").signatures
    assert list(signatures["serving_default"]["inputs"]) == ["b"]


ODD: list[dict[str, Any]] = [
    {"inputs": 3, "versions": 3},
    {"inputs": [3, {"shape": [None, "--3"]}]},
]


@pytest.mark.parametrize("data", ODD)
def test_any_json_can_be_read(data: dict[str, Any]) -> None:
    """An answer of another shape reads as empty, and raises nothing of Python's own."""
    told = mocked(json_reply(data)).model_metadata(model="m")
    assert all(each.name == "" for each in told.inputs)
    assert told.versions == ()
    assert mocked(json_reply({"model_version_status": [3]})).model_status(model="m").states == {}
    assert mocked(json_reply({"metadata": 3})).predict_metadata(model="m").signatures == {}
    assert mocked(json_reply({"tokens": 3})).tokenize(model="m", text="t").tokens == ()


@pytest.mark.parametrize("operation", ["chat", "completions"])
def test_streams_come_to_the_plain_text(operation: str) -> None:
    """The pieces of a stream are the text that the same call has without streaming."""
    example = EXAMPLES[operation]
    assert example.stream is not None
    plain = mocked(example.reply)[operation](example.parameters)
    stream = mocked(example.stream)[operation].stream(example.parameters)
    assert "".join(stream.texts()) == plain.text


def test_what_is_generated_is_read() -> None:
    """Vectors, ranks, tokens, images and sound give what is in them."""

    def answer(operation: str) -> Any:
        return mocked(EXAMPLES[operation].reply)[operation](EXAMPLES[operation].parameters)

    assert answer("embeddings").vectors == ((0.6, 0.8),)
    assert answer("rerank").order == (1, 0)
    assert answer("tokenize").tokens == (14990, 1879)
    assert answer("images_generate").images[0].startswith(b"\x89PNG")
    assert answer("audio_speech").content.startswith(b"RIFF")
    assert answer("audio_transcription").text == "Hello."
    assert answer("models_list").ids == ("OpenVINO/Qwen3-8B-int4-ov",)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("infer", {"model": "", "inputs": LIST}),
        ("infer", {"model": "m", "inputs": LIST, "outputs": "y"}),
        ("infer", {"model": "m", "inputs": LIST, "binary": 1}),
        ("infer", {"model": "..", "inputs": LIST}),
        ("infer", {"model": "m", "inputs": LIST, "version": True}),
        ("infer", {"model": "m", "inputs": LIST, "version": ""}),
        ("infer", {"model": "m", "inputs": Tensor("x", (1,), "FP32", [1.0])}),
        ("infer", {"model": "m", "inputs": {"x": [float("nan")]}}),
        ("infer", {"model": "m", "inputs": LIST, "parameters": {"x": object()}}),
        ("predict", {"model": "m"}),
        ("predict", {"model": "m", "instances": [1], "inputs": 1}),
        ("predict", {"model": "m", "instances": []}),
        ("predict", {"model": "m", "instances": numpy.ones(0)}),
        ("predict", {"model": "m", "instances": 1}),
        ("predict", {"model": "m", "instances": [object()]}),
        ("predict", {"model": "m", "instances": [1], "version": 1, "label": "x"}),
        ("model_ready", {"model": "m", "versions": 1}),
        ("rerank", {"model": "m", "query": "q", "documents": []}),
        ("chat", {"model": "m", "messages": []}),
        ("completions", {"model": "m", "prompt": ["a", "b"]}),
        ("tokenize", {"model": "m", "text": "t", "padding_side": "up"}),
        ("audio_transcription", {"model": "m", "file": "/no/such/file"}),
    ],
)
def test_bad_input_is_refused_before_it_is_sent(operation: str, parameters: Any) -> None:
    """Empty, wrong or unknown parameters raise before anything is sent."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters):
        mocked(EXAMPLES[operation].reply, seen)[operation](parameters)
    assert not seen


def test_the_server_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default this machine's port 8000; ``OVMS_BASE_URL`` or an argument say otherwise."""
    monkeypatch.delenv("OVMS_BASE_URL", raising=False)
    assert OVMS().base_url == "http://127.0.0.1:8000"
    monkeypatch.setenv("OVMS_BASE_URL", "http://box:9001/")
    assert OVMS().base_url == "http://box:9001"
    assert OVMS(base_url="http://here:2").base_url == "http://here:2"
