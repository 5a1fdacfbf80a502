"""From bytes to frames: the same however the bytes are split on their way."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accelerate.transport import framing
from pytest_accelerate.transport.events import StreamEvent, Streaming, StreamReader
from pytest_accelerate.transport.framing import Frame, Framing, JsonLines, ServerSentEvents


def split(data: bytes, places: Sequence[int]) -> list[bytes]:
    """``data`` in pieces, cut at these places."""
    cuts = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def frames(kind: type[Framing], chunks: Sequence[bytes]) -> list[Frame]:
    """All frames of some chunks."""
    made = kind()
    found = [frame for chunk in chunks for frame in made.feed(chunk)]
    return [*found, *made.finish()]


def reference(data: bytes) -> list[Frame]:
    """What the standard says of a whole stream, line by line; the end counts as a blank line."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, name, pieces = [], "", list[bytes]()
    for line in [*data.split(b"\n"), b""]:
        if not line:
            if pieces:
                found.append(Frame(name, b"\n".join(pieces)))
            name, pieces = "", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            pieces.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return found


LINES = st.sampled_from([
    b"data: a", b"data:b", b"data", b"data:  c", b"event: e", b"event", b": ping", b":", b"id: 1",
    b"retry: 5", b"what: x", b"", b"", b"", b"data: \xc3\xa9", b"data: \xff", b" data: x",
])  # fmt: skip
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(
    lines=st.lists(st.tuples(LINES, ENDS), max_size=12),
    bom=st.booleans(),
    places=st.lists(st.integers(0, 200), max_size=12),
)
def test_server_sent_events(lines: list[tuple[bytes, bytes]], bom: bool, places: list[int]) -> None:
    """Any lines, with any ends, cut anywhere, are the frames that the standard says."""
    data = b"\xef\xbb\xbf" * bom + b"".join(line + end for line, end in lines)
    assert frames(ServerSentEvents, split(data, places)) == reference(data)


@given(data=st.binary(max_size=60), places=st.lists(st.integers(0, 60), max_size=8))
def test_any_bytes(data: bytes, places: list[int]) -> None:
    """Arbitrary bytes never break the framing."""
    assert frames(ServerSentEvents, split(data, places)) == reference(data)
    whole = frames(JsonLines, [data])
    assert frames(JsonLines, split(data, places)) == whole
    assert [frame.data for frame in whole] == [
        line.strip() for line in data.split(b"\n") if line.strip()
    ]


@given(
    values=st.lists(st.dictionaries(st.text(), st.text()), max_size=5),
    ends=st.lists(st.sampled_from([b"\n", b"\r\n", b"\n\n"]), min_size=5, max_size=5),
    places=st.lists(st.integers(0, 300), max_size=10),
)
def test_json_lines(values: list[dict[str, str]], ends: list[bytes], places: list[int]) -> None:
    """JSON a line is what it was, cut anywhere, the last line with or without its end."""
    lines = [json.dumps(value).encode() + end for value, end in zip(values, ends, strict=False)]
    for data in (b"".join(lines), b"".join(lines).rstrip()):
        found = frames(JsonLines, split(data, places))
        assert [json.loads(frame.data) for frame in found] == values


def test_an_event_is_given_as_soon_as_it_is_whole() -> None:
    """A blank line is enough, by CR too, whose LF may still be on its way."""
    made = ServerSentEvents()
    assert list(made.feed(b"data: a\r\n\r")) == [Frame("", b"a")]
    assert list(made.feed(b"\n")) == []
    assert list(made.feed(b"data: b\r\rdata: c\n")) == [Frame("", b"b")]
    assert list(made.feed(b"\n")) == [Frame("", b"c")]


@pytest.mark.parametrize("kind", [ServerSentEvents, JsonLines])
@pytest.mark.parametrize("chunk", [b"x" * 1000, b"data: x\n" * 100])
def test_a_frame_without_end(
    kind: type[Framing], chunk: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame beyond the limit is refused: of one line, and of many."""
    if kind is JsonLines:
        chunk = chunk.replace(b"\n", b" ")
    monkeypatch.setattr(framing, "_LONGEST", 50_000)
    with pytest.raises(ValueError, match="more than 50000 bytes"):
        frames(kind, [chunk] * 100)


@pytest.mark.parametrize("line", [b"x" * 64, b"data: x\n" * 8])
def test_a_long_frame_takes_time_in_proportion(line: bytes) -> None:
    """A frame that comes in many small pieces is not copied anew for each."""

    def seconds(pieces: int) -> float:
        made, started = ServerSentEvents(), time.process_time()
        for _ in range(pieces):
            assert not list(made.feed(line))
        return time.process_time() - started

    seconds(1000)
    # Sixteen times as many: with a copy for each it is some two hundred times as long.
    assert seconds(80_000) < 64 * max(seconds(5_000), 0.002)


class Numbered(StreamEvent):
    """An event that may be the last."""

    ends_unseen = b"[DONE]"

    @property
    def is_end(self) -> bool:
        """Whether it says so."""
        return bool(self.data.get("last"))


def read(*chunks: bytes) -> tuple[list[Any], bool]:
    """The JSON of the events, and whether the end was seen."""
    reader = StreamReader(Streaming(Numbered))
    found = [event for chunk in chunks for event in reader.feed(chunk)]
    found += reader.finish(found)
    return [event.data for event in found], reader.ended


def test_the_reader_knows_the_end() -> None:
    """The end is a mark or an event, and nothing is read after it."""
    assert read(b'data: {"a": 1}\n\n') == ([{"a": 1}], False)
    assert read(b'data: {"a": 1}\n\ndata: [DONE]\n\ndata: {]\n\n') == ([{"a": 1}], True)
    assert read(b'data: {"last": 1}\n\n', b'data: {"a": 1}\n\n') == ([{"last": 1}], True)
    assert read(b"data: [DONE]") == ([], True)


def test_an_event_takes_its_name_from_either_place() -> None:
    """The name of an event is that of its frame, else its JSON's type."""
    reader = StreamReader(Streaming(StreamEvent))
    named, typed, bare = reader.feed(
        b'event: ping\ndata: {"type": "x"}\n\ndata: {"type": "x"}\n\ndata: {}\n\n'
    )
    assert (named.type, typed.type, bare.type) == ("ping", "x", "")
    with pytest.raises(ValueError, match="expected a JSON object"):
        list(reader.feed(b"data: []\n\n"))
