"""What a TGI server answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.providers.openai_family import ChatCompletion, Models
from pytest_accelerate.providers.reading import count_of, mapping, mappings, text_of
from pytest_accelerate.transport.answers import (
    Answer,
    ChatAnswer,
    ListAnswer,
    Origin,
    ToolCall,
    Usage,
    parse_object,
)
from pytest_accelerate.transport.outcome import Reply


@dataclass(frozen=True, eq=False)
class Generation(ChatAnswer):
    """Text that continues a prompt."""

    counted: Usage | None = None
    """Tokens by the headers of the answer; ``None`` for a stream, which has none of them."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> Generation:
        """Read a reply.

        Raises:
            InvalidResponse: it is no JSON object.
        """
        return cls(parse_object(reply, cls.media_types), origin, _counted(reply.headers))

    @property
    def text(self) -> str:
        """The text; with the prompt before it where ``return_full_text`` asked for that."""
        return text_of(self.data.get("generated_text"))

    @property
    def details(self) -> Mapping[str, Any]:
        """Tokens, seed and reason of the end; empty unless ``details`` asked for them."""
        return mapping(self.data.get("details"))

    @property
    def finish_reason(self) -> str:
        """``length``, ``eos_token``, ``stop_sequence``; empty without ``details``."""
        return text_of(self.details.get("finish_reason"))

    @property
    def tokens(self) -> tuple[Mapping[str, Any], ...]:
        """The generated tokens, each with ``id``, ``text``, ``logprob`` and ``special``."""
        return tuple(mappings(self.details.get("tokens")))

    @property
    def texts(self) -> tuple[str, ...]:
        """The text, and then those that ``best_of`` found worse."""
        others = mappings(self.details.get("best_of_sequences"))
        return (self.text, *(text_of(each.get("generated_text")) for each in others))

    @property
    def usage(self) -> Usage | None:
        """Tokens of prompt and text; ``None`` where neither headers nor details tell."""
        if self.counted is not None or not self.details:
            return self.counted
        told = self.details.get("input_length")
        read = len(mappings(self.details.get("prefill"))) if told is None else count_of(told)
        return Usage(read, count_of(self.details.get("generated_tokens")))


def _counted(headers: Mapping[str, str]) -> Usage | None:
    read, written = headers.get("x-prompt-tokens", ""), headers.get("x-generated-tokens", "")
    if not (read.isdecimal() and written.isdecimal()):
        return None
    return Usage(int(read), int(written))


@dataclass(frozen=True, eq=False)
class TGIChat(ChatCompletion):
    """One message of a chat."""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants to be called; TGI 2 sends their arguments as JSON."""
        calls = mappings(self.message.get("tool_calls"))
        return tuple(
            called
            if not isinstance(arguments := mapping(each.get("function")).get("arguments"), Mapping)
            else ToolCall(called.id, called.name, arguments)
            for each, called in zip(calls, super().tool_calls, strict=True)
        )


@dataclass(frozen=True, eq=False)
class TGIModels(Models):
    """The one model that is served."""

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """One model each; TGI's OpenAPI document has the model itself in place of a list."""
        return (self.data,) if "id" in self.data else super().entries


@dataclass(frozen=True, eq=False)
class TGIInfo(Answer):
    """What is served, and within which limits."""

    @property
    def model(self) -> str:
        """Such as ``HuggingFaceTB/SmolLM2-135M-Instruct``."""
        return text_of(self.data.get("model_id"))

    @property
    def version(self) -> str:
        """Of the server, such as ``3.3.5``."""
        return text_of(self.data.get("version"))

    @property
    def max_input_tokens(self) -> int | None:
        """Longest prompt; ``None`` where it is not told."""
        told = self.data.get("max_input_tokens", self.data.get("max_input_length"))
        return told if isinstance(told, int) else None

    @property
    def max_total_tokens(self) -> int | None:
        """Longest prompt and text together; ``None`` where it is not told."""
        told = self.data.get("max_total_tokens")
        return told if isinstance(told, int) else None


@dataclass(frozen=True, eq=False)
class Tokens(ListAnswer):
    """The tokens of a text."""

    @property
    def tokens(self) -> tuple[Mapping[str, Any], ...]:
        """Each with ``id``, ``text``, and ``start`` and ``stop`` in characters of the text."""
        return tuple(mappings(self.entries))

    @property
    def ids(self) -> tuple[int, ...]:
        """Their numbers in the vocabulary."""
        return tuple(count_of(each.get("id")) for each in self.tokens)


@dataclass(frozen=True, eq=False)
class ChatTokens(Answer):
    """The prompt that messages become, and its tokens."""

    @property
    def text(self) -> str:
        """The prompt, by the model's chat template."""
        return text_of(self.data.get("templated_text"))

    @property
    def tokens(self) -> tuple[Mapping[str, Any], ...]:
        """Each with ``id``, ``text``, and ``start`` and ``stop`` in characters of the prompt."""
        return tuple(mappings(self.data.get("tokenize_response")))

    @property
    def ids(self) -> tuple[int, ...]:
        """Their numbers in the vocabulary."""
        return tuple(count_of(each.get("id")) for each in self.tokens)
