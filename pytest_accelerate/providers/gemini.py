"""Gemini: https://ai.google.dev/api, version v1 as google-genai 3 asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Unpack
from urllib.parse import urlsplit

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers import pricing
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.gemini_answers import (
    GeminiAnswer,
    GeminiEmbeddings,
    GeminiFile,
    GeminiPage,
    TokenCount,
)
from pytest_accelerate.providers.gemini_chat import GeminiChat
from pytest_accelerate.providers.gemini_content import (
    Contents,
    content,
    contents,
    file_part,
    function_response,
    media_part,
)
from pytest_accelerate.providers.gemini_stream import GENERATE_STREAM
from pytest_accelerate.providers.gemini_upload import UploadOperation, file_body
from pytest_accelerate.providers.operation import Effect, Paging, operation
from pytest_accelerate.providers.parameters import CallOptions, File, Filled
from pytest_accelerate.providers.reading import mapping, mappings
from pytest_accelerate.transport.answers import Answer, BinaryAnswer, EmptyAnswer
from pytest_accelerate.transport.credentials import Credential

__all__ = ["Gemini", "file_part", "function_response", "media_part"]

Object = Mapping[str, Any]

_VERSION = re.compile(r"v\d+\w*")
_PAGES = Paging("page_token", lambda page: page.get("nextPageToken") or None)
_WIRE_NAMES = {"page_size": "pageSize", "page_token": "pageToken"}
_OF_REQUEST = ("safety_settings", "tools", "tool_config", "labels", "service_tier",
               "continuation_token", "store")  # fmt: skip
"""What of ``generate`` stands beside its ``generationConfig``; all else stands in it."""


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _generate_body(values: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"contents": contents(values.pop("contents"))}
    if "system_instruction" in values:
        body["systemInstruction"] = content(values.pop("system_instruction"))
    if "cached_content" in values:
        body["cachedContent"] = _within("cachedContents", values.pop("cached_content"))
    body |= {_camel(name): values.pop(name) for name in _OF_REQUEST if name in values}
    config = dict(values.pop("generation_config", {}))
    for name, value in values.items():
        if _camel(name) in config:
            raise InvalidParameters(f"parameter {name!r} is given in 'generation_config' as well")
        config[_camel(name)] = value
    return {**body, "generationConfig": config} if config else body


def _count_body(values: dict[str, Any]) -> dict[str, Any]:
    return {"contents": contents(values["contents"])}


def _embed_body(values: dict[str, Any]) -> dict[str, Any]:
    shaped = {"content": content(values.pop("content"))}
    return shaped | {_camel(name): value for name, value in values.items()}


def _batch_values(values: dict[str, Any]) -> dict[str, Any]:
    """One request of ``embed`` for each content, each with the model's name."""
    model, listed = values.pop("model"), values.pop("contents")
    requests = [{**_embed_body({"content": each, **values}), "model": model} for each in listed]
    return {"model": model, "requests": requests}


def _within(collection: str, name: str) -> str:
    """A resource's full name, from its full or its short one."""
    return f"{collection}/{name.removeprefix(f'{collection}/')}"


def _model_name(name: str) -> str:
    """The full name of a model, such as ``models/gemini-3.8-flash``.

    Raises:
        InvalidParameters: it is none, and would name another resource.
    """
    collection, slash, id = name.rpartition("/")
    if (slash and collection not in ("models", "tunedModels")) or not id.strip("."):
        raise InvalidParameters(f"parameter 'model': {name!r:.100} is no name of a model")
    return f"{collection or 'models'}/{id}"


