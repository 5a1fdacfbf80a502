"""What Groq answers beyond OpenAI's protocol: https://console.groq.com/docs/api-reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.providers.openai_chunks import ChatChunk
from pytest_accelerate.providers.openai_family import ChatCompletion
from pytest_accelerate.providers.reading import mapping, mappings, text_of
from pytest_accelerate.transport.events import StreamFailure, Streaming


@dataclass(frozen=True, eq=False)
class GroqChat(ChatCompletion):
    """One chat completion."""

    @property
    def reasoning(self) -> str:
        """What the model thought, where ``reasoning_format="parsed"`` asked for it apart."""
        return text_of(self.message.get("reasoning"))

    @property
    def executed_tools(self) -> tuple[Mapping[str, Any], ...]:
        """What Groq itself ran for the answer, such as a web search."""
        return tuple(mappings(self.message.get("executed_tools")))

    @property
    def service_tier(self) -> str:
        """The tier that served it; empty where it is not told."""
        return text_of(self.data.get("service_tier"))

    @property
    def groq_id(self) -> str:
        """Groq's own id of the request, to quote to its support."""
        return text_of(mapping(self.data.get("x_groq")).get("id"))

    @property
    def seconds(self) -> float | None:
        """Seconds from prompt to end on Groq's side; ``None`` where they are not told."""
        value = mapping(self.data.get("usage")).get("total_time")
        return float(value) if isinstance(value, (int, float)) else None


class GroqChunk(ChatChunk):
    """One piece of a chat completion."""

    __slots__ = ()

    @property
    def reasoning(self) -> str:
        """The piece of what the model thought."""
        choices = mappings(self.data.get("choices"))
        return text_of(mapping(choices[0].get("delta")).get("reasoning")) if choices else ""

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream, also where Groq says why it stopped it early."""
        error = mapping(self.data.get("x_groq")).get("error")
        return StreamFailure(500, "", str(error)) if error else super().failure

    @classmethod
    def collect(cls, events: Sequence[ChatChunk]) -> dict[str, Any]:
        """The chat completion, with usage where it has that without streaming."""
        whole = super().collect(events)
        told: dict[str, Any] = {}
        for event in events:
            told |= mapping(event.data.get("x_groq"))
        for name in ("usage", "usage_breakdown"):
            if isinstance(told.get(name), Mapping):
                whole.setdefault(name, told.pop(name))
        return {**whole, "x_groq": told} if told else whole


GROQ_STREAM = Streaming(GroqChunk)
"""How Groq streams a chat completion."""
