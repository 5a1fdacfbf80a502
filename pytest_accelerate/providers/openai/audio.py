"""Sound: https://platform.openai.com/docs/api-reference/audio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Unpack

from pytest_accelerate.providers.openai_audio import (
    SPEECH_STREAM,
    TRANSCRIPT_STREAM,
    Speech,
    Transcription,
)
from pytest_accelerate.providers.operation import Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions, File, Filled


class AudioOperations:
    """From text to speech and back."""

    @operation("POST", "/audio/speech", answer=Speech, streaming=SPEECH_STREAM)
    def audio_speech(
        *,
        model: str,
        input: Annotated[str, Filled],
        voice: str | Mapping[str, Any],
        instructions: str | None = None,
        response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None,
        speed: float | None = None,
        stream_format: Literal["audio"] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Speech as bytes; its stream asks for the ``stream_format`` ``sse`` by itself."""

    @operation(
        "POST",
        "/audio/transcriptions",
        answer=Transcription,
        encoding=Encoding.FORM,
        streaming=TRANSCRIPT_STREAM,
    )
    def audio_transcription(
        *,
        file: File,
        model: str,
        chunking_strategy: Literal["auto"] | Mapping[str, Any] | None = None,
        include: Sequence[Literal["logprobs"]] | None = None,
        keywords: Sequence[str] | None = None,
        known_speaker_names: Sequence[str] | None = None,
        known_speaker_references: Sequence[str] | None = None,
        language: str | None = None,
        languages: Sequence[str] | None = None,
        prompt: str | None = None,
        response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
        | None = None,
        temperature: float | None = None,
        timestamp_granularities: Sequence[Literal["word", "segment"]] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What is said in a sound file, in its own language."""

    @operation("POST", "/audio/translations", answer=Transcription, encoding=Encoding.FORM)
    def audio_translation(
        *,
        file: File,
        model: str,
        prompt: str | None = None,
        response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] | None = None,
        temperature: float | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """What is said in a sound file, in English."""
