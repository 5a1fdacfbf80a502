"""Ollama, a server of models on one's own machine: https://docs.ollama.com/api."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Unpack
from urllib.parse import urlsplit

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.ollama_answers import (
    Embedding,
    Embeddings,
    ListedModels,
    OllamaChat,
    OllamaGeneration,
    OllamaModel,
    Progress,
    SystemOne,
    Version,
)
from pytest_accelerate.providers.ollama_images import with_images
from pytest_accelerate.providers.ollama_stream import (
    ChatPart,
    GeneratePart,
    ProgressPart,
    lines_of,
)
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions, File, Filled
from pytest_accelerate.transport.answers import EmptyAnswer
from pytest_accelerate.transport.credentials import Credential

Text = Annotated[str, Filled]
Messages = Annotated[Sequence[Mapping[str, Any]], Filled]


def _created(values: dict[str, Any]) -> dict[str, Any]:
    values = with_images(values)
    if "from_" in values:
        values["from"] = values.pop("from_")
    return values


class Ollama(Provider):
    """The client of an Ollama server: by default the one on this machine, or ``OLLAMA_HOST``.

    A key is needed only where the server is one that asks for it, such as Ollama's cloud.
    """

    name = "ollama"
    default_base_url = "http://127.0.0.1:11434"
    base_url_variable = "OLLAMA_HOST"
    credential: ClassVar[Credential] = Credential(("OLLAMA_API_KEY",), required=False)

    def _named_url(self) -> str:
        host = os.environ.get(self.base_url_variable, "").strip()
        return url_of_host(host) if host else ""

    @operation(
        "POST", "/api/chat", answer=OllamaChat, streaming=lines_of(ChatPart), shape=with_images
    )
    def chat(
        *,
        model: Text,
        messages: Messages,
        tools: Sequence[Mapping[str, Any]] | None = None,
        think: bool | str | None = None,
        logprobs: bool | None = None,
        top_logprobs: int | None = None,
        format: Literal["", "json"] | Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        keep_alive: float | str | None = None,
        **call_options: Unpack[CallOptions],
    ) -> None:
        """A message that continues a conversation.

        A message's ``images`` are bytes, paths, or text in base64. ``options`` are the model's own,
        such as ``temperature`` and ``num_predict``; ``keep_alive`` is seconds, or text such as
        ``"5m"``.
        """

    @operation(
        "POST",
        "/api/generate",
        answer=OllamaGeneration,
        streaming=lines_of(GeneratePart),
        shape=with_images,
    )
    def generate(
        *,
        model: Text,
        prompt: Text | None = None,
        suffix: str | None = None,
        system: str | None = None,
        template: str | None = None,
        context: Sequence[int] | None = None,
        think: bool | str | None = None,
        logprobs: bool | None = None,
        top_logprobs: int | None = None,
        raw: bool | None = None,
        format: Literal["", "json"] | Mapping[str, Any] | None = None,
        images: Sequence[Any] | None = None,
        options: Mapping[str, Any] | None = None,
        keep_alive: float | str | None = None,
        width: int | None = None,
        height: int | None = None,
        steps: int | None = None,
        **call_options: Unpack[CallOptions],
    ) -> None:
        """Text that continues a prompt; without one, the model is only loaded.

        ``images`` are bytes, paths, or text in base64; ``width``, ``height`` (pixels) and ``steps``
        are for models that make images.
        """

    @operation("POST", "/api/embed", answer=Embeddings)
    def embed(
        *,
        model: Text,
        input: Annotated[str | Sequence[str], Filled],
        truncate: bool | None = None,
        options: Mapping[str, Any] | None = None,
        keep_alive: float | str | None = None,
        dimensions: int | None = None,
        **call_options: Unpack[CallOptions],
    ) -> None:
        """Vectors of texts, of unit length."""

    @operation("POST", "/api/embeddings", answer=Embedding)
    def embeddings(
        *,
        model: Text,
        prompt: Text,
        options: Mapping[str, Any] | None = None,
        keep_alive: float | str | None = None,
        **call_options: Unpack[CallOptions],
    ) -> None:
        """The vector of one text; an older form of :attr:`embed`."""

    @operation("POST", "/v1/systemone", answer=SystemOne)
    def systemone(
        *,
        model: Text,
        state: Annotated[str | Mapping[str, Any] | Sequence[Any], Filled],
        questions: Annotated[Mapping[str, Any], Filled],
        keep_alive: float | str | None = None,
        **call_options: Unpack[CallOptions],
    ) -> None:
        """Probabilities of answers to questions of choice, truth and score about a state."""

    @operation(
        "POST",
        "/api/pull",
        answer=Progress,
        streaming=lines_of(ProgressPart),
        effect=Effect.CREATE,
    )
    def pull(
        *, model: Text, insecure: bool | None = None, **call_options: Unpack[CallOptions]
    ) -> None:
        """Download a model; what a broken pull has brought is kept, so it may be sent again.

        Streamed, it tells its progress; otherwise the answer is the last status, and comes when
        all is there: give it the ``timeout`` that takes.
        """

    @operation(
        "POST",
        "/api/push",
        answer=Progress,
        streaming=lines_of(ProgressPart),
        effect=Effect.CREATE,
        resend=False,
    )
    def push(
        *, model: Text, insecure: bool | None = None, **call_options: Unpack[CallOptions]
    ) -> None:
        """Upload a model to the library, under ``namespace/name:tag``."""

    @operation(
        "POST",
        "/api/create",
        answer=Progress,
        streaming=lines_of(ProgressPart),
        effect=Effect.CREATE,
        resend=False,
        shape=_created,
    )
    def create(
        *,
        model: Text,
        quantize: str | None = None,
        from_: str | None = None,
        files: Mapping[str, str] | None = None,
        adapters: Mapping[str, str] | None = None,
        template: str | None = None,
        license: str | Sequence[str] | None = None,
        system: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        **call_options: Unpack[CallOptions],
    ) -> None:
        """Make a model of another (``from_``), or of files: names to digests of blobs."""

    @operation(
        "POST",
        "/api/blobs/{digest}",
        answer=EmptyAnswer,
        encoding=Encoding.CONTENT,
        effect=Effect.CREATE,
    )
    def blobs_create(*, digest: Text, file: File, **call_options: Unpack[CallOptions]) -> None:
        """Upload a file for :attr:`create`, under its :func:`blob_digest`."""

    @operation("GET", "/api/tags", answer=ListedModels)
    def tags(**call_options: Unpack[CallOptions]) -> None:
        """The models that the server has."""

    @operation("GET", "/api/ps", answer=ListedModels)
    def ps(**call_options: Unpack[CallOptions]) -> None:
        """The models that are loaded."""

    @operation("POST", "/api/show", answer=OllamaModel, effect=Effect.READ)
    def show(
        *, model: Text, verbose: bool | None = None, **call_options: Unpack[CallOptions]
    ) -> None:
        """All about one model: its parameters, template, licence and capabilities."""

    @operation("POST", "/api/copy", answer=EmptyAnswer, effect=Effect.CREATE)
    def copy(*, source: Text, destination: Text, **call_options: Unpack[CallOptions]) -> None:
        """Give a model another name too."""

    @operation(
        "DELETE", "/api/delete", answer=EmptyAnswer, encoding=Encoding.JSON, resend=False
    )  # sent twice, the second finds nothing and says so
    def delete(*, model: Text, **call_options: Unpack[CallOptions]) -> None:
        """Remove a model."""

    @operation("GET", "/api/version", answer=Version)
    def version(**call_options: Unpack[CallOptions]) -> None:
        """The version of the server."""


def blob_digest(path: str | os.PathLike[str]) -> str:
    """What a file is called on the server: ``sha256:`` and its hash."""
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def url_of_host(host: str) -> str:
    """The URL that ``OLLAMA_HOST`` means: scheme, address, port and path may each be left out.

    Raises:
        InvalidParameters: it cannot be read.
    """
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "http", host
    otherwise = {"http": 80, "https": 443}.get(scheme, 11434) if separator else 11434
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = parts.port or otherwise
    except ValueError as error:
        raise InvalidParameters(f"OLLAMA_HOST: {error}", provider="ollama") from None
    if "@" in parts.netloc or parts.query:
        raise InvalidParameters("OLLAMA_HOST: a key belongs into OLLAMA_API_KEY, not into a URL",
                                provider="ollama")  # fmt: skip
    path = parts.path.strip("/")
    return f"{scheme}://{_bracketed(parts.hostname or '127.0.0.1')}:{port}{'/' * bool(path)}{path}"


def _bracketed(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host
