"""Hugging Face's Text Generation Inference, a server of models that write.

Source: https://huggingface.co/docs/text-generation-inference and the server's OpenAPI document,
``docs/openapi.json`` in https://github.com/huggingface/text-generation-inference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Unpack

from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.openai_completions import Completion
from pytest_accelerate.providers.openai_family import Messages
from pytest_accelerate.providers.operation import Effect, operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.prometheus import Metrics
from pytest_accelerate.providers.tgi_answers import (
    ChatTokens,
    Generation,
    TGIChat,
    TGIInfo,
    TGIModels,
    Tokens,
)
from pytest_accelerate.providers.tgi_stream import CHAT, COMPLETIONS, GENERATE, GENERATE_ONLY
from pytest_accelerate.transport.answers import EmptyAnswer
from pytest_accelerate.transport.credentials import Credential

Object = Mapping[str, Any]
Text = Annotated[str, Filled]


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """The prompt beside its parameters, as TGI's own routes have it."""
    inputs = {"inputs": values.pop("inputs")}
    return {**inputs, "parameters": values} if values else inputs


class TGI(Provider):
    """The client of a TGI server: by default the one on port 8080 of this machine.

    That is where TGI's documentation puts its container (``-p 8080:80``) in every example; a server
    that is started by ``text-generation-launcher`` alone listens on port 3000. ``TGI_BASE_URL``
    names another. A key is needed only where the server asks for one: its ``--api-key``, or a token
    of Hugging Face for an Inference Endpoint.
    """

    name = "tgi"
    default_base_url = "http://127.0.0.1:8080"
    base_url_variable = "TGI_BASE_URL"
    credential: ClassVar[Credential] = Credential(("TGI_API_KEY", "HF_TOKEN"), required=False)

    @operation("POST", "/generate", answer=Generation, streaming=GENERATE, shape=_nested)
    def generate(
        *,
        inputs: Text,
        adapter_id: str | None = None,
        best_of: int | None = None,
        decoder_input_details: bool | None = None,
        details: bool | None = None,
        do_sample: bool | None = None,
        frequency_penalty: float | None = None,
        grammar: Object | None = None,
        max_new_tokens: int | None = None,
        repetition_penalty: float | None = None,
        return_full_text: bool | None = None,
        seed: int | None = None,
        stop: Sequence[str] | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_n_tokens: int | None = None,
        top_p: float | None = None,
        truncate: int | None = None,
        typical_p: float | None = None,
        watermark: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Text that continues a prompt; ``generate_stream`` is the same that only streams.

        ``grammar`` is a mapping of ``type`` (``json``, ``regex``) and ``value`` (the schema, the
        expression); ``truncate`` is how many tokens of the prompt are kept. A stream takes neither
        ``best_of`` nor ``decoder_input_details``.
        """

    generate_stream = operation(
        "POST", "/generate_stream", answer=Generation, streaming=GENERATE_ONLY, shape=_nested
    )(generate.declared)

    @operation("POST", "/v1/chat/completions", answer=TGIChat, streaming=CHAT)
    def chat(
        *,
        messages: Messages,
        model: str | None = None,
        frequency_penalty: float | None = None,
        guideline: str | None = None,
        logit_bias: Sequence[float] | None = None,
        logprobs: bool | None = None,
        max_tokens: int | None = None,
        n: int | None = None,
        presence_penalty: float | None = None,
        response_format: Object | None = None,
        seed: int | None = None,
        stop: Sequence[str] | None = None,
        stream_options: Object | None = None,
        temperature: float | None = None,
        tool_choice: str | Object | None = None,
        tool_prompt: str | None = None,
        tools: Sequence[Object] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A message that continues a conversation, in OpenAI's protocol.

        ``model`` names an adapter, or nothing: one model is served. ``guideline`` is for chat
        templates that have a place for it; TGI reads neither ``n`` nor ``logit_bias``.
        """

    @operation("POST", "/v1/completions", answer=Completion, streaming=COMPLETIONS)
    def completions(
        *,
        prompt: Annotated[str | Sequence[str], Filled],
        model: str | None = None,
        frequency_penalty: float | None = None,
        max_tokens: int | None = None,
        repetition_penalty: float | None = None,
        seed: int | None = None,
        stop: Sequence[str] | None = None,
        suffix: str | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Texts that continue prompts, in OpenAI's older protocol.

        As many prompts as the server's ``max_client_batch_size`` at most; ``model`` names an
        adapter.
        """

    @operation("GET", "/v1/models", answer=TGIModels)
    def models_list(**options: Unpack[CallOptions]) -> None:
        """The one model that is served."""

    @operation("POST", "/tokenize", answer=Tokens, effect=Effect.READ)
    def tokenize(*, inputs: Text, **options: Unpack[CallOptions]) -> None:
        """The tokens of a text."""

    @operation("POST", "/chat_tokenize", answer=ChatTokens, effect=Effect.READ)
    def chat_tokenize(
        *,
        messages: Messages,
        model: str | None = None,
        guideline: str | None = None,
        response_format: Object | None = None,
        tool_choice: str | Object | None = None,
        tool_prompt: str | None = None,
        tools: Sequence[Object] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The prompt that a chat becomes, and its tokens; those of its parameters that shape it."""

    @operation("GET", "/info", answer=TGIInfo)
    def info(**options: Unpack[CallOptions]) -> None:
        """What is served, and within which limits."""

    @operation("GET", "/health", answer=EmptyAnswer)
    def health(**options: Unpack[CallOptions]) -> None:
        """Nothing where the server is well, after generating a token where it was idle.

        A sick one is :class:`~pytest_accelerate.errors.Overloaded`, after as many tries as the
        policy allows: ``max_tries=1`` asks once.
        """

    @operation("GET", "/metrics", answer=Metrics)
    def server_metrics(**options: Unpack[CallOptions]) -> None:
        """What the server counts of itself; ``client.metrics`` is what this client has done."""
