"""Images: https://platform.openai.com/docs/api-reference/images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Unpack

from pytest_accelerate.providers.openai_family import error_event, usage_of
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions, File, Files, Filled
from pytest_accelerate.providers.reading import decoded, mappings, text_of
from pytest_accelerate.transport.answers import Answer, Usage
from pytest_accelerate.transport.events import StreamEvent, StreamFailure, Streaming

Prompt = Annotated[str, Filled]
Background = Literal["transparent", "opaque", "auto"]
Complexity = Literal["low", "medium", "high"]
OutputFormat = Literal["png", "webp", "jpeg", "gif", "svg"]
Quality = Literal["low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"]
ResponseFormat = Literal["url", "b64_json"]


@dataclass(frozen=True, eq=False)
class Images(Answer):
    """The images that were made."""

    @property
    def images(self) -> tuple[bytes, ...]:
        """Their content; none where ``response_format="url"`` asked for addresses.

        Raises:
            InvalidResponse: one is no base64.
        """
        listed = mappings(self.data.get("data"))
        return tuple(decoded([each["b64_json"]]) for each in listed if each.get("b64_json"))

    @property
    def urls(self) -> tuple[str, ...]:
        """Their addresses, which hold for an hour; none where the content came."""
        listed = mappings(self.data.get("data"))
        return tuple(text_of(each["url"]) for each in listed if each.get("url"))

    @property
    def usage(self) -> Usage | None:
        """Tokens; ``None`` for a model that is paid by the image."""
        return usage_of(self.data)


class ImageEvent(StreamEvent):
    """``image_generation.`` or ``image_edit.``, then ``partial_image`` or ``completed``."""

    __slots__ = ()

    @property
    def image(self) -> bytes:
        """The image, or what there is of it so far.

        Raises:
            InvalidResponse: it is no base64.
        """
        content = self.data.get("b64_json")
        return decoded([content]) if content else b""

    @property
    def is_end(self) -> bool:
        """Whether it is the image itself."""
        return self.type.endswith(".completed")

    @property
    def failure(self) -> StreamFailure | None:
        """An error amid the stream."""
        error = self.data.get("error")
        if not error and self.type == "error":
            error = self.data
        return error_event(error) if error else None

    @classmethod
    def collect(cls, events: Sequence[ImageEvent]) -> dict[str, Any]:
        """The answer that the same call has without streaming."""
        whole: dict[str, Any] = {"data": []}
        for event in events:
            if event.is_end:
                data = event.data
                whole |= {key: data[key] for key in _KEPT if key in data}
                whole["created"] = data.get("created_at")
                whole["data"].append({"b64_json": data.get("b64_json")})
        return whole


_KEPT = ("background", "output_format", "quality", "safety_identifier", "size", "usage")

IMAGE_STREAM = Streaming(ImageEvent)


class ImageOperations:
    """Three ways to make an image; each costs as much as some thousand tokens."""

    @operation(
        "POST",
        "/images/generations",
        answer=Images,
        streaming=IMAGE_STREAM,
        effect=Effect.SPEND,
        resend=False,
    )
    def images_generate(
        *,
        prompt: Prompt,
        background: Background | None = None,
        complexity: Complexity | None = None,
        frame_count: int | None = None,
        frame_duration_ms: int | None = None,
        model: str | None = None,
        moderation: Literal["low", "auto"] | None = None,
        n: int | None = None,
        output_compression: int | None = None,
        output_format: OutputFormat | None = None,
        partial_images: int | None = None,
        quality: Quality | None = None,
        response_format: ResponseFormat | None = None,
        safety_identifier: str | None = None,
        size: str | None = None,
        style: Literal["vivid", "natural"] | None = None,
        svg: Mapping[str, Any] | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """An image of a description; its stream shows ``partial_images`` on the way."""

    @operation(
        "POST",
        "/images/edits",
        answer=Images,
        encoding=Encoding.FORM,
        streaming=IMAGE_STREAM,
        effect=Effect.SPEND,
        resend=False,
    )
    def images_edit(
        *,
        image: Files,
        prompt: Prompt,
        background: Background | None = None,
        complexity: Complexity | None = None,
        frame_count: int | None = None,
        frame_duration_ms: int | None = None,
        input_fidelity: Literal["high", "low"] | None = None,
        markup: File | None = None,
        mask: File | None = None,
        model: str | None = None,
        n: int | None = None,
        output_compression: int | None = None,
        output_format: OutputFormat | None = None,
        partial_images: int | None = None,
        quality: Quality | None = None,
        response_format: ResponseFormat | None = None,
        safety_identifier: str | None = None,
        size: str | None = None,
        svg: Mapping[str, Any] | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """An image made of one or several others; where ``mask`` is transparent it may change."""

    @operation(
        "POST",
        "/images/variations",
        answer=Images,
        encoding=Encoding.FORM,
        effect=Effect.SPEND,
        resend=False,
    )
    def images_variation(
        *,
        image: File,
        model: str | None = None,
        n: int | None = None,
        response_format: ResponseFormat | None = None,
        size: Literal["256x256", "512x512", "1024x1024"] | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """An image much like another: of dall-e-2 alone, a square PNG below 4 MB."""
