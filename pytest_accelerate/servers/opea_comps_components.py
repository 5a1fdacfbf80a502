"""What the services of :mod:`~pytest_accelerate.servers.opea_comps` compute: small, and truly.

Words are hashed into vectors, documents are found by the angle between these, an answer is the
sentence that shares most words with the question, and a text is spoken in tones that can be heard
again. It needs nothing else: it runs in the services' own environment as well as in this one.
"""

from __future__ import annotations

import io
import math
import re
import sys
import threading
import wave
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SIZE = 256
"""Numbers of a vector."""
UNKNOWN = "I do not know."
POLICIES: Mapping[str, str] = {"bomb": "Guns and Illegal Weapons", "steal": "Criminal Planning"}
"""The policy that a word is against."""

_RATE = 16_000
_LENGTH = 160
"""Samples of one tone: whole waves of each frequency, so that these do not disturb each other."""


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return re.findall(r"\w+", text.lower())


def embed(text: str, size: int = SIZE) -> list[float]:
    """A vector of unit length that counts the words of a text; zeros for one without words."""
    vector = [0.0] * size
    for word in words(text):
        vector[zlib.crc32(word.encode()) % size] += 1
    length = math.hypot(*vector)
    return [each / length for each in vector] if length else vector


def dot(one: Iterable[float], other: Iterable[float]) -> float:
    """The product of two vectors: their cosine where they are of unit length."""
    return sum((a * b for a, b in zip(one, other, strict=True)), 0.0)


def overlap(question: str, text: str) -> float:
    """The part of a question's words that are in a text, 0 to 1."""
    asked = set(words(question))
    return len(asked & set(words(text))) / len(asked) if asked else 0.0


def best_sentence(question: str, documents: Iterable[str]) -> str:
    """The sentence that shares most words with a question, or :data:`UNKNOWN`."""
    sentences = [each.strip() for document in documents
                 for each in re.split(r"(?<=[.!?])\s+", document)]  # fmt: skip
    best = max(sentences, key=lambda each: overlap(question, each), default="")
    return best if overlap(question, best) else UNKNOWN


def violation(text: str) -> str:
    """The policy that a text is against; empty for none."""
    return next((POLICIES[each] for each in words(text) if each in POLICIES), "")


@dataclass(frozen=True)
class Chunk:
    """A piece of a document."""

    text: str
    source: str
    vector: tuple[float, ...]

    @property
    def metadata(self) -> dict[str, str]:
        """What is told of it beside its text."""
        return {"source": self.source}


class Store:
    """Chunks of documents by index and name; services of several threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: dict[tuple[str, str], list[Chunk]] = {}

    def add(self, index: str, name: str, texts: Sequence[str]) -> bool:
        """Keep the pieces of a document; ``False`` where there is one of its name."""
        chunks = [Chunk(text, name, tuple(embed(text))) for text in texts]
        with self._lock:
            return self._documents.setdefault((index, name), chunks) is chunks

    def remove(self, index: str, name: str) -> bool:
        """Forget a document; ``False`` where there is none of this name."""
        with self._lock:
            return self._documents.pop((index, name), None) is not None

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._documents.clear()

    def names(self, index: str | None = None) -> list[str]:
        """The names of the documents, of one index or of all."""
        with self._lock:
            return [name for place, name in self._documents if index in (None, place)]

    def indices(self) -> list[str]:
        """The indices that have documents."""
        with self._lock:
            return sorted({index for index, _ in self._documents})

    def scored(self, vector: Sequence[float], index: str) -> list[tuple[float, Chunk]]:
        """All chunks of an index with their cosine to a vector, the nearest first.

        Raises:
            ValueError: the vector is of another size.
        """
        if len(vector) != SIZE:
            raise ValueError(f"expected a vector of {SIZE} numbers, not {len(vector)}")
        with self._lock:
            chunks = [each for (place, _), pieces in self._documents.items() if place == index
                      for each in pieces]  # fmt: skip
        scores = [(dot(vector, each.vector), each) for each in chunks]
        return sorted(scores, key=lambda each: -each[0])


def spread(
    scored: Sequence[tuple[float, Chunk]], count: int, weight: float
) -> list[tuple[float, Chunk]]:
    """By maximal marginal relevance: near to the question, and unlike what is chosen already.

    Args:
        scored: what may be chosen.
        count: how many at most.
        weight: of nearness against unlikeness, 0 to 1.
    """
    left, chosen = list(scored), list[tuple[float, Chunk]]()

    def gain(each: tuple[float, Chunk]) -> float:
        like = max((dot(each[1].vector, other.vector) for _, other in chosen), default=0.0)
        return weight * each[0] - (1 - weight) * like

    while left and len(chosen) < count:
        chosen.append(left.pop(left.index(max(left, key=gain))))
    return chosen


def speak(text: str) -> bytes:
    """A text as a WAV file: two tones a byte, each of one of sixteen frequencies."""
    codes = [half for byte in text.encode() for half in (byte >> 4, byte & 15)]
    samples = array("h", (round(20_000 * each) for code in codes for each in _TONES[code][0]))
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(_RATE)
        target.writeframes(_little(samples).tobytes())
    return file.getvalue()


def hear(sound: bytes) -> str:
    """The text that :func:`speak` made a sound of.

    Raises:
        ValueError: it is no WAV file of such tones.
    """
    try:
        with wave.open(io.BytesIO(sound), "rb") as source:
            raw = source.readframes(source.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"this is no WAV file: {error}") from None
    samples = _little(array("h", raw[: len(raw) // (4 * _LENGTH) * (4 * _LENGTH)]))
    codes = [_loudest(samples[place : place + _LENGTH])
             for place in range(0, len(samples), _LENGTH)]  # fmt: skip
    return bytes(
        high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True)
    ).decode()


def _loudest(samples: Sequence[int]) -> int:
    """The tone that is in some samples, by how much of their energy is in its sine and cosine."""
    energy = dot(samples, samples) * _LENGTH / 2
    parts = [sum(dot(samples, each) ** 2 for each in waves) for waves in _TONES]
    if not energy or max(parts) < 0.9 * energy:
        raise ValueError("there is something else than tones in it")
    return parts.index(max(parts))


def _waves(code: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Sine and cosine of a tone: 500 Hz, 800 Hz and so on."""
    turns = [2 * math.pi * (500 + 300 * code) * each / _RATE for each in range(_LENGTH)]
    return tuple(map(math.sin, turns)), tuple(map(math.cos, turns))


def _little(samples: array[int]) -> array[int]:
    """The same in the byte order of WAV files, or back."""
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


_TONES = tuple(_waves(code) for code in range(16))
