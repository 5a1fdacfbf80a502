"""Gemini: what it is sent, in contents and parts, in conversations and as files."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import Gemini
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply, sse_reply
from pytest_accelerate.providers.gemini import file_part, function_response, media_part
from pytest_accelerate.transport.answers import ToolCall
from tests.providers.gemini_mock import HI, KEY, failing, mocked, saying
from tests.providers.recording import Recorded, RecordingServer

# Bad input


@pytest.mark.parametrize(("operation", "parameters", "message"), [
    ("generate", {"model": "m"}, "missing parameter: contents"),
    ("generate", {"model": "m", "contents": "  "}, "'contents' must not be empty"),
    ("generate", {"model": "m", "contents": []}, "'contents' must not be empty"),
    ("generate", {"model": "m", "contents": ["a", ""]}, "a text must not be empty"),
    ("generate", {"model": "m", "contents": [{}]}, "a part must not be empty"),
    ("generate", {"model": "m", "contents": [b"png"]}, "expected text or a mapping or a list"),
    ("generate", {"model": "m", "contents": "\ud800"}, "lone surrogate"),
    ("generate", {"model": "m", "contents": "a", "tempratur": 1}, "did you mean 'temperature'"),
    ("generate", {"model": "m", "contents": "a", "temperature": "hot"}, "expected a number"),
    ("generate", {"model": "m", "contents": "a", "temperature": float("nan")}, "JSON"),
    ("generate", {"model": "m", "contents": "a", "service_tier": "fast"}, "one of 'unspecified'"),
    ("generate", {"model": "m", "contents": "a", "system_instruction": ""}, "must not be empty"),
    ("generate", {"model": "m", "contents": "a", "top_p": 1, "generation_config": {"topP": 1}},
     "'top_p' is given in 'generation_config' as well"),
    ("generate", {"model": "", "contents": "a"}, "'model' must not be empty"),
    ("generate", {"model": "models/../files", "contents": "a"}, "no name of a model"),
    ("generate", {"model": "files/x", "contents": "a"}, "no name of a model"),
    ("generate", {"model": "models/..", "contents": "a"}, "no name of a model"),
    ("embed_batch", {"model": "m", "contents": "a"}, "expected a list"),
    ("embed_batch", {"model": "m", "contents": [""]}, "a text must not be empty"),
    ("embed", {"model": "m", "content": []}, "'content' must not be empty"),
    ("files_get", {"name": ".."}, "cannot stand in a path"),
    ("files_upload", {"file": "/nowhere/note.txt"}, "there is no file"),
    ("files_upload", {"file": b"x"}, "no media type is known"),
    ("files_upload", {"file": b"x", "mime_type": "a/b\r\nx: y"}, "is no media type"),
    ("files_upload", {"file": io.StringIO("x"), "mime_type": "text/plain"}, "binary mode"),
    ("files_upload", {"mime_type": "text/plain"}, "missing parameter: file"),
])  # fmt: skip
def test_bad_input_is_refused_before_anything_is_sent(
    operation: str, parameters: dict[str, Any], message: str
) -> None:
    """Wrong, unknown and empty parameters are named, and nothing is sent."""
    sent: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters, match=message) as caught:
        mocked(HI, sent=sent)[operation](parameters)
    assert sent == []
    assert caught.value.operation == operation


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A closed file is refused with its name, before anything is sent."""
    path = tmp_path / "note.txt"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        pass
    sent: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters, match=r"note.txt"):
        mocked(HI, sent=sent).files_upload(file=file)
    assert sent == []


# Contents and parts


USER, MODEL = {"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": []}


@pytest.mark.parametrize(("given", "expected"), [
    ("a", [USER]),
    ({"text": "a"}, [USER]),
    (USER, [USER]),
    (["a", {"text": "b"}], [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]),
    ((USER, MODEL), [USER, MODEL]),
    ([USER, MODEL, "a"], [USER, MODEL, USER]),
    (["a", MODEL, "a"], [USER, MODEL, USER]),
])  # fmt: skip
def test_contents_may_be_given_in_short(given: Any, expected: list[Any]) -> None:
    """Texts and parts side by side become one message of the user; contents stay as they are."""
    sent: list[httpx.Request] = []
    client = mocked(HI, sent=sent)
    client.generate(model="m", contents=given)
    client.generate({"model": "m"}, contents=given)
    for request in sent:
        assert json.loads(request.content) == {"contents": expected}


def test_parameters_of_the_config_and_extras_go_where_they_belong() -> None:
    """Undeclared fields go into ``generationConfig`` or, by ``extra_body``, beside it."""
    sent: list[httpx.Request] = []
    mocked(HI, sent=sent).generate(
        model="m", contents="a", temperature=0, generation_config={"newField": 1},
        extra_body={"another": 2},
    )  # fmt: skip
    assert json.loads(sent[0].content) == {
        "contents": [USER],
        "generationConfig": {"newField": 1, "temperature": 0},
        "another": 2,
    }


