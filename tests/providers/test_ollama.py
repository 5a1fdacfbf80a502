"""The Ollama client: answers, streams, images, errors, and where its server is."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from ollama._client import _parse_host

from pytest_accelerate import errors
from pytest_accelerate.providers import Ollama
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply, ndjson_reply
from pytest_accelerate.providers.ollama import blob_digest, url_of_host
from pytest_accelerate.transport.answers import ToolCall, Usage
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import RecordingServer

EXAMPLES = examples("ollama")
QUICK = Policy(backoff_initial=0.001, backoff_cap=0.002)
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PICTURE = b"\x89PNG\r\n"
CODED = base64.b64encode(PICTURE).decode()


def mocked(reply: CannedReply, seen: list[httpx.Request] | None = None) -> Ollama:
    """A client whose server always answers with ``reply``."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(
            reply.status, content=reply.body, headers={"content-type": reply.media_type}
        )

    return Ollama(policy=QUICK, transport=httpx.MockTransport(answer))


def example_client(operation: str, *, stream: bool = False) -> Ollama:
    """A client that is answered with an operation's example."""
    example = EXAMPLES[operation]
    reply = example.stream if stream else example.reply
    assert reply is not None
    return mocked(reply)


def test_chat_answer_is_read() -> None:
    """A chat answer tells text, thinking, reason, usage and speed, and is the JSON that came."""
    answer = example_client("chat").chat(EXAMPLES["chat"].parameters)
    assert (answer.text, answer.thinking) == ("Hello!", "The user greets.")
    assert (answer.finish_reason, answer.model) == ("stop", "qwen3:0.6b")
    assert answer.usage == Usage(input_tokens=12, output_tokens=4)
    assert answer.seconds == pytest.approx(0.412)
    assert answer.tokens_per_second == pytest.approx(50.0)
    assert answer["load_duration"] == 250_000_000
    assert answer.implementation_type == "MOCK"


