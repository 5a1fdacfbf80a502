"""Embeddings, moderations, models, images and sound."""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.examples import CannedReply, examples, sse_reply
from pytest_accelerate.providers.examples.openai.media import wav
from pytest_accelerate.transport.answers import Usage
from tests.providers.openai.conftest import Served

EXAMPLES = examples("openai")
PNG = base64.b64encode(b"\x89PNG").decode()


def test_vectors_come_in_the_order_of_the_inputs(served: Served) -> None:
    """They are sorted by their index, and base64 reads as the same floats as a list."""
    floats = (0.5, -0.25, 1e-3)
    packed = base64.b64encode(struct.pack("<3f", *floats)).decode()
    data = [
        {"object": "embedding", "index": 1, "embedding": packed},
        {"object": "embedding", "index": 0, "embedding": [1.0, 2.0, 3.0]},
    ]
    answer = served.answer("embeddings", {"object": "list", "data": data})
    assert answer.vectors[0] == (1.0, 2.0, 3.0)
    assert answer.vectors[1] == pytest.approx(floats, rel=1e-6)


@pytest.mark.parametrize("embedding", ["?", "AAAA", None, 1])
def test_an_embedding_that_is_none_is_an_invalid_response(served: Served, embedding: Any) -> None:
    """What is neither a list nor base64 of floats is a typed error."""
    answer = served.answer("embeddings", {"data": [{"index": 0, "embedding": embedding}]})
    with pytest.raises(errors.InvalidResponse):
        _ = answer.vectors


def test_moderations_name_what_was_found(served: Served) -> None:
    """The categories that apply are named for each input."""
    results = [
        {"flagged": False, "categories": {"violence": False}},
        {"flagged": True, "categories": {"violence": True, "hate": False, "sexual": True}},
    ]
    answer = served.answer("moderations", {"results": results})
    assert answer.flagged
    assert answer.categories == (frozenset(), {"violence", "sexual"})


def test_models_are_listed_by_name(served: Served) -> None:
    """A list of models and one model give their names and owners."""
    assert served.answer("models_list").ids == ("gpt-4o-mini",)
    model = served.answer("models_get")
    assert (model.id, model.owner) == ("gpt-4o-mini", "system")


def test_images_come_as_bytes_or_addresses(served: Served) -> None:
    """What was asked for is there, the other is empty."""
    made = served.answer("images_generate")
    assert made.images[0].startswith(b"\x89PNG")
    assert (made.urls, made.usage.output_tokens) == ((), 272)
    linked = served.answer("images_variation")
    assert (linked.images, linked.urls) == ((), ("https://images.example/1.png",))
    assert linked.usage is None


@pytest.mark.parametrize("operation", ["images_generate", "images_edit"])
def test_images_stream_what_there_is_so_far(served: Served, operation: str) -> None:
    """Each event has an image, and the last comes to the answer of a plain call."""
    with served.stream(operation, partial_images=1) as stream:
        assert [event.image[:4] for event in stream] == [b"\x89PNG", b"\x89PNG"]
    assert served.stream(operation).answer().data == served.answer(operation).data


def test_speech_comes_as_bytes_and_in_pieces(served: Served, tmp_path: Path) -> None:
    """The pieces of its stream are the same sound, which can be written into a file."""
    plain = served.answer("audio_speech")
    assert (plain.content, plain.content_type) == (wav(0.01), "audio/wav")
    assert plain.write_to(tmp_path / "a.wav").read_bytes() == wav(0.01)
    streamed = served.stream("audio_speech").answer()
    assert streamed.content == plain.content
    assert streamed.usage == Usage(input_tokens=3, output_tokens=5)


@pytest.mark.parametrize("media_type", ["text/html", "application/json"])
def test_speech_that_is_a_page_is_an_invalid_response(served: Served, media_type: str) -> None:
    """A proxy's page with status 200 is not taken for sound."""
    with pytest.raises(errors.InvalidResponse, match=media_type):
        served.answer("audio_speech", CannedReply(b"{}", media_type))


def test_a_transcription_reads_text_words_and_segments(served: Served) -> None:
    """The verbose form gives language, seconds, segments and words."""
    verbose = {
        "language": "english",
        "duration": 1.5,
        "text": "Hello there.",
        "segments": [{"id": 0, "start": 0.0, "end": 1.5, "text": "Hello there."}],
        "words": [{"word": "Hello", "start": 0.0, "end": 0.7}],
        "usage": {"type": "duration", "seconds": 2},
    }
    answer = served.answer("audio_transcription", verbose, response_format="verbose_json")
    assert (answer.text, answer.language, answer.duration) == ("Hello there.", "english", 1.5)
    assert answer.segments[0]["end"] == 1.5
    assert answer.words[0]["word"] == "Hello"
    assert answer.usage is None


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
@pytest.mark.parametrize("operation", ["audio_transcription", "audio_translation"])
def test_a_transcription_that_is_text_reads_as_it_came(
    served: Served, operation: str, form: str
) -> None:
    """Plain text and subtitles are the text itself."""
    subtitles = "1\n00:00:00,000 --> 00:00:01,500\nGrüße\n"
    reply = CannedReply(subtitles.encode(), "text/plain; charset=utf-8")
    answer = served.answer(operation, reply, response_format=form)
    assert (answer.text, dict(answer)) == (subtitles, {})


def test_a_transcription_that_is_a_page_or_bytes_is_an_invalid_response(served: Served) -> None:
    """Neither a proxy's page nor what is no UTF-8 is taken for text."""
    for reply in (CannedReply(b"<html>", "text/html"), CannedReply(b"\xff", "text/plain")):
        with pytest.raises(errors.InvalidResponse):
            served.answer("audio_transcription", reply)


def test_a_transcription_streams_its_text(served: Served) -> None:
    """Its pieces come one by one; who speaks comes with the segments."""
    with served.stream("audio_transcription") as stream:
        assert list(stream.texts()) == ["Hello", " there."]
    segment = {"type": "transcript.text.segment", "id": "1", "start": 0.0, "end": 1.0,
               "speaker": "A", "text": "Hi"}  # fmt: skip
    done = {"type": "transcript.text.done", "text": "Hi"}
    answer = served.stream("audio_transcription", sse_reply([segment, done])).answer()
    assert (answer.text, answer.segments[0]["speaker"]) == ("Hi", "A")
    assert served.stream("audio_transcription").answer().usage == Usage(10, 2)
