"""The protocol of OpenAI's chat completions, embeddings and models, which many servers speak.

Sound, which fewer have, is in :mod:`~pytest_accelerate.providers.openai_audio`. Source:
https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Unpack

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.openai_chunks import CHAT_STREAM, ChatChunk, error_event
from pytest_accelerate.providers.operation import operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.reading import (
    count_of,
    decoded,
    mapping,
    mappings,
    parsed,
    text_of,
)
from pytest_accelerate.transport.answers import (
    Answer,
    ChatAnswer,
    EmbeddingAnswer,
    PageAnswer,
    ToolCall,
    Usage,
)

__all__ = [
    "CHAT_STREAM",
    "ChatChunk",
    "ChatCompletion",
    "Embeddings",
    "Messages",
    "Model",
    "Models",
    "OpenAICompatible",
    "error_event",
    "usage_of",
]

Messages = Annotated[Sequence[Mapping[str, Any]], Filled]


def usage_of(data: Mapping[str, Any]) -> Usage | None:
    """The usage that an answer tells, under either of the names that OpenAI uses."""
    usage = mapping(data.get("usage"))
    told = usage.get("prompt_tokens", usage.get("input_tokens"))
    if told is None:
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    spent = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    return Usage(
        input_tokens=count_of(told),
        output_tokens=count_of(usage.get("completion_tokens", usage.get("output_tokens"))),
        cached_tokens=count_of(mapping(details).get("cached_tokens")),
        reasoning_tokens=count_of(mapping(spent).get("reasoning_tokens")),
    )


@dataclass(frozen=True, eq=False)
class ChatCompletion(ChatAnswer):
    """One chat completion."""

    @property
    def choice(self) -> Mapping[str, Any]:
        """The first choice; empty where there is none."""
        choices = mappings(self.data.get("choices"))
        return choices[0] if choices else {}

    @property
    def message(self) -> Mapping[str, Any]:
        """The message of the first choice; empty where there is none."""
        return mapping(self.choice.get("message"))

    @property
    def text(self) -> str:
        """The text of the first choice; empty where it has none."""
        return text_of(self.message.get("content"))

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each choice, where ``n`` asked for several."""
        choices = mappings(self.data.get("choices"))
        return tuple(text_of(mapping(each.get("message")).get("content")) for each in choices)

    @property
    def parsed(self) -> Any:
        """The text as JSON, where ``response_format`` asked for that; ``None`` for no text.

        Raises:
            InvalidResponse: it is not JSON, as where it was cut off.
        """
        return parsed(self.text, f"finish_reason {self.finish_reason!r}")

    @property
    def refusal(self) -> str:
        """What the model said instead of an answer; empty where it gave one."""
        return text_of(self.message.get("refusal"))

    @property
    def audio(self) -> bytes:
        """The sound of the first choice, in the format that was asked for; empty without one."""
        data = mapping(self.message.get("audio")).get("data")
        return decoded([data] if data else [])

    @property
    def transcript(self) -> str:
        """The words of the sound."""
        return text_of(mapping(self.message.get("audio")).get("transcript"))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants to be called, and its calls of custom tools."""
        return tuple(_tool_call(each) for each in mappings(self.message.get("tool_calls")))

    @property
    def finish_reason(self) -> str:
        """``stop``, ``length``, ``tool_calls``, ``content_filter``."""
        return text_of(self.choice.get("finish_reason"))

    @property
    def usage(self) -> Usage | None:
        """Tokens of prompt and completion."""
        return usage_of(self.data)


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    kind = "custom" if call.get("type") == "custom" else "function"
    called = mapping(call.get(kind))
    id, name = text_of(call.get("id")), text_of(called.get("name"))
    if kind == "custom":  # its input is text, whatever it looks like
        return ToolCall(id, name, text_of(called.get("input")))
    return ToolCall.of_text(id, name, text_of(called.get("arguments")))


@dataclass(frozen=True, eq=False)
class Embeddings(EmbeddingAnswer):
    """Vectors, in the order of the inputs whatever the order of the answer."""

    @property
    def vectors(self) -> tuple[tuple[float, ...], ...]:
        """One vector an input, also where they came as base64 of 32-bit floats.

        Raises:
            InvalidResponse: an entry is no vector.
        """
        listed = mappings(self.data.get("data"))
        listed.sort(key=lambda each: count_of(each.get("index")))
        return tuple(_vector(each.get("embedding")) for each in listed)

    @property
    def usage(self) -> Usage | None:
        """Tokens of the inputs."""
        return usage_of(self.data)


def _vector(given: Any) -> tuple[float, ...]:
    if isinstance(given, list):
        return tuple(given)
    raw = decoded([given])
    if len(raw) % 4:
        raise InvalidResponse(f"an embedding of {len(raw)} bytes is no list of 32-bit floats")
    floats = array("f", raw)
    if sys.byteorder == "big":
        floats.byteswap()
    return tuple(floats)


@dataclass(frozen=True, eq=False)
class Models(PageAnswer):
    """The models that there are."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Their names, as ``model`` takes them."""
        return tuple(text_of(each.get("id")) for each in self.entries)


@dataclass(frozen=True, eq=False)
class Model(Answer):
    """One model."""

    @property
    def id(self) -> str:
        """Its name, as ``model`` takes it."""
        return text_of(self.data.get("id"))

    @property
    def owner(self) -> str:
        """Who made it."""
        return text_of(self.data.get("owned_by"))


class OpenAICompatible(Provider):
    """What every server of this protocol has."""

    @operation("GET", "/models", answer=Models)
    def models_list(**options: Unpack[CallOptions]) -> None:
        """The models that there are."""

    @operation("GET", "/models/{model}", answer=Model)
    def models_get(*, model: str, **options: Unpack[CallOptions]) -> None:
        """One model."""
