"""Responses: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Unpack

from pytest_accelerate.providers.openai.resources import AFTER, Deleted, Page
from pytest_accelerate.providers.openai_family import error_event, usage_of
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.reading import decoded, mapping, mappings, parsed, text_of
from pytest_accelerate.transport.answers import ChatAnswer, ToolCall, Usage
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, Streaming

Included = Sequence[
    Literal[
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.input_image.image_url",
        "message.output_text.logprobs",
        "reasoning.encrypted_content",
        "web_search_call.action.sources",
        "web_search_call.results",
    ]
]
"""What an answer holds only where it is asked for."""
ResponseInput = Annotated[str | Sequence[Mapping[str, Any]], Filled]
"""A text, or the items of a conversation."""


@dataclass(frozen=True, eq=False)
class Response(ChatAnswer):
    """One response: what the model said, and the calls it wants or made."""

    @property
    def id(self) -> str:
        """What ``previous_response_id`` and other calls name it by."""
        return text_of(self.data.get("id"))

    @property
    def status(self) -> str:
        """``completed``, ``incomplete``, ``failed``, ``in_progress``, ``queued``, ``cancelled``."""
        return text_of(self.data.get("status"))

    @property
    def error(self) -> str:
        """Why it failed; empty where it did not."""
        return text_of(mapping(self.data.get("error")).get("message"))

    @property
    def output(self) -> tuple[Mapping[str, Any], ...]:
        """All items: messages, reasoning, calls."""
        return tuple(mappings(self.data.get("output")))

    @property
    def text(self) -> str:
        """The text of all messages."""
        return "".join(text_of(part.get("text")) for part in self._parts("output_text"))

    @property
    def parsed(self) -> Any:
        """The text as JSON, where ``text`` asked for that format; ``None`` for no text.

        Raises:
            InvalidResponse: it is not JSON, as where it was cut off.
        """
        return parsed(self.text, f"finish_reason {self.finish_reason!r}")

    @property
    def refusal(self) -> str:
        """What the model said instead of an answer; empty where it gave one."""
        return "".join(text_of(part.get("refusal")) for part in self._parts("refusal"))

    @property
    def annotations(self) -> tuple[Mapping[str, Any], ...]:
        """The sources that the text names."""
        return tuple(each for part in self._parts("output_text")
                     for each in mappings(part.get("annotations")))  # fmt: skip

    @property
    def reasoning(self) -> str:
        """The summary of what the model thought, where it gives one."""
        return "\n".join(text_of(part.get("text")) for item in self._items("reasoning")
                         for part in mappings(item.get("summary")))  # fmt: skip

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions and custom tools that the model wants to be called."""
        return tuple(_tool_call(each) for each in self._items("function_call", "custom_tool_call"))

    @property
    def images(self) -> tuple[bytes, ...]:
        """The images that the model made with the image tool.

        Raises:
            InvalidResponse: one is no base64.
        """
        items = self._items("image_generation_call")
        return tuple(decoded([each["result"]]) for each in items if each.get("result"))

    @property
    def finish_reason(self) -> str:
        """Why it is incomplete, such as ``max_output_tokens``; else its status."""
        return text_of(mapping(self.data.get("incomplete_details")).get("reason")) or self.status

    @property
    def usage(self) -> Usage | None:
        """Tokens of input and output."""
        return usage_of(self.data)

    def _items(self, *types: str) -> Iterator[Mapping[str, Any]]:
        return (each for each in self.output if each.get("type") in types)

    def _parts(self, type: str) -> Iterator[Mapping[str, Any]]:
        return (part for item in self._items("message")
                for part in mappings(item.get("content")) if part.get("type") == type)  # fmt: skip


def _tool_call(item: Mapping[str, Any]) -> ToolCall:
    id, name = text_of(item.get("call_id")), text_of(item.get("name"))
    if item.get("type") == "custom_tool_call":
        return ToolCall(id, name, text_of(item.get("input")))
    return ToolCall.of_text(id, name, text_of(item.get("arguments")))


class ResponseEvent(StreamEvent):
    """One event of a response: ``type`` is one of the API's many, ``response.created`` on.

    A response that failed ends its stream as it answers a call: read its ``status``. An event
    ``error`` is an error.
    """

    __slots__ = ()

    @property
    def text(self) -> str:
        """The piece of text of ``response.output_text.delta``."""
        return text_of(self.data.get("delta")) if self.type == "response.output_text.delta" else ""

    @property
    def is_end(self) -> bool:
        """Whether the response is over."""
        return self.type in _ENDS

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream."""
        error = self.data.get("error") if not self.type.startswith("response.") else None
        if not error and self.type == "error":
            error = {key: value for key, value in self.data.items() if key != "type"}
        return error_event(error) if error else None

    @classmethod
    def collect(cls, events: Sequence[ResponseEvent]) -> dict[str, Any]:
        """The response as its last event holds it."""
        for event in reversed(events):
            if mapping(event.data.get("response")):
                return dict(event.data["response"])
        return {}


_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponseOperations:
    """What there is to do with responses."""

    @operation("POST", "/responses", answer=Response, streaming=Streaming(ResponseEvent))
    def responses(
        *,
        model: str | None = None,
        input: ResponseInput | None = None,
        access_programs: Mapping[str, Any] | None = None,
        background: bool | None = None,
        background_options: Mapping[str, Any] | None = None,
        context_management: Sequence[Mapping[str, Any]] | None = None,
        conversation: str | Mapping[str, Any] | None = None,
        image: Mapping[str, Any] | None = None,
        include: Included | None = None,
        instructions: str | None = None,
        max_output_tokens: int | None = None,
        max_tool_calls: int | None = None,
        metadata: Mapping[str, str] | None = None,
        moderation: Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        previous_response_id: str | None = None,
        prompt: Mapping[str, Any] | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: Mapping[str, Any] | None = None,
        prompt_cache_retention: Literal["in_memory", "24h"] | None = None,
        reasoning: Mapping[str, Any] | None = None,
        safety_identifier: str | None = None,
        service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"]
        | None = None,
        store: bool | None = None,
        stream_options: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        text: Mapping[str, Any] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        truncation: Literal["auto", "disabled"] | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A response to an input: text, images, files and sound, or a saved ``prompt``.

        The provider keeps it for a month unless ``store`` is ``False``.
        """

    @operation(
        "GET",
        "/responses/{response_id}",
        answer=Response,
        streaming=Streaming(ResponseEvent, query=(("stream", "true"),)),
    )
    def responses_get(
        *,
        response_id: str,
        include: Included | None = None,
        include_obfuscation: bool | None = None,
        starting_after: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A response that was kept; its stream goes on after the event ``starting_after``."""

    @operation("DELETE", "/responses/{response_id}", answer=Deleted)
    def responses_delete(*, response_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a response that was kept."""

    @operation(
        "POST",
        "/responses/{response_id}/cancel",
        answer=Response,
        encoding=Encoding.QUERY,
        effect=Effect.DELETE,
    )
    def responses_cancel(*, response_id: str, **options: Unpack[CallOptions]) -> None:
        """Stop a response that runs in the background."""

    @operation("GET", "/responses/{response_id}/input_items", answer=Page, paging=AFTER)
    def responses_input_items(
        *,
        response_id: str,
        after: str | None = None,
        include: Included | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What a response was made of."""
