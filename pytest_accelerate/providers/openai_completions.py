"""Text completions, OpenAI's older protocol, which many servers of models speak beside chats.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_accelerate.providers.openai_chunks import error_event
from pytest_accelerate.providers.openai_family import usage_of
from pytest_accelerate.providers.reading import count_of, mappings, text_of
from pytest_accelerate.transport.answers import ChatAnswer, Usage
from pytest_accelerate.transport.events import StreamEvent, StreamFailure


@dataclass(frozen=True, eq=False)
class Completion(ChatAnswer):
    """Text that continues a prompt, or several."""

    @property
    def choices(self) -> list[Mapping[str, Any]]:
        """One choice a prompt, and ``n`` of them where ``n`` was asked for."""
        return sorted(mappings(self.data.get("choices")), key=_index)

    @property
    def text(self) -> str:
        """The text of the first choice; empty where there is none."""
        return self.texts[0] if self.texts else ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each choice."""
        return tuple(text_of(each.get("text")) for each in self.choices)

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended, such as ``stop`` and ``length``."""
        return text_of(self.choices[0].get("finish_reason")) if self.choices else ""

    @property
    def usage(self) -> Usage | None:
        """Tokens of prompts and completions."""
        return usage_of(self.data)


class CompletionChunk(StreamEvent):
    """A piece of a text completion."""

    __slots__ = ()
    ends_unseen: ClassVar[bytes] = b"[DONE]"

    @property
    def text(self) -> str:
        """The piece of text of the first choice."""
        choices = mappings(self.data.get("choices"))
        return text_of(choices[0].get("text")) if choices and _index(choices[0]) == 0 else ""

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream."""
        error = self.data.get("error")
        return error_event(error) if error else None

    @classmethod
    def complete(cls, events: Sequence[CompletionChunk]) -> bool:
        """Whether every choice has said why it stopped: some servers then send no ``[DONE]``."""
        choices = [each for event in events for each in mappings(event.data.get("choices"))]
        over = {_index(each) for each in choices if each.get("finish_reason")}
        return bool(choices) and over == {_index(each) for each in choices}

    @classmethod
    def collect(cls, events: Sequence[CompletionChunk]) -> dict[str, Any]:
        """The completion that these chunks are the pieces of."""
        whole: dict[str, Any] = {}
        choices: dict[int, dict[str, Any]] = {}
        for event in events:
            whole |= {key: value for key, value in event.data.items() if value is not None}
            for piece in mappings(event.data.get("choices")):
                _join(choices.setdefault(_index(piece), {}), piece)
        return {**whole, "choices": [choices[index] for index in sorted(choices)]}


def _index(choice: Mapping[str, Any]) -> int:
    return count_of(choice.get("index"))


def _join(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add a piece: text and lists grow, and anything else is the last that is not empty."""
    for key, value in piece.items():
        before = whole.get(key)
        if key == "text":
            whole[key] = text_of(before) + text_of(value)
        elif isinstance(value, list) and isinstance(before, list):
            whole[key] = [*before, *value]
        elif isinstance(value, Mapping) and isinstance(before, Mapping):  # the lists of logprobs
            whole[key] = dict(before)
            _join(whole[key], value)
        elif value or key not in whole:
            whole[key] = value