class Gemini(Provider):
    """The client of Gemini's API, for developers; the key goes into a header.

    What stands within a parameter (a tool, a schema, a part) is written as in the API's reference
    and sent as it is.
    """

    name = "gemini"
    default_base_url = "https://generativelanguage.googleapis.com/v1"
    """A base URL without a version means v1; one that ends in ``/v1beta`` asks for that."""
    base_url_variable = "GOOGLE_GEMINI_BASE_URL"
    credential: ClassVar[Credential] = Credential(("GOOGLE_API_KEY", "GEMINI_API_KEY"))
    key_header = "x-goog-api-key"
    key_format = "{}"

    def cost(self, answer: Answer) -> float | None:
        """US dollars at the prices of :mod:`~pytest_accelerate.providers.pricing`; an estimate.

        ``None`` where no price is known: of anything but text, and of tools that Google ran.
        """
        usage = mapping(answer.get("usageMetadata"))
        counted = (each for name, each in usage.items() if name.endswith("TokensDetails"))
        kinds = {each.get("modality") for listed in counted for each in mappings(listed)}
        if kinds - {"TEXT"} or usage.get("toolUsePromptTokenCount"):
            return None
        return pricing.cost_of(self.name, answer)

    @operation(
        "POST", "/{model}:generateContent",
        answer=GeminiAnswer, streaming=GENERATE_STREAM, shape=_generate_body,
    )  # fmt: skip
    def generate(
        *,
        model: Annotated[str, Filled],
        contents: Contents,
        system_instruction: Annotated[str | Object | Sequence[str | Object], Filled] | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        top_k: float | None = None,
        candidate_count: int | None = None,
        max_output_tokens: int | None = None,
        stop_sequences: Sequence[str] | None = None,
        response_logprobs: bool | None = None,
        logprobs: int | None = None,
        presence_penalty: float | None = None,
        frequency_penalty: float | None = None,
        seed: int | None = None,
        response_mime_type: str | None = None,
        response_schema: Object | None = None,
        response_json_schema: Object | None = None,
        response_modalities: Sequence[str] | None = None,
        media_resolution: str | None = None,
        speech_config: Object | None = None,
        thinking_config: Object | None = None,
        image_config: Object | None = None,
        audio_transcription_config: Object | None = None,
        enable_enhanced_civic_answers: bool | None = None,
        generation_config: Object | None = None,
        safety_settings: Sequence[Object] | None = None,
        tools: Sequence[Object] | None = None,
        tool_config: Object | None = None,
        cached_content: Annotated[str, Filled] | None = None,
        labels: Mapping[str, str] | None = None,
        service_tier: Literal["unspecified", "flex", "standard", "priority"] | None = None,
        continuation_token: str | None = None,
        store: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A model's answer to a conversation; streamed from ``:streamGenerateContent``.

        The fields of the API's ``generationConfig`` are parameters of their own; those that are not
        declared here go into ``generation_config``, under the API's names.
        """

    @operation("POST", "/{model}:countTokens", answer=TokenCount, effect=Effect.READ,
               shape=_count_body)  # fmt: skip
    def count_tokens(
        *, model: Annotated[str, Filled], contents: Contents, **options: Unpack[CallOptions]
    ) -> None:
        """How many tokens contents have."""

    @operation("POST", "/{model}:embedContent", answer=GeminiEmbeddings, shape=_embed_body)
    def embed(
        *,
        model: Annotated[str, Filled],
        content: Annotated[str | Object | Sequence[str | Object], Filled],
        task_type: str | None = None,
        title: str | None = None,
        output_dimensionality: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The vector of one content."""

    @operation("POST", "/{model}:batchEmbedContents", answer=GeminiEmbeddings)
    def embed_batch(
        *,
        model: Annotated[str, Filled],
        contents: Annotated[Sequence[str | Object], Filled],
        task_type: str | None = None,
        title: str | None = None,
        output_dimensionality: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The vectors of several contents: each text, part or content in the list is one."""

    @operation("GET", "/models", answer=GeminiPage, paging=_PAGES)
    def models_list(
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        filter: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The models that there are, a page at a time."""

    @operation("GET", "/{model}", answer=Answer)
    def models_get(*, model: Annotated[str, Filled], **options: Unpack[CallOptions]) -> None:
        """One model: its limits, and what it can do."""

    @UploadOperation.of
    @operation("POST", "/upload/files", answer=GeminiFile, effect=Effect.CREATE, resend=False,
               shape=file_body)  # fmt: skip
    def files_upload(
        *,
        file: File,
        name: Annotated[str, Filled] | None = None,
        display_name: str | None = None,
        mime_type: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Upload a file, which parts can name for 48 hours, by ``file_part``."""

    @operation("GET", "/files", answer=GeminiPage, paging=_PAGES)
    def files_list(
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The uploaded files, a page at a time."""

    @operation("GET", "/files/{name}", answer=GeminiFile)
    def files_get(*, name: Annotated[str, Filled], **options: Unpack[CallOptions]) -> None:
        """One file: a film can be named by a part once its state is ``ACTIVE``."""

    @operation("GET", "/files/{name}:download", answer=BinaryAnswer)
    def files_download(*, name: Annotated[str, Filled], **options: Unpack[CallOptions]) -> None:
        """The content of a file that a model made; what was uploaded cannot be had back."""

    @operation("DELETE", "/files/{name}", answer=EmptyAnswer)
    def files_delete(*, name: Annotated[str, Filled], **options: Unpack[CallOptions]) -> None:
        """Delete a file."""

    def chat_session(
        self,
        *,
        model: str,
        history: str | Object | Sequence[str | Object] = (),
        **parameters: Any,
    ) -> GeminiChat:
        """A conversation that keeps what was said.

        Args:
            model: its name.
            history: what was said before, as ``contents`` of :attr:`generate`.
            parameters: of :attr:`generate`, for each message.
        """
        return GeminiChat(self, model, history, **parameters)

    def url(self, path: str) -> str:
        """The absolute URL of a path; the version of an upload's stands within."""
        root, _, last = self.base_url.rpartition("/")
        if not _VERSION.fullmatch(last) or not urlsplit(root).hostname:
            root, last = self.base_url, "v1"
        if path.startswith("/upload/"):
            return f"{root}/upload/{last}/{path.removeprefix('/upload/')}"
        return f"{root}/{last}{path}"

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """Full names of models, short names of files, and the names that a query has."""
        if "model" in values:
            values["model"] = _model_name(values["model"])
        if operation == "embed_batch":
            return _batch_values(values)
        if operation == "files_download":
            values["alt"] = "media"
        if operation.startswith("files_") and operation != "files_upload" and "name" in values:
            values["name"] = values["name"].removeprefix("files/")
        return {_WIRE_NAMES.get(name, name): value for name, value in values.items()}
