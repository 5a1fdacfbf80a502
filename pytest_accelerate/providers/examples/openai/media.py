"""Images and sound, each made here and tiny."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply, sse_reply
from pytest_accelerate.providers.examples.openai.text import CREATED


def png(size: int) -> bytes:
    """A square, black and wholly transparent."""

    def part(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    row = b"\0" + bytes(4 * size)
    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    pixels = zlib.compress(row * size)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", pixels) + part(b"IEND", b"")


def wav(seconds: float) -> bytes:
    """Silence, as 8000 samples a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * int(8000 * seconds)))
    return file.getvalue()


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


_SQUARE = ("square.png", png(256), "image/png")
_SOUND = ("sound.wav", wav(1.0), "audio/wav")
_IMAGE = _encoded(png(2))
_LOOKS = {
    "background": "opaque",
    "output_format": "png",
    "quality": "low",
    "size": "1024x1024",
}
_USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    "output_tokens": 272,
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 272},
    "total_tokens": 282,
}
_IMAGES = json_reply(
    {"created": CREATED, **_LOOKS, "data": [{"b64_json": _IMAGE}], "usage": _USAGE}
)


def _image_stream(kind: str) -> CannedReply:
    shared = {"b64_json": _IMAGE, "created_at": CREATED, **_LOOKS}
    partial = {"type": f"{kind}.partial_image", **shared, "partial_image_index": 0}
    return sse_reply(
        [partial, {"type": f"{kind}.completed", **shared, "usage": _USAGE}], named=True
    )


_HEARD: dict[str, Any] = {
    "type": "tokens",
    "input_tokens": 10,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 10},
    "output_tokens": 2,
    "total_tokens": 12,
}

EXAMPLES: dict[str, Example] = {
    "images_generate": Example(
        {
            "model": "gpt-image-1-mini",
            "prompt": "A black square.",
            "quality": "low",
            "size": "1024x1024",
        },
        _IMAGES,
        _image_stream("image_generation"),
    ),
    "images_edit": Example(
        {
            "model": "gpt-image-1-mini",
            "image": _SQUARE,
            "prompt": "A white square.",
            "quality": "low",
        },
        _IMAGES,
        _image_stream("image_edit"),
    ),
    "images_variation": Example(
        {"image": _SQUARE, "n": 1, "size": "256x256"},
        json_reply({"created": CREATED, "data": [{"url": "https://images.example/1.png"}]}),
    ),
    "audio_speech": Example(
        {
            "model": "gpt-4o-mini-tts",
            "input": "Hello.",
            "voice": "alloy",
            "response_format": "wav",
        },
        CannedReply(wav(0.01), "audio/wav"),
        sse_reply(
            [
                {"type": "speech.audio.delta", "audio": _encoded(wav(0.01)[:100])},
                {"type": "speech.audio.delta", "audio": _encoded(wav(0.01)[100:])},
                {
                    "type": "speech.audio.done",
                    "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
                },
            ]
        ),
    ),
    "audio_transcription": Example(
        {"model": "gpt-4o-mini-transcribe", "file": _SOUND, "temperature": 0.5},
        json_reply({"text": "Hello there.", "usage": _HEARD}),
        sse_reply(
            [
                {"type": "transcript.text.delta", "delta": "Hello"},
                {"type": "transcript.text.delta", "delta": " there."},
                {"type": "transcript.text.done", "text": "Hello there.", "usage": _HEARD},
            ]
        ),
    ),
    "audio_translation": Example(
        {"model": "whisper-1", "file": _SOUND}, json_reply({"text": "Hello there."})
    ),
}
