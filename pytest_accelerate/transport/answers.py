"""What an operation gives: the provider's JSON as a mapping, and what is typed of it.

Nothing is copied or converted before it is asked for, and nothing that a provider adds is lost:
an answer *is* the JSON that came, and its properties read from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.transport.outcome import Reply

REAL, MOCK = "REAL", "MOCK"


@dataclass(frozen=True)
class Origin:
    """Where an answer comes from."""

    provider: str
    operation: str
    implementation_type: str
    """``REAL``: from a server; ``MOCK``: from a mock transport."""
    call_id: str
    """Our own id of the call."""
    request_id: str
    """The provider's own; empty where it gives none."""
    status: int


@dataclass(frozen=True)
class Usage:
    """What a call used, as far as the provider tells."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of the input tokens, those that the provider had kept."""
    reasoning_tokens: int = 0
    """Of the output tokens, those that are not shown."""
    cache_write_tokens: int = 0
    """Of the input tokens, those that the provider was made to keep, where that costs extra."""

    @property
    def total_tokens(self) -> int:
        """Input and output."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class ToolCall:
    """A function that a model wants to be called."""

    id: str
    """Empty where the provider gives none."""
    name: str
    arguments: Mapping[str, Any] | str
    """The arguments; the text as it came where it is no JSON object."""

    @classmethod
    def of_text(cls, id: str, name: str, arguments: str) -> ToolCall:
        """From a provider that sends arguments as JSON in a string."""
        try:
            parsed = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            parsed = None
        return cls(id, name, parsed if isinstance(parsed, dict) else arguments)


@dataclass(frozen=True)
class Answer(Mapping[str, Any]):
    """A JSON object, as it came."""

    data: Mapping[str, Any]
    origin: Origin

    media_types: ClassVar[tuple[str, ...]] = ("application/json",)
    """What the provider may answer with."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> Answer:
        """Read a reply.

        Raises:
            InvalidResponse: it is not JSON, or not an object.
        """
        return cls(parse_object(reply, cls.media_types), origin)

    @classmethod
    def of_events(cls, data: Mapping[str, Any], origin: Origin) -> Answer:
        """What a stream's events came to.

        Args:
            data: what :meth:`~pytest_accelerate.transport.events.StreamEvent.collect` gave.
            origin: of the call.
        """
        return cls(data, origin)

    @property
    def implementation_type(self) -> str:
        """``REAL`` or ``MOCK``."""
        return self.origin.implementation_type

    @property
    def request_id(self) -> str:
        """The provider's own id of the request; empty where it gives none."""
        return self.origin.request_id

    @property
    def usage(self) -> Usage | None:
        """What the call used; ``None`` where the provider does not tell."""
        return None

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True)
class ChatAnswer(Answer):
    """A message of a model; each provider's subclass reads its own JSON."""

    @property
    def text(self) -> str:
        """The text of the first message; empty where it has none."""
        raise NotImplementedError

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants to be called."""
        return ()

    @property
    def finish_reason(self) -> str:
        """Why the model stopped, in the provider's own word."""
        return ""

    @property
    def model(self) -> str:
        """The model that answered."""
        return str(self.data.get("model") or "")


@dataclass(frozen=True)
class EmbeddingAnswer(Answer):
    """Vectors, in the order of the inputs."""

    @property
    def vectors(self) -> tuple[tuple[float, ...], ...]:
        """One vector an input."""
        raise NotImplementedError


@dataclass(frozen=True)
class PageAnswer(Answer):
    """One page of a list."""

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """What the page lists."""
        listed = self.data.get("data")
        return tuple(listed) if isinstance(listed, list) else ()


@dataclass(frozen=True)
class ListAnswer(Answer):
    """A JSON list, as it came: ``answer["entries"]``, for an answer is a mapping."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> ListAnswer:
        """Read a reply.

        Raises:
            InvalidResponse: it is not JSON, or not a list.
        """
        return cls({"entries": parse_list(reply, cls.media_types)}, origin)

    @property
    def entries(self) -> Sequence[Any]:
        """What the list holds."""
        listed: Sequence[Any] = self.data["entries"]
        return listed


@dataclass(frozen=True)
class TextAnswer(Answer):
    """Text, as a transcription with ``response_format="text"`` gives."""

    content: str = ""
    media_types: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> TextAnswer:
        """Read a reply: JSON where it is, else the text itself."""
        if media_type(reply) == "application/json":
            data = parse_object(reply, ("application/json",))
            return cls(data, origin, str(data.get("text") or ""))
        try:
            return cls({}, origin, reply.body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidResponse(f"expected text in UTF-8: {error.reason}") from None

    @classmethod
    def of_events(cls, data: Mapping[str, Any], origin: Origin) -> TextAnswer:
        """What a stream's events came to."""
        return cls(data, origin, str(data.get("text") or ""))

    @property
    def text(self) -> str:
        """The text."""
        return self.content


@dataclass(frozen=True)
class BinaryAnswer(Answer):
    """Bytes: sound, or the content of a file."""

    content: bytes = field(default=b"", repr=False)
    content_type: str = ""
    media_types: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> BinaryAnswer:
        """Read a reply."""
        return cls({}, origin, bytes(reply.body), reply.headers.get("content-type", ""))

    def write_to(self, path: str | Path) -> Path:
        """Write the content into a file."""
        target = Path(path)
        target.write_bytes(self.content)
        return target


@dataclass(frozen=True)
class EmptyAnswer(Answer):
    """Nothing but that it was done."""

    media_types: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> EmptyAnswer:
        """Read a reply: a JSON object where there is one."""
        if reply.body and media_type(reply) == "application/json":
            return cls(parse_object(reply, ("application/json",)), origin)
        return cls({}, origin)


def media_type(reply: Reply) -> str:
    """The media type of a reply, without its parameters."""
    return str(reply.headers.get("content-type", "")).partition(";")[0].strip().lower()


def parse_object(reply: Reply, media_types: tuple[str, ...]) -> dict[str, Any]:
    """The JSON object that a reply holds.

    Raises:
        InvalidResponse: it holds none, or says that it is something else.
    """
    data = _parsed(reply, media_types)
    if not isinstance(data, dict):
        raise InvalidResponse(f"expected a JSON object, the answer is {reply.body[:80]!r}")
    return data


def parse_list(reply: Reply, media_types: tuple[str, ...]) -> list[Any]:
    """The JSON list that a reply holds.

    Raises:
        InvalidResponse: it holds none, or says that it is something else.
    """
    data = _parsed(reply, media_types)
    if not isinstance(data, list):
        raise InvalidResponse(f"expected a JSON list, the answer is {reply.body[:80]!r}")
    return data


def _parsed(reply: Reply, media_types: tuple[str, ...]) -> Any:
    found = media_type(reply)
    if found not in media_types and not found.endswith("+json"):
        raise InvalidResponse(
            f"expected {' or '.join(media_types)}, the answer is {found or 'of no content type'}: "
            f"{reply.body[:80]!r}"
        )
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(
            f"the answer is not JSON: {error or type(error).__name__}: {reply.body[:80]!r}"
        ) from None
