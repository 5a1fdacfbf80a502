"""Claude: https://platform.claude.com/docs/en/api/overview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Unpack

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers import pricing
from pytest_accelerate.providers.claude_answers import (
    Batch,
    BatchResults,
    Message,
    Model,
    TokenCount,
)
from pytest_accelerate.providers.claude_resources import ClaudeResources
from pytest_accelerate.providers.claude_stream import MessageEvent
from pytest_accelerate.providers.operation import Effect, Encoding, Paging, operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.reading import mapping
from pytest_accelerate.transport.answers import Answer, PageAnswer
from pytest_accelerate.transport.credentials import Credential
from pytest_accelerate.transport.events import Streaming

Messages = Annotated[Sequence[Mapping[str, Any]], Filled]
Tools = Sequence[Mapping[str, Any]]
Text = str | Sequence[Mapping[str, Any]]

MESSAGE_STREAM = Streaming(MessageEvent)


def _beyond(name: str) -> Any:
    return lambda page: page.get(name) if page.get("has_more") else None


_BY_ID = Paging("after_id", _beyond("last_id"), back=Paging("before_id", _beyond("first_id")))


class Claude(ClaudeResources):
    """The client of Anthropic's API for Claude.

    A key that may act on several workspaces names one by the header ``anthropic-workspace-id``, and
    a call on behalf of somebody else by ``anthropic-user-profile-id``; beta features are asked for
    by ``anthropic-beta``: for all calls by ``headers``, for one by ``extra_headers``.
    """

    name = "claude"
    default_base_url = "https://api.anthropic.com"
    base_url_variable = "ANTHROPIC_BASE_URL"
    credential: ClassVar[Credential] = Credential(("ANTHROPIC_API_KEY",))
    # The version that the parameters and answers here are those of.
    fixed_headers: ClassVar[Mapping[str, str]] = {"anthropic-version": "2026-10-21"}

    def cost(self, answer: Answer) -> float | None:
        """US dollars at the prices of :mod:`~pytest_accelerate.providers.pricing`; an estimate.

        ``None`` where no price is known: of tools that Anthropic ran, of what is kept for an hour,
        of another tier, speed or place.
        """
        usage = mapping(answer.get("usage"))
        kept = mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")
        elsewhere = usage.get("inference_geo") not in (None, "", "global", "not_available")
        other = usage.get("server_tool_use") or usage.get("speed") == "fast"
        return None if kept or other or elsewhere else pricing.cost_of(self.name, answer)

    @operation("POST", "/v1/messages", answer=Message, streaming=MESSAGE_STREAM)
    def messages(
        *,
        model: str,
        max_tokens: int,
        messages: Messages,
        cache_control: Mapping[str, Any] | None = None,
        container: str | Mapping[str, Any] | None = None,
        diagnostics: Mapping[str, Any] | None = None,
        inference_geo: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        output_config: Mapping[str, Any] | None = None,
        service_tier: Literal["auto", "standard_only"] | None = None,
        speed: Literal["standard", "fast"] | None = None,
        stop_sequences: Sequence[str] | None = None,
        system: Text | None = None,
        thinking: Mapping[str, Any] | None = None,
        tool_choice: Mapping[str, Any] | None = None,
        tools: Tools | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Answer a conversation: https://platform.claude.com/docs/en/api/messages/create.

        Images and documents are blocks of a message's content. ``max_tokens=0`` only fills the
        prompt cache. What models of before take, such as ``temperature``, goes through
        ``extra_body``.
        """

    @operation("POST", "/v1/messages/count_tokens", answer=TokenCount, effect=Effect.READ)
    def count_tokens(
        *,
        model: str,
        messages: Messages,
        cache_control: Mapping[str, Any] | None = None,
        output_config: Mapping[str, Any] | None = None,
        speed: Literal["standard", "fast"] | None = None,
        system: Text | None = None,
        thinking: Mapping[str, Any] | None = None,
        tool_choice: Mapping[str, Any] | None = None,
        tools: Tools | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """How many tokens a message would have: free of charge, and nothing is answered."""

    @operation("POST", "/v1/messages/batches", answer=Batch, effect=Effect.SPEND, resend=False)
    def batches_create(
        *,
        requests: Annotated[Sequence[Mapping[str, Any]], Filled],
        **options: Unpack[CallOptions],
    ) -> None:
        """Have many messages answered within a day.

        Each request is ``{"custom_id": ..., "params": {...}}``, with the parameters of
        :attr:`messages`: https://platform.claude.com/docs/en/build-with-claude/batch-processing.
        """

    @operation("GET", "/v1/messages/batches/{message_batch_id}", answer=Batch)
    def batches_get(*, message_batch_id: str, **options: Unpack[CallOptions]) -> None:
        """One batch, and how far it is."""

    @operation("GET", "/v1/messages/batches", answer=PageAnswer, paging=_BY_ID)
    def batches_list(
        *,
        after_id: str | None = None,
        before_id: str | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The batches, newest first."""

    @operation(
        "POST",
        "/v1/messages/batches/{message_batch_id}/cancel",
        answer=Batch,
        encoding=Encoding.QUERY,
        effect=Effect.DELETE,
    )
    def batches_cancel(*, message_batch_id: str, **options: Unpack[CallOptions]) -> None:
        """Stop a batch; what is answered already keeps its result."""

    @operation("DELETE", "/v1/messages/batches/{message_batch_id}", answer=Answer)
    def batches_delete(*, message_batch_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a batch that has ended."""

    @operation(
        "GET",
        "/v1/messages/batches/{message_batch_id}/results",
        answer=BatchResults,
        headers={"accept": "application/binary"},
    )
    def batches_results(*, message_batch_id: str, **options: Unpack[CallOptions]) -> None:
        """The results of a batch that has ended, by the name of their request."""

    @operation("GET", "/v1/models", answer=PageAnswer, paging=_BY_ID)
    def models_list(
        *,
        after_id: str | None = None,
        before_id: str | None = None,
        lifecycle: Sequence[Literal["active", "deprecated", "retired"]] | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The models that there are, newest first."""

    @operation("GET", "/v1/models/{model_id}", answer=Model)
    def models_get(*, model_id: str, **options: Unpack[CallOptions]) -> None:
        """One model, by its name or an alias."""

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """What is sent for checked parameters.

        Raises:
            InvalidParameters: a message without content, or no files.
        """
        if "messages" in values:
            _refuse_empty(values["messages"], "messages")
        for index, request in enumerate(values.get("requests") or ()):
            params = request.get("params")
            if isinstance(params, Mapping):
                _refuse_empty(params.get("messages"), f"requests[{index}].params.messages")
        return super().prepare(operation, values)


def _refuse_empty(messages: Any, name: str) -> None:
    """Refuse what Claude would: only the last message may be empty, where it is the assistant's.

    Raises:
        InvalidParameters: there is no message, or one has no content.
    """
    if not isinstance(messages, Sequence) or not messages:
        raise InvalidParameters(f"parameter {name!r} must not be empty")
    for index, message in enumerate(messages):
        last = index == len(messages) - 1
        if not isinstance(message, Mapping) or (last and message.get("role") == "assistant"):
            continue
        content = message.get("content")
        if not (content.strip() if isinstance(content, str) else content):
            raise InvalidParameters(f"parameter {name!r}: message {index} has no content")
