"""Groq: https://console.groq.com/docs/api-reference. OpenAI's protocol, and its own beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Unpack

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers import pricing
from pytest_accelerate.providers.groq_answers import GROQ_STREAM, GroqChat
from pytest_accelerate.providers.groq_models import Compatibility, Feature, compatibility
from pytest_accelerate.providers.openai.batches import Batch, BatchOperations
from pytest_accelerate.providers.openai.files import FileOperations, StoredFile
from pytest_accelerate.providers.openai.jsonl import checked_lines
from pytest_accelerate.providers.openai.models import ModelOperations
from pytest_accelerate.providers.openai.resources import Page
from pytest_accelerate.providers.openai_audio import Speech, Transcription
from pytest_accelerate.providers.openai_family import Embeddings, Messages, OpenAICompatible
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions, File, Filled
from pytest_accelerate.providers.reading import mapping, mappings
from pytest_accelerate.providers.tokens import count_tokens
from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.credentials import Credential

_API = "/openai/v1"


class Groq(OpenAICompatible):
    """The client of Groq's API."""

    name = "groq"
    default_base_url = f"https://api.groq.com{_API}"
    base_url_variable = "GROQ_BASE_URL"
    credential: ClassVar[Credential] = Credential(("GROQ_API_KEY",))

    count_tokens = staticmethod(count_tokens)
    """:func:`~pytest_accelerate.providers.tokens.count_tokens`: nothing is sent."""

    def _named_url(self) -> str:
        # Groq's own client takes the server's address there, without the path of the API.
        address = os.environ.get(self.base_url_variable, "").strip().rstrip("/")
        return address if not address or address.endswith(_API) else f"{address}{_API}"

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """Look at what Groq would refuse, and put a ``system`` prompt first.

        Raises:
            InvalidParameters: by the rules of Groq's API reference.
        """
        values = super().prepare(operation, values)
        if operation == "chat":
            return _with_system(_in_range(values))
        if operation in ("audio_transcription", "audio_translation"):
            _exactly_one(values, "file", "url")
        elif operation == "files_upload":
            return {**values, "file": checked_lines("file", values["file"])}
        return values

    def cost(self, answer: Answer) -> float | None:
        """US dollars at the prices of :mod:`~pytest_accelerate.providers.pricing`; an estimate.

        ``None`` where no price is known: of sound, of tools that Groq ran, of another tier.
        """
        if isinstance(answer, GroqChat) and (
            answer.executed_tools or answer.service_tier == "performance"
        ):
            return None
        # A compound system asks several models, each at its own price.
        if mappings(mapping(answer.get("usage_breakdown")).get("models")):
            return None
        return pricing.cost_of(self.name, answer)

    def check_model(
        self, model: str, feature: Feature = "chat", **options: Unpack[CallOptions]
    ) -> Compatibility:
        """Whether Groq serves a model now, and whether it can do something.

        Raises:
            InvalidParameters: no such feature is known.
            ProviderError: the list of models could not be had.
        """
        return compatibility(model, feature, mappings(self.models_list(**options).get("data")))

    async def acheck_model(
        self, model: str, feature: Feature = "chat", **options: Unpack[CallOptions]
    ) -> Compatibility:
        """The same for a task."""
        listed = await self.models_list.acall(**options)
        return compatibility(model, feature, mappings(listed.get("data")))

    @operation("POST", "/chat/completions", answer=GroqChat, streaming=GROQ_STREAM)
    def chat(
        *,
        model: Annotated[str, Filled],
        messages: Messages,
        system: Annotated[str, Filled] | None = None,
        citation_options: Literal["enabled", "disabled"] | None = None,
        compound_custom: Mapping[str, Any] | None = None,
        disable_tool_validation: bool | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        exclude_domains: Sequence[str] | None = None,
        frequency_penalty: float | None = None,
        function_call: str | Mapping[str, Any] | None = None,
        functions: Sequence[Mapping[str, Any]] | None = None,
        include_domains: Sequence[str] | None = None,
        include_reasoning: bool | None = None,
        logit_bias: Mapping[str, int] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        metadata: Mapping[str, str] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        presence_penalty: float | None = None,
        reasoning_effort: Literal["none", "default", "low", "medium", "high"] | None = None,
        reasoning_format: Literal["hidden", "raw", "parsed"] | None = None,
        response_format: Mapping[str, Any] | None = None,
        search_settings: Mapping[str, Any] | None = None,
        seed: int | None = None,
        service_tier: Literal["auto", "on_demand", "flex", "performance"] | None = None,
        stop: str | Sequence[str] | None = None,
        store: bool | None = None,
        temperature: float | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A message that continues a conversation.

        ``system`` is a prompt that goes before all messages, as a message of the role ``system``;
        a stream tells its usage without being asked.
        """

    @operation("POST", "/audio/speech", answer=Speech)
    def audio_speech(
        *,
        model: Annotated[str, Filled],
        input: Annotated[str, Filled],
        voice: str,
        response_format: Literal["flac", "mp3", "mulaw", "ogg", "wav"] | None = None,
        sample_rate: Literal[8000, 16000, 22050, 24000, 32000, 44100, 48000] | None = None,
        speed: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Speech as bytes; ``sample_rate`` in hertz."""

    @operation("POST", "/audio/transcriptions", answer=Transcription, encoding=Encoding.FORM)
    def audio_transcription(
        *,
        model: Annotated[str, Filled],
        file: File | None = None,
        url: str | None = None,
        language: str | None = None,
        prompt: str | None = None,
        response_format: Literal["json", "text", "verbose_json"] | None = None,
        temperature: float | None = None,
        timestamp_granularities: Sequence[Literal["word", "segment"]] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What is said in a sound file, or in that behind a URL, in its own language."""

    @operation("POST", "/audio/translations", answer=Transcription, encoding=Encoding.FORM)
    def audio_translation(
        *,
        model: Annotated[str, Filled],
        file: File | None = None,
        url: str | None = None,
        prompt: str | None = None,
        response_format: Literal["json", "text", "verbose_json"] | None = None,
        temperature: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What is said in a sound file, or in that behind a URL, in English."""

    @operation("POST", "/embeddings", answer=Embeddings)
    def embeddings(
        *,
        model: Annotated[str, Filled],
        input: Annotated[str | Sequence[str], Filled],
        encoding_format: Literal["float", "base64"] | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Vectors of texts."""

    models_delete = ModelOperations.models_delete
    files_get = FileOperations.files_get
    files_content = FileOperations.files_content
    files_delete = FileOperations.files_delete
    batches_get = BatchOperations.batches_get
    batches_cancel = BatchOperations.batches_cancel

    @operation(
        "POST",
        "/files",
        answer=StoredFile,
        encoding=Encoding.FORM,
        effect=Effect.CREATE,
        resend=False,
    )
    def files_upload(
        *, file: File, purpose: Literal["batch"], **options: Unpack[CallOptions]
    ) -> None:
        """Keep a file of JSON lines, up to 100 MB, one call of a batch each."""

    @operation("GET", "/files", answer=Page)
    def files_list(**options: Unpack[CallOptions]) -> None:
        """The files that are kept."""

    @operation("POST", "/batches", answer=Batch, effect=Effect.SPEND, resend=False)
    def batches_create(
        *,
        completion_window: Annotated[str, Filled],
        endpoint: Literal["/v1/chat/completions"],
        input_file_id: Annotated[str, Filled],
        metadata: Mapping[str, str] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Have the calls of a file answered within ``24h`` to ``7d``, for less."""

    @operation("GET", "/batches", answer=Page)
    def batches_list(**options: Unpack[CallOptions]) -> None:
        """The batches that there are."""


_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}


def _in_range(values: dict[str, Any]) -> dict[str, Any]:
    for name, (least, most) in _RANGES.items():
        if name in values and not least <= values[name] <= most:
            raise InvalidParameters(
                f"parameter {name!r}: expected {least} to {most}, not {values[name]}"
            )
    if "include_reasoning" in values and "reasoning_format" in values:
        raise InvalidParameters(
            "parameters 'include_reasoning' and 'reasoning_format' exclude each other"
        )
    return values


def _with_system(values: dict[str, Any]) -> dict[str, Any]:
    if "system" not in values:
        return values
    first = {"role": "system", "content": values["system"]}
    rest = {name: value for name, value in values.items() if name != "system"}
    return {**rest, "messages": [first, *values["messages"]]}


def _exactly_one(values: Mapping[str, Any], one: str, other: str) -> None:
    if (one in values) == (other in values):
        raise InvalidParameters(f"expected either {one!r} or {other!r}, and one of them alone")
