"""What is refused before it is sent."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.examples import examples
from tests.providers.openai.conftest import Served

EXAMPLES = examples("openai")
PNG = base64.b64encode(b"\x89PNG").decode()


GOOD = b'{"a": 1}\n\n{"b": "\xc3\xbc"}'


@pytest.mark.parametrize("purpose", ["batch", "fine-tune"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b'{"a": 1}\n{"b": "\xfc"}\n', "line 2: expected UTF-8, found byte 0xfc at 7"),
        (b'{"a": 1}\n{"a": \n', "line 2: expected a JSON object"),
        (b"[1]\n", "line 1: expected a JSON object, not list"),
        ('{"a": 1}'.encode("utf-16"), "line 1: expected UTF-8"),
    ],
)
def test_a_file_that_is_no_jsonl_is_not_sent(
    served: Served, purpose: str, content: bytes, told: str
) -> None:
    """A file for a batch or for training is looked at first, and the line is named."""
    with pytest.raises(errors.InvalidParameters, match=f"parameter 'file'.*{told}"):
        served.answer("files_upload", file=content, purpose=purpose)
    assert served.sent == []


def test_a_file_that_is_jsonl_is_sent_whole(served: Served, tmp_path: Path) -> None:
    """However it is given, all of it arrives after it was looked at."""
    path = tmp_path / "lines.jsonl"
    path.write_bytes(GOOD)

    class Once(io.RawIOBase):
        """A stream that cannot go back, such as a pipe."""

        def __init__(self) -> None:
            self._rest = io.BytesIO(GOOD)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self._rest.read(size)

        def seekable(self) -> bool:
            return False

    with path.open("rb") as opened:
        opened.read(3)
        for given in (GOOD, path, opened, Once(), ("x.jsonl", GOOD), ("x", path, "text/plain")):
            served.answer("files_upload", file=given, purpose="fine-tune")
    contents = [content for each in served.sent for name, *_, content in each.form
                if name == "file"]  # fmt: skip
    assert contents == [GOOD] * 6


def test_other_files_may_hold_anything(served: Served) -> None:
    """A file for another purpose is not looked at."""
    assert served.answer("files_upload", file=b"\xff\x00", purpose="vision").id == "file-1"


def test_a_file_that_is_not_there_is_named(served: Served, tmp_path: Path) -> None:
    """A path without a file is told before anything is sent."""
    with pytest.raises(errors.InvalidParameters, match="there is no file"):
        served.answer("files_upload", file=tmp_path / "none.jsonl", purpose="batch")
    assert served.sent == []


@pytest.mark.parametrize(
    ("operation", "changes", "told"),
    [
        ("chat", {"messages": []}, "'messages' must not be empty"),
        ("chat", {"messages": "hello"}, "'messages': expected a list of a mapping"),
        ("chat", {"temprature": 1}, "'temprature'; did you mean 'temperature'"),
        ("chat", {"stream": True}, "unknown parameter 'stream'"),
        ("chat", {"n": 1.5}, "'n': expected a whole number"),
        ("chat", {"seed": True}, "'seed': expected a whole number"),
        ("chat", {"reasoning_effort": "huge"}, "expected one of 'none'"),
        ("chat", {"messages": [{"role": "user", "content": "\ud800"}]}, "lone surrogate"),
        ("responses", {"input": " "}, "'input' must not be empty"),
        ("embeddings", {"input": []}, "'input' must not be empty"),
        ("embeddings", {"input": [1, "a"]}, "'input': expected text or a list"),
        ("images_generate", {"prompt": ""}, "'prompt' must not be empty"),
        ("audio_speech", {"input": ""}, "'input' must not be empty"),
        ("audio_speech", {"stream_format": "sse"}, "'stream_format': expected one of 'audio'"),
        ("audio_transcription", {"file": {"a": 1}}, "'file': expected a file"),
        ("files_get", {"file_id": ".."}, "cannot stand in a path"),
        ("batches_create", {"endpoint": "/v1/else"}, "'endpoint': expected one of"),
        ("vector_stores_search", {"query": ""}, "'query' must not be empty"),
    ],
)
def test_bad_input_is_told_before_anything_is_sent(
    served: Served, operation: str, changes: dict[str, Any], told: str
) -> None:
    """The parameter is named, and what it must be."""
    with pytest.raises(errors.InvalidParameters) as caught:
        served.answer(operation, **changes)
    assert told in str(caught.value)
    assert served.sent == []
