"""OPEA's streams: pieces that Python wrote, chunks of OpenAI's, and how both end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_accelerate import errors
from pytest_accelerate.providers import OPEA
from pytest_accelerate.providers.examples import examples
from pytest_accelerate.providers.opea_stream import literal
from pytest_accelerate.transport.policy import Policy

EXAMPLES = examples("opea")
QUICK = Policy(max_tries=1)


def streaming(*frames: str | bytes) -> OPEA:
    """A client whose server sends these after ``data: ``."""
    raw = [each.encode() if isinstance(each, str) else each for each in frames]
    body = b"".join(b"data: " + each + b"\n\n" for each in raw)
    reply = httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})
    return OPEA(policy=QUICK, transport=httpx.MockTransport(lambda request: reply))


@given(st.binary())
@example(b"it's")
@example(b'"it\'s"')
@example(b"\\x41\n\\")
def test_any_bytes_are_read_as_python_wrote_them(data: bytes) -> None:
    """``repr`` of bytes, whatever its quotes and escapes, comes out as these bytes."""
    assert literal(repr(data).encode()) == data


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("it's \\u0041 \x85 \U000e0001")
def test_any_text_is_read_as_python_wrote_it(text: str) -> None:
    """``repr`` of text, which a guard of a model's output sends, comes out as this text."""
    assert literal(repr(text).encode()).decode() == text


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ("b'It isn't so.'", "It isn't so."),
        ("b'Smørrebrød 你好'", "Smørrebrød 你好"),
        (r"b'C:\new'", "C:\new"),  # nobody can tell: it may be an escape
        (r"b'a\qb'", r"a\qb"),
        ("b'two lines, of which the second", "two lines, of which the second"),
        (r"'\ud800\U00110000'", "\ufffd\ufffd"),
        ("b''", ""),
    ],
)
def test_what_is_no_literal_is_taken_as_it_stands(frame: str, text: str) -> None:
    """A megaservice puts a guard's text between quotes without a look at what is in it."""
    assert literal(frame.encode()).decode() == text


@pytest.mark.parametrize("frame", ["Hello", "", "None", "b", "[1]", "<p>", "x'y'"])
def test_what_stands_in_no_quotes_is_no_piece(frame: str) -> None:
    """Other text than a literal, JSON or an end mark is a stream of another kind."""
    with pytest.raises(ValueError, match=r"expected b'\.\.\.' or JSON"):
        literal(frame.encode())
    with pytest.raises(errors.InvalidResponse):
        list(streaming(frame or " ", "[DONE]").chatqna.stream(messages="hi"))


def pieces_of(text: str, cuts: Sequence[int]) -> list[str]:
    """The ``repr`` of a text's bytes, cut anywhere: within a character too."""
    data, places = text.encode(), sorted(cuts)
    bounds = zip([0, *places], [*places, len(text.encode())], strict=True)
    return [repr(data[start:end]) for start, end in bounds]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.integers(0, 20)))
def test_pieces_add_up_to_the_text(text: str, cuts: list[int]) -> None:
    """Wherever a text is cut, the answer is the text, to the last character."""
    places = [min(each, len(text.encode())) for each in cuts]
    stream = streaming(*pieces_of(text, places), "[DONE]").chatqna.stream(messages="hi")
    assert stream.answer().text == text


def test_pieces_come_one_by_one() -> None:
    """Each event is one piece; the answer tells no reason, model or usage: they are not told."""
    stream = streaming(
        "b'Hel'", 'b"lo, it\'s"', r"b' \xc3\x86r\xc3\xb8\n'", "[DONE]"
    ).chatqna.stream(messages="hi")
    assert list(stream.texts()) == ["Hel", "lo, it's", " Ærø\n"]
    answer = stream.answer()
    assert answer.text == "Hello, it's Ærø\n"
    assert (answer.finish_reason, answer.model, answer.usage) == ("", "", None)


def test_a_task_reads_the_same() -> None:
    """The stream for tasks gives the same pieces."""

    async def read() -> list[str]:
        async with streaming("b'a'", "b'b'", "[DONE]") as client:
            return [text async for text in client.chatqna.astream(messages="hi").texts()]

    assert asyncio.run(read()) == ["a", "b"]


@pytest.mark.parametrize("operation", ["chatqna", "chat"])
def test_either_operation_streams_in_either_form(operation: str) -> None:
    """A megaservice may pass chunks on, and older services of a model write pieces."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    for frames in (["b'Hi'", "[DONE]"], [json.dumps(chunk), "[DONE]"], [json.dumps(chunk)]):
        client = streaming(*frames)
        assert client[operation].stream(messages="hi").answer().text == "Hi"


def test_the_whole_of_the_example_is_the_plain_answer() -> None:
    """The canned stream of a chat is the canned answer, in pieces."""
    reply = EXAMPLES["chat"].stream
    assert reply is not None
    frames = [each.removeprefix(b"data: ") for each in reply.body.split(b"\n\n") if each]
    whole = streaming(*frames).chat.stream(messages="hi").answer()
    plain = json.loads(EXAMPLES["chat"].reply.body)
    assert whole.text == plain["choices"][0]["message"]["content"]
    assert whole.finish_reason == plain["choices"][0]["finish_reason"]
    assert whole["id"] == plain["id"]


def test_pieces_without_an_end_are_interrupted() -> None:
    """Pieces do not say that they are the last: without ``[DONE]`` the answer is not whole."""
    with pytest.raises(errors.StreamInterrupted) as caught:
        streaming("b'Hel'").chatqna.stream(messages="hi").answer()
    assert [event.text for event in caught.value.events] == ["Hel"]


def test_a_stream_of_nothing_is_a_failure_behind_it() -> None:
    """A megaservice ends at once where its model's service has failed: that is no empty answer."""
    with pytest.raises(errors.InvalidResponse, match="has failed") as caught:
        streaming("[DONE]").chatqna.stream(messages="hi").answer()
    assert (caught.value.provider, caught.value.operation) == ("opea", "chatqna")


def test_an_error_amid_a_stream() -> None:
    """``[ERROR]`` in place of the rest is an error of the service, and so is OpenAI's form."""
    for frame in ("[ERROR]", '{"error": {"message": "out of memory"}}'):
        stream = streaming("b'Hel'", frame).chatqna.stream(messages="hi")
        assert next(stream).text == "Hel"
        with pytest.raises(errors.ServerError, match=r"ERROR|out of memory"):
            next(stream)