def test_tool_calls_keep_their_arguments() -> None:
    """A tool call's arguments come as the object that Ollama sends."""
    call = {"function": {"name": "look", "arguments": {"at": "it"}}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    answer = mocked(json_reply({"model": "m", "message": message, "done": True})).chat(ASK)
    assert answer.tool_calls == (ToolCall("", "look", {"at": "it"}),)
    assert answer.usage is None


@pytest.mark.parametrize("operation", ["chat", "generate", "pull", "push", "create"])
def test_stream_collects_to_the_plain_answer(operation: str) -> None:
    """The whole of a stream is the JSON that the same call has without streaming."""
    example = EXAMPLES[operation]
    plain = example_client(operation).handler(operation)(example.parameters)
    with example_client(operation, stream=True) as client:
        whole = client.handler(operation).stream(example.parameters).answer()
    assert dict(whole) == dict(plain)


@pytest.mark.parametrize("operation", ["chat", "generate"])
def test_stream_gives_text_as_it_comes(operation: str) -> None:
    """The pieces of text of a stream are those of its lines, without the thinking."""
    with example_client(operation, stream=True) as client:
        stream = client.handler(operation).stream(EXAMPLES[operation].parameters)
        assert list(stream.texts()) == ["Hello", "!"]
        assert stream.events[-1].is_end


def test_async_stream_thinks_apart() -> None:
    """A stream for a task gives the pieces of thinking beside those of text."""

    async def run() -> list[str]:
        async with example_client("chat", stream=True) as client:
            stream = client.chat.astream(EXAMPLES["chat"].parameters)
            return [event.thinking async for event in stream if event.thinking]

    assert asyncio.run(run()) == ["The user ", "greets."]


def test_streamed_tool_calls_and_logprobs_are_joined() -> None:
    """Tool calls and log probabilities of several lines are all in the whole answer."""
    call = {"function": {"name": "look", "arguments": {}}}
    lines = [
        {"message": {"role": "assistant", "content": "", "tool_calls": [call]},
         "logprobs": [{"token": "a", "logprob": -1}], "done": False},
        {"message": {"role": "assistant", "content": "", "tool_calls": [call]},
         "logprobs": [{"token": "b", "logprob": -2}], "done": False},
        {"message": {"role": "assistant", "content": ""}, "done": True},
    ]  # fmt: skip
    whole = mocked(ndjson_reply(lines)).chat.stream(ASK).answer()
    assert len(whole.tool_calls) == 2
    assert [each["token"] for each in whole["logprobs"]] == ["a", "b"]


def test_pull_tells_its_progress() -> None:
    """A pull's events tell the part of the layer that is there, and nothing where none comes."""
    with example_client("pull", stream=True) as client:
        events = list(client.pull.stream(model="m"))
    assert [event.fraction for event in events] == [None, 0.0, 0.25, 1.0, None, None, None]
    assert (events[1].completed, events[2].completed, events[2].total) == (None, 100, 400)
    assert events[2].digest.startswith("sha256:")
    assert events[-1].status == "success"


def test_pull_without_stream_gives_the_last_status() -> None:
    """A pull that is not streamed asks for no stream, and gives the last status."""
    seen: list[httpx.Request] = []
    answer = mocked(EXAMPLES["pull"].reply, seen).pull(model="m")
    assert json.loads(seen[0].content) == {"model": "m", "stream": False}
    assert answer.status == "success"


def test_pull_that_stops_early_is_interrupted() -> None:
    """A pull whose stream ends before ``success`` is no success, and tells what had come."""
    client = mocked(ndjson_reply([{"status": "pulling manifest"}]))
    with pytest.raises(errors.StreamInterrupted) as caught:
        client.pull.stream(model="m").answer()
    assert [event.status for event in caught.value.events] == ["pulling manifest"]


def test_error_amid_a_stream() -> None:
    """An ``error`` line amid a stream is raised with its text, and without keys."""
    lines = [{"status": "pulling manifest"}, {"error": "pull model manifest: no such model"}]
    with mocked(ndjson_reply(lines)) as client:
        stream = client.pull.stream(model="m")
        assert next(stream).status == "pulling manifest"
        with pytest.raises(errors.ServerError, match="no such model") as caught:
            next(stream)
    assert (caught.value.provider, caught.value.operation) == ("ollama", "pull")


def test_error_as_first_line_is_tried_again() -> None:
    """A stream that begins with an error is tried again as an error status would be."""
    seen: list[httpx.Request] = []
    client = mocked(ndjson_reply([{"error": "out of memory"}]), seen)
    with pytest.raises(errors.ServerError, match="out of memory"):
        client.chat.stream(ASK, max_tries=2)
    assert len(seen) == 2


def test_unknown_model_is_not_found() -> None:
    """Ollama's plain error text of a status comes out typed."""
    reply = CannedReply(b'{"error":"model \\"m\\" not found"}', status=404)
    with pytest.raises(errors.NotFound, match='model "m" not found'):
        mocked(reply).chat(ASK)


def test_vectors_and_lists() -> None:
    """Embeddings give vectors, lists their models, a model its abilities."""
    embedded = example_client("embed").embed(EXAMPLES["embed"].parameters)
    assert embedded.vectors == ((0.6, 0.8), (-0.8, 0.6))
    assert embedded.usage == Usage(input_tokens=6)
    assert example_client("embeddings").embeddings(model="m", prompt="p").vectors == ((0.6, 0.8),)
    assert example_client("tags").tags().names == ("qwen3:0.6b",)
    assert example_client("ps").ps().entries[0]["size_vram"] == 1_032_148_992
    shown = example_client("show").show(model="m")
    assert (shown.capabilities, shown.context_length) == (
        ("completion", "tools", "thinking"),
        40960,
    )
    assert example_client("version").version().version == "0.13.2"
    asked = example_client("systemone").systemone(EXAMPLES["systemone"].parameters)
    assert asked.answers["open"]["noul"] == 0.97
    assert asked.usage == Usage(21, 1)


def test_what_a_server_does_not_tell_is_unknown() -> None:
    """An older server's answer without capabilities or figures gives ``None``, not an empty one."""
    shown = mocked(json_reply({"model_info": {}})).show(model="m")
    assert (shown.capabilities, shown.context_length) == (None, None)
    answer = mocked(json_reply({"message": {"role": "assistant"}, "done": True})).chat(ASK)
    assert (answer.text, answer.seconds, answer.tokens_per_second) == ("", None, None)


@pytest.mark.parametrize("operation", ["copy", "delete", "blobs_create"])
def test_empty_answers_are_answers(operation: str) -> None:
    """What Ollama answers with an empty body is no error."""
    answer = example_client(operation).handler(operation)(EXAMPLES[operation].parameters)
    assert dict(answer) == {}


def test_delete_is_sent_once() -> None:
    """A deletion is not sent again after a failure: the second would find nothing."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.ServerError):
        mocked(CannedReply(b"", status=500), seen).delete(model="m")
    assert [(each.method, json.loads(each.content)) for each in seen] == [
        ("DELETE", {"model": "m"})
    ]


@pytest.mark.parametrize(
    "image", [PICTURE, bytearray(PICTURE), CODED, Path("x.png"), "x.png"], ids=repr
)
def test_images_are_sent_in_base64(
    image: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images are bytes, paths, names of files or base64, and arrive as base64 in either place."""
    (tmp_path / "x.png").write_bytes(PICTURE)
    monkeypatch.chdir(tmp_path)
    seen: list[httpx.Request] = []
    client = mocked(EXAMPLES["chat"].reply, seen)
    message = {"role": "user", "content": "what?", "images": [image]}
    client.chat(model="m", messages=[message])
    client.generate(model="m", images=[image])
    assert json.loads(seen[0].content)["messages"][0]["images"] == [CODED]
    assert json.loads(seen[1].content)["images"] == [CODED]
    assert message["images"] == [image]  # the caller's own is left as it was


@pytest.mark.parametrize("image", ["gone.png", "no base64!", "", 7, "\ud800", "x" * 5001], ids=repr)
def test_what_is_no_image_is_refused(image: Any) -> None:
    """What is neither bytes, a file nor base64 is refused by name before anything is sent."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters, match="images"):
        mocked(EXAMPLES["chat"].reply, seen).chat(
            model="m", messages=[{"role": "user", "content": "", "images": [image]}]
        )
    assert not seen


def test_images_are_a_list() -> None:
    """One image that is not in a list is refused, rather than read letter by letter."""
    message = {"role": "user", "content": "", "images": CODED}
    with pytest.raises(errors.InvalidParameters, match="a list of images"):
        mocked(EXAMPLES["chat"].reply).chat(model="m", messages=[message])


@pytest.mark.parametrize("data", [{"message": 7}, {"message": {"content": 7, "tool_calls": [7]}}])
def test_any_json_can_be_read(data: dict[str, Any]) -> None:
    """An answer of another shape reads as empty, and raises nothing of Python's own."""
    answer = mocked(json_reply({**data, "eval_count": "x", "total_duration": "y"})).chat(ASK)
    assert (answer.text, answer.thinking, answer.seconds) == ("", "", None)
    assert all(call.name == "" for call in answer.tool_calls)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.chat(model="m", messages=[]),
        lambda client: client.chat(model="", messages=[{"role": "user", "content": "hi"}]),
        lambda client: client.generate(model="m", prompt=" "),
        lambda client: client.embed(model="m", input=[]),
        lambda client: client.chat(model="m", messages=["hi"]),
        lambda client: client.generate(model="m", format="xml"),
        lambda client: client.pull(name="m"),
        lambda client: client.blobs_create(digest="sha256:0", file="/no/such/file"),
    ],
)
def test_bad_input_is_refused_before_it_is_sent(call: Callable[[Ollama], Any]) -> None:
    """Empty, wrong or unknown parameters raise before anything is sent."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters):
        call(mocked(EXAMPLES["chat"].reply, seen))
    assert not seen


def test_unknown_parameters_go_through_extra_body() -> None:
    """What is not declared is sent as it is when it is given as ``extra_body``."""
    seen: list[httpx.Request] = []
    mocked(EXAMPLES["chat"].reply, seen).chat(ASK, extra_body={"new": 1})
    assert json.loads(seen[0].content)["new"] == 1


HOSTS = [
    "", "1.2.3.4", ":56789", "1.2.3.4:56789", "http://1.2.3.4", "https://1.2.3.4",
    "https://1.2.3.4:56789", "example.com", "http://example.com", "example.com/", "0.0.0.0",
    "example.com:56789/path/", "[0001:002:003:0004::1]", "[0001:002:003:0004::1]:56789/path",
    "https://[0001:002:003:0004::1]", "https://example.com:56789/a/b",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_host_is_read_as_by_ollama_itself(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``OLLAMA_HOST`` means the URL that Ollama's own client makes of it."""
    monkeypatch.setenv("OLLAMA_HOST", host)
    with Ollama() as client:
        assert client.base_url == _parse_host(host)


