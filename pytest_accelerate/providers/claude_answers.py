"""What Claude's operations give: messages, token counts, batches with their results, models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_accelerate.errors import InvalidResponse, StatusError
from pytest_accelerate.providers.claude_stream import failure_of
from pytest_accelerate.providers.reading import mapping
from pytest_accelerate.transport.answers import Answer, ChatAnswer, Origin, ToolCall, Usage
from pytest_accelerate.transport.classify import status_error
from pytest_accelerate.transport.outcome import Reply


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


@dataclass(frozen=True, eq=False)
class Message(ChatAnswer):
    """One message: a list of blocks of text, thinking, tool use and what tools gave."""

    @property
    def id(self) -> str:
        """Such as ``msg_013Zva2CMHLNnXjNJJKqJ2EF``."""
        return str(self.data.get("id") or "")

    @property
    def content(self) -> tuple[Mapping[str, Any], ...]:
        """The blocks: to go on with the conversation, send them back as they are."""
        listed = self.data.get("content")
        return tuple(map(mapping, listed)) if isinstance(listed, list) else ()

    def blocks(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        """The blocks of one type, such as ``server_tool_use``."""
        return tuple(block for block in self.content if block.get("type") == kind)

    @property
    def text(self) -> str:
        """The text of all blocks; empty where there is none."""
        return "".join(str(block.get("text") or "") for block in self.blocks("text"))

    @property
    def thinking(self) -> str:
        """What the model thought before, as far as it is shown; empty where it did not."""
        return "".join(str(block.get("thinking") or "") for block in self.blocks("thinking"))

    @property
    def citations(self) -> tuple[Mapping[str, Any], ...]:
        """What the text cites, in its order."""
        return tuple(cited for block in self.blocks("text")
                     for cited in map(mapping, block.get("citations") or ()))  # fmt: skip

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model wants to be called here; not those that ran at the provider."""
        return tuple(
            ToolCall(
                str(block.get("id") or ""), str(block.get("name") or ""), _arguments(block)
            )
            for block in self.blocks("tool_use")
        )  # fmt: skip

    @property
    def finish_reason(self) -> str:
        """Such as ``end_turn``, ``max_tokens``, ``stop_sequence``, ``tool_use``, ``refusal``."""
        return str(self.data.get("stop_reason") or "")

    @property
    def refused(self) -> bool:
        """Whether the model declined to answer; ``self["stop_details"]`` may say why."""
        return self.finish_reason == "refusal"

    @property
    def usage(self) -> Usage | None:
        """Tokens; those of the input with what was read from and written into the cache."""
        usage = self.data.get("usage")
        if not isinstance(usage, Mapping):
            return None
        cached = _count(usage.get("cache_read_input_tokens"))
        written = _count(usage.get("cache_creation_input_tokens"))
        return Usage(
            input_tokens=_count(usage.get("input_tokens")) + written + cached,
            output_tokens=_count(usage.get("output_tokens")),
            cached_tokens=cached,
            cache_write_tokens=written,
            reasoning_tokens=_count(
                mapping(usage.get("output_tokens_details")).get("thinking_tokens")
            ),
        )


def _arguments(block: Mapping[str, Any]) -> Mapping[str, Any] | str:
    given = block.get("input")
    if isinstance(given, (Mapping, str)):
        return given
    return {} if given is None else json.dumps(given)


@dataclass(frozen=True, eq=False)
class TokenCount(Answer):
    """How many tokens a request has."""

    @property
    def input_tokens(self) -> int:
        """Of messages, system prompt and tools together."""
        return _count(self.data.get("input_tokens"))


@dataclass(frozen=True, eq=False)
class Batch(Answer):
    """A batch of messages."""

    @property
    def id(self) -> str:
        """Such as ``msgbatch_013Zva2CMHLNnXjNJJKqJ2EF``."""
        return str(self.data.get("id") or "")

    @property
    def status(self) -> str:
        """``in_progress``, ``canceling`` or ``ended``."""
        return str(self.data.get("processing_status") or "")

    @property
    def ended(self) -> bool:
        """Whether its results can be had."""
        return self.status == "ended"

    @property
    def counts(self) -> Mapping[str, int]:
        """How many requests are ``processing``, ``succeeded``, ``errored`` and so on."""
        return mapping(self.data.get("request_counts"))


@dataclass(frozen=True, eq=False)
class BatchResult(Answer):
    """What became of one request of a batch."""

    @property
    def custom_id(self) -> str:
        """The name that the request was given."""
        return str(self.data.get("custom_id") or "")

    @property
    def type(self) -> str:
        """``succeeded``, ``errored``, ``canceled`` or ``expired``."""
        return str(self._result.get("type") or "")

    @property
    def message(self) -> Message | None:
        """The answer; ``None`` where it did not succeed."""
        found = self._result.get("message")
        return Message(found, self.origin) if isinstance(found, Mapping) else None

    @property
    def error(self) -> StatusError | None:
        """What the same request raises on its own; ``None`` where it did not fail."""
        if self.type != "errored":
            return None
        told = mapping(self._result.get("error"))
        failure = failure_of(told)
        return status_error(failure.status)(
            f"{failure.code}: {failure.message}",
            provider=self.origin.provider,
            operation=self.origin.operation,
            status=failure.status,
            code=failure.code,
            request_id=str(told.get("request_id") or ""),
        )

    @property
    def _result(self) -> Mapping[str, Any]:
        return mapping(self.data.get("result"))


@dataclass(frozen=True, eq=False)
class BatchResults(Answer):
    """The results of a batch, by the name of their request; in no order of the provider's."""

    media_types: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> BatchResults:
        """Read a reply: one JSON object a line.

        Raises:
            InvalidResponse: a line is none, or names no request.
        """
        lines = [line for line in reply.body.split(b"\n") if line.strip()]
        entries = [_entry(number, line) for number, line in enumerate(lines, start=1)]
        return cls({entry["custom_id"]: entry for entry in entries}, origin)

    def results(self) -> Iterator[BatchResult]:
        """Each result, in the order in which they came."""
        return (BatchResult(entry, self.origin) for entry in self.data.values())


def _entry(number: int, line: bytes | bytearray) -> Mapping[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(
            f"line {number} of the results is not JSON: {error or type(error).__name__}: "
            f"{line[:80]!r}"
        ) from None
    if not isinstance(entry, dict) or not isinstance(entry.get("custom_id"), str):
        raise InvalidResponse(
            f"line {number} of the results is no object with a custom_id: {line[:80]!r}"
        )
    return entry


@dataclass(frozen=True, eq=False)
class Model(Answer):
    """One model."""

    @property
    def id(self) -> str:
        """What an operation takes as ``model``."""
        return str(self.data.get("id") or "")

    @property
    def max_input_tokens(self) -> int | None:
        """Size of its context window; ``None`` where the provider does not tell."""
        return _count(self.data.get("max_input_tokens")) or None

    @property
    def max_tokens(self) -> int | None:
        """The most that ``max_tokens`` may be; ``None`` where the provider does not tell."""
        return _count(self.data.get("max_tokens")) or None

    def supports(self, capability: str) -> bool | None:
        """Whether it has a capability, such as ``image_input``; ``None`` where nothing tells."""
        found = mapping(mapping(self.data.get("capabilities")).get(capability)).get("supported")
        return found if isinstance(found, bool) else None
