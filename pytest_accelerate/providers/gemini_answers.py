"""What Gemini answers: candidates with their parts, blocks, vectors, models, files.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_accelerate.providers.reading import mapping
from pytest_accelerate.transport.answers import (
    Answer,
    ChatAnswer,
    EmbeddingAnswer,
    PageAnswer,
    ToolCall,
    Usage,
)

_BLOCKED = frozenset({
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "ESCALATION",
    "MODEL_ARMOR",
})  # fmt: skip
"""The reasons to finish that say that a filter stopped the model; the others are its own end."""


def objects(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The objects of a list; none where it is no list."""
    return tuple(map(mapping, value)) if isinstance(value, list) else ()


def count(values: Mapping[str, Any], name: str) -> int:
    """A whole number of an object; 0 where it has none of this name."""
    value = values.get(name)
    return value if isinstance(value, int) else 0


@dataclass(frozen=True)
class SafetyRating:
    """How likely a text does one kind of harm."""

    category: str
    """Such as ``HARM_CATEGORY_HARASSMENT``."""
    probability: str
    """``NEGLIGIBLE``, ``LOW``, ``MEDIUM`` or ``HIGH``."""
    blocked: bool
    """Whether this is why it was blocked."""


@dataclass(frozen=True)
class Block:
    """That a filter of the provider's refused a prompt, or stopped a candidate."""

    of: Literal["prompt", "candidate"]
    reason: str
    """Such as ``SAFETY``, ``RECITATION``, ``PROHIBITED_CONTENT``."""
    message: str = ""
    """What the provider says about it; often nothing."""
    safety_ratings: tuple[SafetyRating, ...] = ()
    candidate: int | None = None
    """The candidate's index; ``None`` for the prompt."""


@dataclass(frozen=True)
class Media:
    """An image or sound that a model made."""

    media_type: str
    content: bytes = field(repr=False)


def ratings(value: Any) -> tuple[SafetyRating, ...]:
    """The safety ratings in a list of the provider's."""
    return tuple(
        SafetyRating(
            str(each.get("category") or ""),
            str(each.get("probability") or ""),
            bool(each.get("blocked")),
        )
        for each in objects(value)
    )


@dataclass(frozen=True, eq=False)
class GeminiAnswer(ChatAnswer):
    """What a model generated. One that was blocked is no error: :attr:`block` says so."""

    @property
    def candidates(self) -> tuple[Mapping[str, Any], ...]:
        """The candidates in their order; none where the prompt was blocked."""
        return objects(self.data.get("candidates"))

    @property
    def content(self) -> Mapping[str, Any]:
        """The first candidate's message: to go on with the conversation, send it back as it is."""
        return mapping(self._first.get("content"))

    @property
    def parts(self) -> tuple[Mapping[str, Any], ...]:
        """The parts of that message."""
        return objects(self.content.get("parts"))

    @property
    def text(self) -> str:
        """The text of the first candidate, without its thoughts; empty where it has none."""
        return text_of(self.parts, thoughts=False)

    @property
    def thoughts(self) -> str:
        """What the model tells of its thinking, where ``thinking_config`` asks for it."""
        return text_of(self.parts, thoughts=True)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants to be called."""
        calls = (mapping(part.get("functionCall")) for part in self.parts)
        return tuple(
            ToolCall(str(call.get("id") or ""), str(call.get("name") or ""),
                     mapping(call.get("args")))
            for call in calls
            if call
        )  # fmt: skip

    @property
    def media(self) -> tuple[Media, ...]:
        """The images and sounds of the first candidate; what is no base64 is left out."""
        return tuple(_media(self.parts))

    @property
    def finish_reason(self) -> str:
        """``STOP``, ``MAX_TOKENS``, ``SAFETY``, ``MALFORMED_FUNCTION_CALL`` and others."""
        return str(self._first.get("finishReason") or "")

    @property
    def model(self) -> str:
        """The version of the model that answered."""
        return str(self.data.get("modelVersion") or "")

    @property
    def block(self) -> Block | None:
        """Why there is no answer, or no whole one: the prompt's block, or the first candidate's."""
        return next((each for each in self.blocks if each.candidate in (None, 0)), None)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks: the prompt's, and each candidate's."""
        return tuple(self._blocks())

    @property
    def usage(self) -> Usage | None:
        """Tokens of the prompt with what tools added to it, and of the answer with its thoughts."""
        return usage_of(self.data)

    @property
    def _first(self) -> Mapping[str, Any]:
        return next(iter(self.candidates), {})

    def _blocks(self) -> Iterator[Block]:
        feedback = mapping(self.data.get("promptFeedback"))
        if reason := feedback.get("blockReason"):
            message = str(feedback.get("blockReasonMessage") or "")
            yield Block("prompt", str(reason), message, ratings(feedback.get("safetyRatings")))
        for index, candidate in enumerate(self.candidates):
            reason = candidate.get("finishReason")
            if reason in _BLOCKED:
                message = str(candidate.get("finishMessage") or "")
                found = ratings(candidate.get("safetyRatings"))
                yield Block("candidate", reason, message, found, index)


