"""OPEA, the Open Platform for Enterprise AI: https://opea-project.github.io.

Its microservices (https://github.com/opea-project/GenAIComps) and the megaservice of ChatQnA
(https://github.com/opea-project/GenAIExamples/tree/main/ChatQnA), which many deployments run.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Unpack

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.opea_answers import (
    Done,
    Files,
    Guarded,
    Health,
    Heard,
    Indices,
    OpeaChat,
    Reranked,
    Retrieved,
    Spoken,
    Statistics,
)
from pytest_accelerate.providers.opea_services import (
    OPERATIONS,
    ServiceOperation,
    by_operation,
    checked,
    on_host,
)
from pytest_accelerate.providers.opea_stream import OPEA_STREAM
from pytest_accelerate.providers.openai_audio import Speech, Transcription
from pytest_accelerate.providers.openai_family import Embeddings
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions, File, Filled
from pytest_accelerate.providers.parameters import Files as FileList
from pytest_accelerate.transport.credentials import Credential

if TYPE_CHECKING:
    import httpx

Text = Annotated[str, Filled]
Messages = Annotated[str | Sequence[Mapping[str, Any]], Filled]
Documents = Annotated[Sequence[str | Mapping[str, Any]], Filled]
Embedding = Annotated[Sequence[float] | Sequence[Sequence[float]] | Mapping[str, Any], Filled]
SearchType = Literal[
    "similarity", "similarity_distance_threshold", "similarity_score_threshold", "mmr"
]


def _links_as_json(values: dict[str, Any]) -> dict[str, Any]:
    if "link_list" not in values:
        return values
    return {**values, "link_list": json.dumps(list(values["link_list"]))}


def _sound_as_base64(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "audio": base64.b64encode(values["audio"]).decode()}


class OPEA(Provider):
    """The client of an OPEA deployment: one URL for all of it, or one for each service.

    ::

        OPEA()                                         # ChatQnA's megaservice on this machine
        OPEA(base_url="https://opea.example")          # a gateway before all services
        OPEA(services={"embedding": "http://10.0.0.5:6000", "retrieval": "http://10.0.0.6:7000"})
        OPEA(services=OPEA.on_host("10.0.0.5"))        # all on one host, on OPEA's own ports

    A key is needed only where a gateway asks for one.
    """

    name = "opea"
    default_base_url = "http://127.0.0.1:8888"
    base_url_variable = "OPEA_BASE_URL"
    credential: ClassVar[Credential] = Credential(("OPEA_API_KEY",), required=False)

    on_host = staticmethod(on_host)
    """:func:`~pytest_accelerate.providers.opea_services.on_host`: the URLs of all services."""

    def __init__(
        self,
        api_key: str | Sequence[str] | None = None,
        *,
        base_url: str | None = None,
        services: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """Make a client; nothing is imported or connected before the first call.

        Args:
            api_key: as :class:`Provider` has it; it goes to each service that is called.
            base_url: where every operation goes that ``services`` does not name. Where it is not
                given, variables such as ``OPEA_EMBEDDING_URL`` name the URLs of services too.
            services: URLs by the name of a service (``embedding``, ``retriever``, ``reranking``,
                ``llm``, ``dataprep``, ``guardrails``, ``asr``, ``tts``, ``chatqna``) or of a
                single operation, whose own URL wins.
            more: the other arguments of :class:`Provider`.

        Raises:
            UnsafeCredentials: a file of keys that others can read.
            InvalidParameters: a URL, a service or an operation that there is not.
        """
        super().__init__(api_key, base_url=base_url, **more)
        known = self.operations()
        named = {} if base_url else checked(_named_services(), known)
        given = {**named, **checked(services or {}, known)}
        self.services: Mapping[str, str] = given
        """The URLs that were given or named, by service or operation."""
        self._places = {known[name].declaration.path: url for name, url in by_operation(given)}

    def url(self, path: str) -> str:
        """The absolute URL of a path: below that of the service which has it."""
        return f"{self._places.get(path, self.base_url)}{path}"

    def pooled_transport(self) -> httpx.BaseTransport:
        """Connections to each service, by the proxy and the certificates that it needs."""
        from pytest_accelerate.providers.opea_transport import PooledByOrigin

        return PooledByOrigin()

    def looped_transport(self) -> httpx.AsyncBaseTransport:
        """The same for the running event loop."""
        from pytest_accelerate.providers.opea_transport import LoopedByOrigin

        return LoopedByOrigin()

    def service_url(self, service: str) -> str:
        """Where a service is, by its name or by that of an operation.

        Raises:
            InvalidParameters: there is none of this name.
        """
        checked({service: self.base_url}, self.operations())
        for name in OPERATIONS.get(service, (service,)):
            path = self.operations()[name].declaration.path
            if path in self._places:
                return self._places[path]
        return self.base_url

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """Look at what the services would refuse.

        Raises:
            InvalidParameters: by the rules of OPEA's own types.
        """
        if operation == "dataprep_ingest":
            return _ingested(values)
        if operation == "retrieval" and not values.keys() & {"embedding", "text", "input"}:
            raise InvalidParameters("expected an 'embedding', a 'text' or an 'input' to look for")
        return values

    @operation("POST", "/v1/chatqna", answer=OpeaChat, streaming=OPEA_STREAM)
    def chatqna(
        *,
        messages: Messages,
        model: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        frequency_penalty: float | None = None,
        presence_penalty: float | None = None,
        repetition_penalty: float | None = None,
        chat_template: str | None = None,
        search_type: SearchType | None = None,
        k: int | None = None,
        fetch_k: int | None = None,
        distance_threshold: float | None = None,
        score_threshold: float | None = None,
        lambda_mult: float | None = None,
        top_n: int | None = None,
        index_name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """An answer from the documents that were ingested.

        ``messages`` is a question, or a conversation. Of ``k`` documents that are near to it, the
        best ``top_n`` are given to the model. ``chat_template`` has ``{context}`` and
        ``{question}`` in it.
        """

    @operation("POST", "/v1/chat/completions", answer=OpeaChat, streaming=OPEA_STREAM)
    def chat(
        *,
        messages: Messages,
        model: str | None = None,
        documents: Sequence[str | Mapping[str, Any]] | None = None,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        add_generation_prompt: bool | None = None,
        add_special_tokens: bool | None = None,
        best_of: int | None = None,
        echo: bool | None = None,
        frequency_penalty: float | None = None,
        language: str | None = None,
        logit_bias: Mapping[str, float] | None = None,
        logprobs: bool | None = None,
        max_tokens: int | None = None,
        modalities: Sequence[Literal["text", "audio"]] | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        presence_penalty: float | None = None,
        repetition_penalty: float | None = None,
        response_format: Mapping[str, Any] | None = None,
        seed: int | None = None,
        service_tier: str | None = None,
        stop: str | Sequence[str] | None = None,
        stream_options: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        temperature: float | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        top_k: int | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        typical_p: float | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A message of the model alone; ``documents`` are put before the question."""

    @operation("POST", "/v1/embeddings", answer=Embeddings)
    def embeddings(
        *,
        input: Annotated[str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]], Filled],
        model: str | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        dimensions: int | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Vectors of texts."""

    @operation("POST", "/v1/retrieval", answer=Retrieved)
    def retrieval(
        *,
        embedding: Embedding | None = None,
        text: str | Sequence[str] | None = None,
        input: str | None = None,
        search_type: SearchType | None = None,
        k: int | None = None,
        fetch_k: int | None = None,
        distance_threshold: float | None = None,
        score_threshold: float | None = None,
        lambda_mult: float | None = None,
        index_name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The ``k`` documents that are nearest to an embedding.

        With ``text`` the answer names the question too; with ``input`` it tells the metadata of
        each document. ``embedding`` may also be what :attr:`embeddings` gave.
        """

    @operation("POST", "/v1/reranking", answer=Reranked)
    def rerank(
        *,
        input: Text,
        retrieved_docs: Documents,
        top_n: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The best ``top_n`` of some documents for a question: texts, or as they were retrieved."""

    @operation(
        "POST",
        "/v1/dataprep/ingest",
        answer=Done,
        encoding=Encoding.FORM,
        effect=Effect.CREATE,
        resend=False,
        shape=_links_as_json,
        bracketed=False,
    )
    def dataprep_ingest(
        *,
        files: FileList | None = None,
        link_list: Annotated[Sequence[str], Filled] | None = None,
        chunk_size: int | None = None,
        chunk_overlap: int | None = None,
        process_table: bool | None = None,
        table_strategy: str | None = None,
        index_name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Put documents into the store: either files, or the pages behind links.

        A file's name is what the document is called, and its ending says how it is read: bytes are
        given as ``("name.txt", content)``. Chunks are of ``chunk_size`` characters. The answer
        comes when all is in the store: give it the ``timeout`` that takes.
        """

    @operation("POST", "/v1/dataprep/get", answer=Files, effect=Effect.READ)
    def dataprep_list(*, index_name: str | None = None, **options: Unpack[CallOptions]) -> None:
        """The files and links that were ingested."""

    @operation(
        "POST", "/v1/dataprep/delete", answer=Done, effect=Effect.DELETE, resend=False
    )  # sent twice, the second finds nothing and says so
    def dataprep_delete(
        *, file_path: Text, index_name: str | None = None, **options: Unpack[CallOptions]
    ) -> None:
        """Remove a document by its name, or with ``all`` every one."""

    @operation("POST", "/v1/dataprep/indices", answer=Indices, effect=Effect.READ)
    def dataprep_indices(**options: Unpack[CallOptions]) -> None:
        """The indices that documents are in; services on Redis have them."""

    @operation("POST", "/v1/guardrails", answer=Guarded)
    def guardrails(
        *,
        text: Text,
        prompt: str | None = None,
        output_guardrail_params: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Whether a question may go on, or, with its ``prompt``, what a model answered."""

    @operation(
        "POST",
        "/v1/audio/transcriptions",
        answer=Transcription,
        encoding=Encoding.FORM,
        bracketed=False,
    )
    def audio_transcription(
        *,
        file: File,
        model: str | None = None,
        language: str | None = None,
        prompt: str | None = None,
        response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] | None = None,
        temperature: float | None = None,
        timestamp_granularities: Sequence[Literal["word", "segment"]] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What is said in a sound file; ``language`` is a word, such as ``english``."""

    @operation("POST", "/v1/audio/speech", answer=Speech)
    def audio_speech(
        *,
        input: Text,
        model: str | None = None,
        voice: str | None = None,
        response_format: str | None = None,
        speed: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A text as sound, in bytes."""

    @operation("POST", "/v1/asr", answer=Heard, shape=_sound_as_base64)
    def asr(*, audio: Annotated[bytes, Filled], **options: Unpack[CallOptions]) -> None:
        """What is said in a sound, whose bytes are sent in JSON; Whisper's own server has it."""

    @operation("POST", "/v1/tts", answer=Spoken)
    def tts(*, text: Text, **options: Unpack[CallOptions]) -> None:
        """A text as sound, which comes in JSON; SpeechT5's own server has it."""

    @ServiceOperation.of
    @operation("GET", "/v1/health_check", answer=Health)
    def health(*, service: str | None = None, **options: Unpack[CallOptions]) -> None:
        """That a service is there: the one of the base URL, or ``service`` by its name."""

    @ServiceOperation.of
    @operation("GET", "/v1/statistics", answer=Statistics)
    def statistics(*, service: str | None = None, **options: Unpack[CallOptions]) -> None:
        """How long the calls of a service took; likewise."""


def _named_services() -> dict[str, str]:
    named = {name: os.environ.get(f"OPEA_{name.upper()}_URL", "").strip() for name in OPERATIONS}
    return {name: url for name, url in named.items() if url}


def _ingested(values: dict[str, Any]) -> dict[str, Any]:
    if ("files" in values) == ("link_list" in values):
        raise InvalidParameters(
            "expected either 'files' or 'link_list': the services look at one of them alone"
        )
    given = values.get("files")
    files = given if isinstance(given, list) else [given]
    if given is not None and not files:
        raise InvalidParameters("parameter 'files' must not be empty")
    if any(isinstance(each, (bytes, bytearray, memoryview)) for each in files):
        raise InvalidParameters(
            "parameter 'files': a document needs a name, whose ending says how it is read: "
            "give ('name.txt', content)"
        )
    return values
