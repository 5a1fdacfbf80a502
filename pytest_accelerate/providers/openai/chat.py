"""Chat completions: https://platform.openai.com/docs/api-reference/chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

from pytest_accelerate.providers.openai_family import CHAT_STREAM, ChatCompletion, Messages
from pytest_accelerate.providers.operation import operation
from pytest_accelerate.providers.parameters import CallOptions


class ChatOperations:
    """One operation, with all that goes into it."""

    @operation("POST", "/chat/completions", answer=ChatCompletion, streaming=CHAT_STREAM)
    def chat(
        *,
        model: str,
        messages: Messages,
        audio: Mapping[str, Any] | None = None,
        frequency_penalty: float | None = None,
        function_call: str | Mapping[str, Any] | None = None,
        functions: Sequence[Mapping[str, Any]] | None = None,
        logit_bias: Mapping[str, int] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        modalities: Sequence[Literal["text", "audio"]] | None = None,
        moderation: Mapping[str, Any] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        prediction: Mapping[str, Any] | None = None,
        presence_penalty: float | None = None,
        prompt_cache_key: str | None = None,
        prompt_cache_options: Mapping[str, Any] | None = None,
        prompt_cache_retention: Literal["in_memory", "24h"] | None = None,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
        | None = None,
        response_format: Mapping[str, Any] | None = None,
        safety_identifier: str | None = None,
        seed: int | None = None,
        service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None,
        stop: str | Sequence[str] | None = None,
        store: bool | None = None,
        stream_options: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        verbosity: Literal["low", "medium", "high"] | None = None,
        web_search_options: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A message that continues a conversation.

        Images and sound stand in ``messages``, as parts of a message's content. Tools answer as
        ``tool_calls``, a ``response_format`` with a JSON schema as ``parsed``. A stream tells its
        usage where ``stream_options={"include_usage": True}`` asks for it.
        """
