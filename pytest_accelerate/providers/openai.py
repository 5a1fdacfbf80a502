"""OpenAI: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Unpack

from pytest_accelerate.providers.openai_family import (
    CHAT_STREAM,
    ChatCompletion,
    Messages,
    OpenAICompatible,
)
from pytest_accelerate.providers.operation import operation
from pytest_accelerate.providers.parameters import CallOptions
from pytest_accelerate.transport.credentials import Credential


class OpenAI(OpenAICompatible):
    """The client of OpenAI's API."""

    name = "openai"
    default_base_url = "https://api.openai.com/v1"
    base_url_variable = "OPENAI_BASE_URL"
    credential: ClassVar[Credential] = Credential(("OPENAI_API_KEY",))

    @operation("POST", "/chat/completions", answer=ChatCompletion, streaming=CHAT_STREAM)
    def chat(
        *,
        model: str,
        messages: Messages,
        frequency_penalty: float | None = None,
        logit_bias: Mapping[str, int] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        presence_penalty: float | None = None,
        reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"]
        | None = None,
        response_format: Mapping[str, Any] | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        stream_options: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A message that continues a conversation."""
