"""The routes of OVMS for models that generate: OpenAI's protocol, and Cohere's for reranking.

Source: https://docs.openvino.ai/2026/model-server/ovms_docs_clients_genai.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Unpack

from pytest_accelerate.providers.llvm_answers import Reranked
from pytest_accelerate.providers.openai.images import Images
from pytest_accelerate.providers.openai_audio import Speech, Transcription
from pytest_accelerate.providers.openai_completions import Completion, CompletionChunk
from pytest_accelerate.providers.openai_family import (
    CHAT_STREAM,
    ChatCompletion,
    Embeddings,
    Messages,
    Model,
    Models,
)
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.ovms_answers import TokenIds
from pytest_accelerate.providers.parameters import CallOptions, File, Filled
from pytest_accelerate.transport.events import Streaming

Text = Annotated[str, Filled]
Texts = Annotated[str | Sequence[str], Filled]
_API = "/v3"


class GenerativeOperations:
    """Text, vectors, images and sound; ``model`` is the name that the server gives it."""

    @operation("GET", f"{_API}/models", answer=Models)
    def models_list(**options: Unpack[CallOptions]) -> None:
        """The models that there are."""

    @operation("GET", f"{_API}/models/{{model}}", answer=Model)
    def models_get(*, model: Text, **options: Unpack[CallOptions]) -> None:
        """One model."""

    @operation("POST", f"{_API}/chat/completions", answer=ChatCompletion, streaming=CHAT_STREAM)
    def chat(
        *,
        model: Text,
        messages: Messages,
        frequency_penalty: float | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        n: int | None = None,
        presence_penalty: float | None = None,
        response_format: Mapping[str, Any] | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        stream_options: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        top_p: float | None = None,
        # Beyond OpenAI's.
        assistant_confidence_threshold: float | None = None,
        best_of: int | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        ignore_eos: bool | None = None,
        include_stop_str_in_output: bool | None = None,
        length_penalty: float | None = None,
        max_ngram_size: int | None = None,
        num_assistant_tokens: int | None = None,
        repetition_penalty: float | None = None,
        skip_special_tokens: bool | None = None,
        top_k: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A message that continues a conversation.

        Images stand in ``messages``, as parts of a message's content. A stream tells its usage
        where ``stream_options={"include_usage": True}`` asks for it.
        """

    @operation(
        "POST",
        f"{_API}/completions",
        answer=Completion,
        streaming=Streaming(CompletionChunk),
    )
    def completions(
        *,
        model: Text,
        prompt: Text,
        echo: bool | None = None,
        frequency_penalty: float | None = None,
        logprobs: int | None = None,
        max_tokens: int | None = None,
        n: int | None = None,
        presence_penalty: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        stream_options: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        # Beyond OpenAI's.
        assistant_confidence_threshold: float | None = None,
        best_of: int | None = None,
        ignore_eos: bool | None = None,
        include_stop_str_in_output: bool | None = None,
        length_penalty: float | None = None,
        max_ngram_size: int | None = None,
        num_assistant_tokens: int | None = None,
        repetition_penalty: float | None = None,
        top_k: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Text that continues a prompt: one, as OVMS takes no list of them."""

    @operation("POST", f"{_API}/embeddings", answer=Embeddings)
    def embeddings(
        *,
        model: Text,
        input: Texts,
        encoding_format: Literal["float", "base64"] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Vectors of texts."""

    @operation("POST", f"{_API}/rerank", answer=Reranked)
    def rerank(
        *,
        model: Text,
        query: Text,
        documents: Annotated[Sequence[str], Filled],
        top_n: int | None = None,
        return_documents: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """How well documents fit a query: from 0 to 1, best first."""

    @operation("POST", f"{_API}/tokenize", answer=TokenIds, effect=Effect.READ)
    def tokenize(
        *,
        model: Text,
        text: Texts,
        add_special_tokens: bool | None = None,
        max_length: int | None = None,
        pad_to_max_length: bool | None = None,
        padding_side: Literal["left", "right"] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The tokens of a text, or of several."""

    @operation(
        "POST",
        f"{_API}/images/generations",
        answer=Images,
        effect=Effect.SPEND,
        resend=False,
    )
    def images_generate(
        *,
        model: Text,
        prompt: Text,
        n: int | None = None,
        response_format: Literal["b64_json"] | None = None,
        size: str | None = None,
        # Beyond OpenAI's.
        guidance_scale: float | None = None,
        max_sequence_length: int | None = None,
        negative_prompt: str | None = None,
        negative_prompt_2: str | None = None,
        negative_prompt_3: str | None = None,
        num_inference_steps: int | None = None,
        prompt_2: str | None = None,
        prompt_3: str | None = None,
        rng_seed: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """An image of a description; ``size`` is such as ``512x512``, in pixels."""

    @operation(
        "POST",
        f"{_API}/images/edits",
        answer=Images,
        encoding=Encoding.FORM,
        effect=Effect.SPEND,
        resend=False,
    )
    def images_edit(
        *,
        model: Text,
        image: File,
        prompt: Text,
        mask: File | None = None,
        n: int | None = None,
        response_format: Literal["b64_json"] | None = None,
        size: str | None = None,
        # Beyond OpenAI's.
        guidance_scale: float | None = None,
        negative_prompt: str | None = None,
        num_inference_steps: int | None = None,
        rng_seed: int | None = None,
        strength: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """An image made of another; ``strength`` (0 to 1) says how far it may go from that."""

    @operation("POST", f"{_API}/audio/speech", answer=Speech)
    def audio_speech(
        *,
        model: Text,
        input: Text,
        voice: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Speech as bytes, in the format WAV."""

    @operation("POST", f"{_API}/audio/transcriptions", answer=Transcription, encoding=Encoding.FORM)
    def audio_transcription(
        *,
        model: Text,
        file: File,
        language: str | None = None,
        temperature: float | None = None,
        timestamp_granularities: Sequence[Literal["word", "segment"]] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What is said in a sound file (WAV, MP3), in its own language."""

    @operation("POST", f"{_API}/audio/translations", answer=Transcription, encoding=Encoding.FORM)
    def audio_translation(
        *,
        model: Text,
        file: File,
        temperature: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What is said in a sound file (WAV, MP3), in English."""
