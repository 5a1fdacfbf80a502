"""What is sent: JSON, forms and files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.transport.body import dump_json, flatten, upload

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=900)),
                                                    inner),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=50)
@given(value=st.dictionaries(st.text(st.characters(max_codepoint=900)), JSON, max_size=3))
def test_json_is_what_it_was(value: dict[str, Any]) -> None:
    """What JSON can hold arrives as it was given."""
    assert json.loads(dump_json(value)) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1, 2}, "set"),
        (float("nan"), "Out of range"),
        (b"bytes", "bytes"),
        ("\ud800", "lone surrogate"),
        ({("a", "b"): 1}, "keys must be"),
    ],
)
def test_what_json_cannot_hold(value: Any, why: str) -> None:
    """What JSON or UTF-8 cannot hold is refused, and the message names the parameter."""
    with pytest.raises(InvalidParameters, match=f"(?s)'bad'.*{why}"):
        dump_json({"good": 1, "bad": value})


def test_nested_too_deep() -> None:
    """Nesting beyond what can be written is refused, and so is what holds itself."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    itself: list[Any] = []
    itself.append(itself)
    for value in (deep, itself):
        with pytest.raises(InvalidParameters, match="'bad' cannot be sent as JSON"):
            dump_json({"bad": value})


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ({"a": 1, "b": "x"}, [("a", "1"), ("b", "x")]),
        ({"a": True, "b": False}, [("a", "true"), ("b", "false")]),
        ({"a": [1, 2]}, [("a[]", "1"), ("a[]", "2")]),
        ({"a": {"b": {"c": 1}, "d": [True]}}, [("a[b][c]", "1"), ("a[d][]", "true")]),
        ({"a": ("x", "y")}, [("a[]", "x"), ("a[]", "y")]),
        ({"a": []}, []),
        ({}, []),
    ],
)
def test_flattening(value: dict[str, Any], pairs: list[tuple[str, str]]) -> None:
    """Nested values are brackets in the names, lists repeat them."""
    assert list(flatten(value)) == pairs


def test_files(tmp_path: Path) -> None:
    """A file is bytes, a path, an open file, or one of these with a name."""
    path = tmp_path / "sound.wav"
    path.write_bytes(b"RIFF")
    with path.open("rb") as opened:
        for given_file, name in (
            (b"RIFF", "file"),
            (bytearray(b"RIFF"), "file"),
            (path, "sound.wav"),
            (str(path), "sound.wav"),
            (opened, "sound.wav"),
            (io.BytesIO(b"RIFF"), "file"),
            (("other.wav", b"RIFF"), "other.wav"),
            (("other.wav", path, "audio/wav"), "other.wav"),
        ):
            made = upload("file", given_file)
            assert made.name == name
            # Twice: a second try reads it from its start again.
            assert [b"".join(made.pieces()) for _ in range(2)] == [b"RIFF"] * 2
            assert made.size() == 4


@pytest.mark.parametrize(
    ("given_file", "why"),
    [
        ("/no/such/file", "there is no file"),
        (io.StringIO("text"), "binary mode"),
        (3, "not int"),
        (("name",), r"expected \(name, content\)"),
        ((1, b""), r"expected \(name, content\)"),
    ],
)
def test_what_is_no_file(given_file: Any, why: str) -> None:
    """What cannot be read as a file is refused before anything is sent."""
    with pytest.raises(InvalidParameters, match=why):
        upload("file", given_file)
