"""What an Ollama server answers: https://docs.ollama.com/api. Durations are nanoseconds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.providers.reading import count_of, mapping, mappings, text_of
from pytest_accelerate.transport.answers import (
    Answer,
    ChatAnswer,
    EmbeddingAnswer,
    PageAnswer,
    ToolCall,
    Usage,
)


def _usage(data: Mapping[str, Any]) -> Usage | None:
    read, written = data.get("prompt_eval_count"), data.get("eval_count")
    if read is None and written is None:
        return None
    return Usage(input_tokens=count_of(read), output_tokens=count_of(written))


def _seconds(data: Mapping[str, Any], name: str) -> float | None:
    nanoseconds = data.get(name)
    return nanoseconds / 1e9 if isinstance(nanoseconds, (int, float)) else None


@dataclass(frozen=True, eq=False)
class OllamaMessage(ChatAnswer):
    """What :class:`OllamaChat` and :class:`OllamaGeneration` share."""

    @property
    def finish_reason(self) -> str:
        """``stop``, ``length``, ``load``, ``unload``."""
        return text_of(self.data.get("done_reason"))

    @property
    def usage(self) -> Usage | None:
        """Tokens that were read and written."""
        return _usage(self.data)

    @property
    def seconds(self) -> float | None:
        """Seconds that the whole took on the server, loading included."""
        return _seconds(self.data, "total_duration")

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens written a second, without loading and reading; ``None`` where it is not told."""
        seconds, written = _seconds(self.data, "eval_duration"), self.data.get("eval_count")
        return count_of(written) / seconds if seconds and written is not None else None


@dataclass(frozen=True, eq=False)
class OllamaChat(OllamaMessage):
    """One message of a chat."""

    @property
    def message(self) -> Mapping[str, Any]:
        """The message; empty where there is none."""
        return mapping(self.data.get("message"))

    @property
    def text(self) -> str:
        """The text, without the thinking."""
        return text_of(self.message.get("content"))

    @property
    def thinking(self) -> str:
        """What a model thought first, where it was asked to."""
        return text_of(self.message.get("thinking"))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants to be called."""
        return tuple(
            ToolCall(
                text_of(call.get("id")),
                text_of(mapping(call.get("function")).get("name")),
                mapping(mapping(call.get("function")).get("arguments")),
            )
            for call in mappings(self.message.get("tool_calls"))
        )


@dataclass(frozen=True, eq=False)
class OllamaGeneration(OllamaMessage):
    """The continuation of a prompt."""

    @property
    def text(self) -> str:
        """The text, without the thinking."""
        return text_of(self.data.get("response"))

    @property
    def thinking(self) -> str:
        """What a model thought first, where it was asked to."""
        return text_of(self.data.get("thinking"))

    @property
    def image(self) -> str:
        """An image in base64, of a model that makes images; empty otherwise."""
        return text_of(self.data.get("image"))


@dataclass(frozen=True, eq=False)
class Progress(Answer):
    """The status of a pull, a push or a creation."""

    @property
    def status(self) -> str:
        """``success`` at the end."""
        return text_of(self.data.get("status"))


@dataclass(frozen=True, eq=False)
class Embeddings(EmbeddingAnswer):
    """Vectors of texts."""

    @property
    def vectors(self) -> tuple[tuple[float, ...], ...]:
        """One vector an input, in their order."""
        listed = self.data.get("embeddings")
        return tuple(map(tuple, listed)) if isinstance(listed, list) else ()

    @property
    def usage(self) -> Usage | None:
        """Tokens of the inputs."""
        return _usage(self.data)


@dataclass(frozen=True, eq=False)
class Embedding(EmbeddingAnswer):
    """The vector of one text."""

    @property
    def vectors(self) -> tuple[tuple[float, ...], ...]:
        """The one vector; none for an empty answer."""
        vector = self.data.get("embedding")
        return (tuple(vector),) if isinstance(vector, list) else ()


@dataclass(frozen=True, eq=False)
class SystemOne(Answer):
    """Probabilities, by question."""

    @property
    def answers(self) -> Mapping[str, Mapping[str, Any]]:
        """Each question's answer: ``noul``, ``choice`` or ``score``, with probabilities."""
        return mapping(self.data.get("answers"))

    @property
    def usage(self) -> Usage | None:
        """Tokens that were read and written."""
        usage = self.data.get("usage")
        if not isinstance(usage, Mapping):
            return None
        return Usage(count_of(usage.get("input_tokens")), count_of(usage.get("output_tokens")))


@dataclass(frozen=True, eq=False)
class ListedModels(PageAnswer):
    """Models: those that there are, or those that are loaded."""

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """One model each: ``model``, ``size`` (bytes), ``digest``, ``details``..."""
        return tuple(mappings(self.data.get("models")))

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names."""
        return tuple(text_of(each.get("model") or each.get("name")) for each in self.entries)


@dataclass(frozen=True, eq=False)
class OllamaModel(Answer):
    """All about one model."""

    @property
    def capabilities(self) -> tuple[str, ...] | None:
        """Such as ``completion``, ``tools``, ``vision``, ``thinking``, ``embedding``; ``None``
        from a server that does not tell."""
        listed = self.data.get("capabilities")
        return tuple(listed) if isinstance(listed, list) else None

    @property
    def context_length(self) -> int | None:
        """Tokens that the model was made for; ``None`` where it is not told."""
        info = mapping(self.data.get("model_info"))
        found = info.get(f"{info.get('general.architecture')}.context_length")
        return found if isinstance(found, int) else None


@dataclass(frozen=True, eq=False)
class Version(Answer):
    """The version of the server."""

    @property
    def version(self) -> str:
        """Such as ``0.12.3``."""
        return text_of(self.data.get("version"))