@pytest.mark.parametrize(
    "host", ["example.com:port", "http://[::1", "ftp://x", "http://me:secret@x", "x:99999"]
)
def test_unreadable_host_is_told(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that cannot be read is a typed error, and what may be a password is not told."""
    monkeypatch.setenv("OLLAMA_HOST", host)
    with pytest.raises(errors.InvalidParameters) as caught:
        Ollama()
    assert "secret" not in str(caught.value)


def test_argument_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A given base URL is taken, whatever the environment says."""
    monkeypatch.setenv("OLLAMA_HOST", "elsewhere:1")
    assert Ollama(base_url="http://here:2").base_url == "http://here:2"


def test_no_key_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a key nothing is refused and no header sent; with one it is sent."""
    monkeypatch.delenv("OLLAMA_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with RecordingServer(EXAMPLES["version"].reply) as server:
        with Ollama(base_url=server.url) as client:
            client.version()
        with Ollama("a-key", base_url=server.url) as client:
            client.version()
    assert "authorization" not in server.requests[0].headers
    assert server.requests[1].headers["authorization"] == "Bearer a-key"


@pytest.mark.parametrize("kind", ["path", "bytes", "stream"])
def test_blob_is_uploaded_again_on_a_retry(kind: str, tmp_path: Path) -> None:
    """A blob is sent whole at each try, by threads and by tasks, from bytes, a path or a file."""
    content = bytes(range(256)) * 1000
    path = tmp_path / "blob"
    path.write_bytes(content)
    replies = [CannedReply(b"", status=503), CannedReply(b"", status=201)] * 2

    async def by_task(client: Ollama, **parameters: Any) -> None:
        async with client:
            await client.blobs_create.acall(parameters)

    with RecordingServer(lambda request: replies.pop(0)) as server, path.open("rb") as stream:
        client = Ollama(base_url=server.url, policy=QUICK)
        file: Any = {"path": path, "bytes": content, "stream": stream}[kind]
        client.blobs_create(digest=blob_digest(path), file=file)
        asyncio.run(by_task(client, digest=blob_digest(path), file=file))
    assert [request.body == content for request in server.requests] == [True] * 4
    assert {request.headers.get("content-length") for request in server.requests} == {"256000"}


def test_digest_is_part_of_the_path_and_no_way_out_of_it() -> None:
    """A digest is one segment of the path: it leads nowhere else."""
    seen: list[httpx.Request] = []
    client = mocked(CannedReply(b"", status=201), seen)
    client.blobs_create(digest="sha256:a/../../delete", file=b"x")
    assert seen[0].url.raw_path == b"/api/blobs/sha256:a%2F..%2F..%2Fdelete"


def test_url_of_host_needs_no_client() -> None:
    """The reading of a host is a function of its own."""
    assert url_of_host("box") == "http://box:11434"