def text_of(parts: Sequence[Mapping[str, Any]], *, thoughts: bool) -> str:
    """The text of parts: the answer's, or the thoughts that went before it."""
    return "".join(str(part.get("text") or "") for part in parts
                   if bool(part.get("thought")) is thoughts)  # fmt: skip


def _media(parts: Sequence[Mapping[str, Any]]) -> Iterator[Media]:
    for part in parts:
        inline = mapping(part.get("inlineData"))
        data = inline.get("data")
        if not isinstance(data, str) or part.get("thought"):
            continue
        try:
            content = base64.b64decode(data.translate(_STANDARD), validate=True)
        except (binascii.Error, ValueError):
            continue
        yield Media(str(inline.get("mimeType") or ""), content)


_STANDARD = str.maketrans("-_", "+/")
"""From one alphabet of base64 to the other: Google uses both."""


def usage_of(data: Mapping[str, Any]) -> Usage | None:
    """The usage that an answer tells."""
    usage = data.get("usageMetadata")
    if not isinstance(usage, Mapping):
        return None
    thoughts = count(usage, "thoughtsTokenCount")
    return Usage(
        count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount"),
        count(usage, "candidatesTokenCount") + thoughts,
        cached_tokens=count(usage, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
    )


@dataclass(frozen=True, eq=False)
class GeminiEmbeddings(EmbeddingAnswer):
    """Vectors, one for each content."""

    @property
    def vectors(self) -> tuple[tuple[float, ...], ...]:
        """One vector a content."""
        listed = self.data.get("embeddings", [self.data.get("embedding")])
        return tuple(tuple(each.get("values") or ()) for each in objects(listed))

    @property
    def usage(self) -> Usage | None:
        """Tokens of the contents, where the provider tells them."""
        return usage_of(self.data)


@dataclass(frozen=True, eq=False)
class TokenCount(Answer):
    """How many tokens contents have."""

    @property
    def total_tokens(self) -> int:
        """All of them, the cached too."""
        return count(self.data, "totalTokens")


@dataclass(frozen=True, eq=False)
class GeminiPage(PageAnswer):
    """One page of models or files."""

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """What the page lists; an empty page has no list at all."""
        return next((objects(self.data[each]) for each in ("models", "files") if each in self), ())


@dataclass(frozen=True, eq=False)
class GeminiFile(Answer):
    """An uploaded file; its media type and URI make a part, by ``file_part``."""

    @property
    def file(self) -> Mapping[str, Any]:
        """The file's own JSON, which an upload answers within another object."""
        return mapping(self.data.get("file", self.data))

    @property
    def id(self) -> str:
        """Such as ``files/abc-123``."""
        return str(self.file.get("name") or "")

    @property
    def uri(self) -> str:
        """What a part names it by."""
        return str(self.file.get("uri") or "")

    @property
    def state(self) -> str:
        """``PROCESSING``, ``ACTIVE`` or ``FAILED``: a part can name only an active one."""
        return str(self.file.get("state") or "")