def test_a_media_part_is_made_of_bytes_and_files(tmp_path: Path) -> None:
    """Bytes, a path and an open file give the same part; the name says the type."""
    path = tmp_path / "tone.wav"
    path.write_bytes(b"\xff\xfb\xff")
    expected = {"mimeType": "audio/x-wav", "data": "__v_"}
    with path.open("rb") as file:
        sources: list[Any] = [path, str(path), file, ("tone.wav", b"\xff\xfb\xff")]
        assert [media_part(each)["inlineData"] for each in sources] == [expected] * 4
        assert not file.closed
    part = media_part(b"x", "video/mp4", video_metadata={"fps": 1})
    assert part == {
        "inlineData": {"mimeType": "video/mp4", "data": "eA=="},
        "videoMetadata": {"fps": 1},
    }


@pytest.mark.parametrize(("make", "message"), [
    (lambda: media_part(b"x"), "no media type is known"),
    (lambda: media_part(b"x", "png"), "'png' is no media type"),
    (lambda: media_part(b"", "image/png"), "must not be empty"),
    (lambda: media_part("/nowhere/x.png"), "there is no file"),
    (lambda: media_part(io.StringIO("x"), "text/plain"), "binary mode"),  # type: ignore[arg-type]
    (lambda: file_part({"name": "files/1"}), "expected a URI"),
    (lambda: file_part(""), "expected a URI"),
])  # fmt: skip
def test_a_part_of_nothing_is_refused(make: Callable[[], object], message: str) -> None:
    """What cannot become a part says what it lacks."""
    with pytest.raises(errors.InvalidParameters, match=message):
        make()


def test_an_uploaded_file_is_a_part() -> None:
    """What an upload or a look at a file gives can be named by a part as it is."""
    reply = examples("gemini")["files_upload"].reply
    file = mocked(reply).files_upload(file=("note.txt", b"hello"))
    expected = {"fileData": {"fileUri": file.uri, "mimeType": "text/plain"}}
    assert file_part(file) == file_part(file.file) == expected
    assert file_part(file.uri) == {"fileData": {"fileUri": file.uri}}
    assert (file.id, file.state) == ("files/example-file", "ACTIVE")


def test_a_function_response_names_its_call() -> None:
    """What a function gave is a part with the name, and the id where there is one."""
    assert function_response("f", {"a": 1}) == {
        "functionResponse": {"name": "f", "response": {"a": 1}}
    }
    assert function_response("f", {}, "7")["functionResponse"]["id"] == "7"


# Conversations


def said(text: str) -> dict[str, Any]:
    """A message of the user."""
    return {"role": "user", "parts": [{"text": text}]}


def answered(text: str) -> dict[str, Any]:
    """A message of the model."""
    return {"role": "model", "parts": [{"text": text}]}


def test_a_conversation_keeps_what_was_said() -> None:
    """Each message goes out with all before it, however the answer is got."""
    sent: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        answer = saying({"text": f"{len(sent)}"}, finishReason="STOP")
        streams = "stream" in request.url.path
        canned = sse_reply([answer]) if streams else json_reply(answer)
        headers = {"content-type": canned.media_type}
        return httpx.Response(200, headers=headers, content=canned.body)

    client = Gemini(KEY, transport=httpx.MockTransport(reply))
    chat = client.chat_session(model="m", system_instruction="Be brief.", temperature=0)

    async def asynchronously() -> list[str]:
        answer = await chat.asend("b")
        return [answer.text, *[chunk.text async for chunk in chat.astream("c")]]

    assert chat.send("a").text == "1"
    assert asyncio.run(asynchronously()) == ["2", "3"]
    assert [chunk.text for chunk in chat.stream("d", temperature=1)] == ["4"]
    assert list(chat.history) == [
        said("a"), answered("1"), said("b"), answered("2"),
        said("c"), answered("3"), said("d"), answered("4"),
    ]  # fmt: skip
    last = json.loads(sent[-1].content)
    assert last["contents"] == list(chat.history[:-1])
    assert last["systemInstruction"] == said("Be brief.")
    assert last["generationConfig"] == {"temperature": 1}


@pytest.mark.parametrize("reply", [
    {"promptFeedback": {"blockReason": "SAFETY"}},
    saying({"text": "Well"}, finishReason="SAFETY"),
    saying(finishReason="MALFORMED_FUNCTION_CALL"),
    failing(400, "INVALID_ARGUMENT"),
])  # fmt: skip
def test_a_conversation_does_not_keep_what_came_to_nothing(reply: Any) -> None:
    """A blocked, empty or failed answer leaves the history as it was, and the next one works."""
    chat = mocked(reply, HI).chat_session(model="m", history=[said("x"), answered("y")])
    with contextlib.suppress(errors.BadRequest):
        chat.send("bad")
    assert list(chat.history) == [said("x"), answered("y")]
    chat.send("good")
    assert list(chat.history) == [said("x"), answered("y"), said("good"), answered("Hi")]


