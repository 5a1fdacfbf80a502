"""What servers count of themselves: the text format that Prometheus reads.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.transport.answers import Origin, TextAnswer, media_type
from pytest_accelerate.transport.outcome import Reply

_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*(?:\{(?P<labels>.*)\})?"
    r"[ \t]*(?P<value>[^\s{}]+)(?:[ \t]+(?P<time>-?[0-9]+))?[ \t]*"
)
_LABEL = re.compile(
    r'[ \t,]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*,?[ \t]*'
)
_ESCAPED = re.compile(r"\\(.)")
_MEANINGS = {"n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One number."""

    name: str
    labels: Mapping[str, str]
    value: float
    """May be infinite or no number, which the format has words for."""
    time: int | None = None
    """Milliseconds since 1970; ``None`` where the server does not tell."""


@dataclass(frozen=True, eq=False)
class Metrics(TextAnswer):
    """What a server counts of itself; the text is read when a number is asked for."""

    media_types: ClassVar[tuple[str, ...]] = ("text/plain",)

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> Metrics:
        """Read a reply.

        Raises:
            InvalidResponse: it is no plain text.
        """
        found = media_type(reply)
        if found not in cls.media_types:
            raise InvalidResponse(
                f"expected metrics as text/plain, the answer is {found or 'of no content type'}"
            )
        return cls({}, origin, super().of(reply, origin).content)

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """Every number, in the order of the text.

        Raises:
            InvalidResponse: a line is none of the format.
        """
        lines = (line.strip() for line in self.content.split("\n"))
        return tuple(_sample(line) for line in lines if line and not line.startswith("#"))

    @cached_property
    def types(self) -> Mapping[str, str]:
        """``counter``, ``gauge``, ``histogram`` or ``summary`` by the metric's name."""
        words = (line.split() for line in self.content.split("\n") if line.startswith("# TYPE "))
        return {each[2]: each[3] for each in words if len(each) == 4}

    def value(self, name: str, /, **labels: str) -> float | None:
        """The first number of this name that has these labels; ``None`` where there is none.

        Raises:
            InvalidResponse: a line is none of the format.
        """
        for each in self.samples:
            if each.name == name and labels.items() <= each.labels.items():
                return each.value
        return None


def _sample(line: str) -> Sample:
    found = _SAMPLE.fullmatch(line)
    try:
        if found is None:
            raise ValueError
        labels, time = _labels(found["labels"] or ""), found["time"]
        return Sample(found["name"], labels, float(found["value"]), int(time) if time else None)
    except ValueError:
        raise InvalidResponse(f"expected a metric's line, found {line[:80]!r}") from None


def _labels(text: str) -> dict[str, str]:
    labels, place = {}, 0
    while place < len(text):
        found = _LABEL.match(text, place)
        if found is None:
            raise ValueError
        labels[found[1]] = _ESCAPED.sub(lambda each: _MEANINGS.get(each[1], each[1]), found[2])
        place = found.end()
    return labels
