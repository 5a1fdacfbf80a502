"""Chats and text completions, with all that vLLM takes to sample them.

Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#extra-parameters
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Unpack

from pytest_accelerate.providers.llvm_answers import LLVMChat
from pytest_accelerate.providers.openai_completions import Completion, CompletionChunk
from pytest_accelerate.providers.openai_family import CHAT_STREAM, Messages
from pytest_accelerate.providers.operation import operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.transport.events import Streaming

Text = Annotated[str, Filled]
Prompt = Annotated[str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]], Filled]
"""A text or several, or the same as tokens."""
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Side = Literal["left", "right"]


class GenerationOperations:
    """Text that a model writes."""

    @operation("POST", "/chat/completions", answer=LLVMChat, streaming=CHAT_STREAM)
    def chat(
        *,
        model: Text,
        messages: Messages,
        # OpenAI's.
        frequency_penalty: float | None = None,
        logit_bias: Mapping[str, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        presence_penalty: float | None = None,
        reasoning_effort: Effort | None = None,
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
        # How vLLM samples.
        allowed_token_ids: Sequence[int] | None = None,
        bad_words: Sequence[str] | None = None,
        ignore_eos: bool | None = None,
        include_stop_str_in_output: bool | None = None,
        length_penalty: float | None = None,
        logprob_token_ids: Sequence[int] | None = None,
        min_p: float | None = None,
        min_tokens: int | None = None,
        prompt_logprobs: int | None = None,
        repetition_penalty: float | None = None,
        skip_special_tokens: bool | None = None,
        spaces_between_special_tokens: bool | None = None,
        stop_token_ids: Sequence[int] | None = None,
        top_k: int | None = None,
        truncate_prompt_tokens: int | None = None,
        truncation_side: Side | None = None,
        use_beam_search: bool | None = None,
        watermarking: bool | None = None,
        # What else vLLM takes.
        add_generation_prompt: bool | None = None,
        add_special_tokens: bool | None = None,
        cache_salt: str | None = None,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        continue_final_message: bool | None = None,
        documents: Sequence[Mapping[str, str]] | None = None,
        echo: bool | None = None,
        include_reasoning: bool | None = None,
        kv_transfer_params: Mapping[str, Any] | None = None,
        media_io_kwargs: Mapping[str, Any] | None = None,
        mm_processor_kwargs: Mapping[str, Any] | None = None,
        repetition_detection: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        return_prompt_text: bool | None = None,
        return_token_ids: bool | None = None,
        return_tokens_as_token_ids: bool | None = None,
        session_id: str | None = None,
        stream_interval: int | None = None,
        structured_outputs: Mapping[str, Any] | None = None,
        thinking_token_budget: int | None = None,
        vllm_xargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A message that continues a conversation.

        A server ignores what it does not know. A stream tells its usage where
        ``stream_options={"include_usage": True}`` asks for it.
        """

    @operation("POST", "/completions", answer=Completion, streaming=Streaming(CompletionChunk))
    def completions(
        *,
        model: Text,
        prompt: Prompt,
        # OpenAI's.
        echo: bool | None = None,
        frequency_penalty: float | None = None,
        logit_bias: Mapping[str, float] | None = None,
        logprobs: int | None = None,
        max_tokens: int | None = None,
        n: int | None = None,
        presence_penalty: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        stream_options: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        user: str | None = None,
        # How vLLM samples.
        allowed_token_ids: Sequence[int] | None = None,
        bad_words: Sequence[str] | None = None,
        ignore_eos: bool | None = None,
        include_stop_str_in_output: bool | None = None,
        length_penalty: float | None = None,
        logprob_token_ids: Sequence[int] | None = None,
        min_p: float | None = None,
        min_tokens: int | None = None,
        prompt_logprobs: int | None = None,
        repetition_penalty: float | None = None,
        skip_special_tokens: bool | None = None,
        spaces_between_special_tokens: bool | None = None,
        stop_token_ids: Sequence[int] | None = None,
        top_k: int | None = None,
        truncate_prompt_tokens: int | None = None,
        truncation_side: Side | None = None,
        use_beam_search: bool | None = None,
        watermarking: bool | None = None,
        # What else vLLM takes.
        add_special_tokens: bool | None = None,
        cache_salt: str | None = None,
        kv_transfer_params: Mapping[str, Any] | None = None,
        repetition_detection: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        response_format: Mapping[str, Any] | None = None,
        return_token_ids: bool | None = None,
        return_tokens_as_token_ids: bool | None = None,
        session_id: str | None = None,
        stream_interval: int | None = None,
        structured_outputs: Mapping[str, Any] | None = None,
        thinking_token_budget: int | None = None,
        vllm_xargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Text that continues a prompt, or one for each of several."""