def test_a_conversation_does_not_keep_half_an_answer() -> None:
    """A stream that breaks off, or is left early, leaves the history as it was."""
    broken, whole = sse_reply([saying({"text": "H"})]), sse_reply([saying({"text": "H"}), HI])
    chat = mocked(broken, whole).chat_session(model="m")
    with pytest.raises(errors.StreamInterrupted):
        list(chat.stream("a"))
    pieces = chat.stream("a")
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert list(chat.history) == []
    assert [piece.text for piece in chat.stream("a")] == ["H", "Hi"]
    assert list(chat.history) == [said("a"), answered("HHi")]


def test_a_conversation_goes_on_after_a_function_call() -> None:
    """The model's call is kept with its signature, and the response goes out behind it."""
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}
    sent: list[httpx.Request] = []
    chat = mocked(saying(call, finishReason="STOP"), HI, sent=sent).chat_session(model="m")
    assert chat.send("a").tool_calls == (ToolCall("", "f", {}),)
    chat.send(function_response("f", {"b": 1}))
    assert json.loads(sent[1].content)["contents"] == [
        said("a"),
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [function_response("f", {"b": 1})]},
    ]


# Files


def _uploads(url: str) -> Callable[[Recorded], CannedReply]:
    """A server of uploads that says to go to ``url`` with the content."""

    def reply(request: Recorded) -> CannedReply:
        if request.headers["x-goog-upload-command"] == "start":
            target = f"{url}/upload/v1/files?upload_id=7"
            return json_reply({}, **{"x-goog-upload-url": target})
        return json_reply({"file": {"uri": "u"}}, **{"x-goog-upload-status": "final"})

    return reply


@pytest.mark.parametrize("kind", ["bytes", "path", "file", "pipe"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_upload_sends_the_content(kind: str, asynchronous: bool, tmp_path: Path) -> None:
    """Whatever holds the content, all of it goes to the server that was asked, without a key."""
    path = tmp_path / "grüße.txt"
    path.write_bytes(b"hello")
    pipe = io.BytesIO(b"hello")
    pipe.seekable = lambda: False  # type: ignore[method-assign]
    with RecordingServer(_uploads("https://elsewhere.example")) as server, path.open("rb") as file:
        source: Any = {"bytes": b"hello", "path": path, "file": file, "pipe": pipe}[kind]

        async def call() -> Any:
            async with Gemini(KEY, base_url=server.url) as client:
                return await client.files_upload.acall(file=source, mime_type="text/plain")

        if asynchronous:
            uploaded = asyncio.run(call())
        else:
            with Gemini(KEY, base_url=server.url) as client:
                uploaded = client.files_upload(file=source, mime_type="text/plain")
        start, content = server.requests
    assert uploaded.uri == "u"
    assert start.json == {"file": {"mimeType": "text/plain", "sizeBytes": 5}}
    name = start.headers.get("x-goog-upload-file-name")
    assert name == ("gr%C3%BC%C3%9Fe.txt" if kind == "path" else None)
    assert (content.path, content.query) == ("/upload/v1/files", (("upload_id", "7"),))
    assert content.headers["x-goog-upload-command"] == "upload, finalize"
    assert content.body == b"hello"
    assert "x-goog-api-key" not in content.headers


@pytest.mark.parametrize(("replies", "message"), [
    ([json_reply({})], "does not say where to upload"),
    ([json_reply({}, **{"x-goog-upload-url": "https://x/u"}),
      json_reply({}, **{"x-goog-upload-status": "active"})], "its status is active"),
    ([json_reply({}, **{"x-goog-upload-url": "https://x/u"}), json_reply({})], "not told"),
])  # fmt: skip
def test_an_upload_without_its_end_is_an_error(replies: list[CannedReply], message: str) -> None:
    """An upload that does not say where to go, or that it is done, did not come to a file."""
    with pytest.raises(errors.InvalidResponse, match=message) as caught:
        mocked(*replies).files_upload(file=b"x", mime_type="text/plain")
    assert caught.value.operation == "files_upload"
    assert caught.value.call_id


def test_an_upload_is_not_sent_twice() -> None:
    """After a failure that may have come too late, no file is uploaded a second time."""
    sent: list[httpx.Request] = []
    client = mocked(failing(500, "INTERNAL"), sent=sent)
    with pytest.raises(errors.ServerError):
        client.files_upload(file=b"x", mime_type="text/plain")
    assert len(sent) == 1


def test_a_file_is_downloaded_and_deleted_by_its_short_or_full_name() -> None:
    """A file's name is taken with and without its collection; a download gives the bytes."""
    sent: list[httpx.Request] = []
    client = mocked(CannedReply(b"\x00\xff", "video/mp4"), sent=sent)
    assert client.files_download(name="files/a").content == b"\x00\xff"
    mocked({}, sent=sent).files_delete(name="a")
    assert [str(request.url.raw_path, "ascii") for request in sent] == [
        "/v1/files/a:download?alt=media",
        "/v1/files/a",
    ]
