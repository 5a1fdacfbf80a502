"""Examples of Gemini's operations, after https://ai.google.dev/api."""

from __future__ import annotations

from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply, sse_reply

_MODEL = "gemini-3.8-flash"
_EMBEDDER = "gemini-embedding-001"
_UPLOADS = "https://generativelanguage.googleapis.com/upload/v1/files"

_USAGE: dict[str, Any] = {
    "promptTokenCount": 4,
    "candidatesTokenCount": 3,
    "totalTokenCount": 7,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4}],
}


def _answer(text: str, **candidate: Any) -> dict[str, Any]:
    return {
        "candidates": [
            {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **candidate}
        ],
        "usageMetadata": _USAGE,
        "modelVersion": _MODEL,
        "responseId": "example-response",
    }


_DESCRIBED: dict[str, Any] = {
    "name": f"models/{_MODEL}",
    "version": "3.8",
    "displayName": "Gemini 3.8 Flash",
    "description": "An example.",
    "inputTokenLimit": 1048576,
    "outputTokenLimit": 65536,
    "supportedGenerationMethods": ["generateContent", "countTokens"],
    "temperature": 1,
    "topP": 0.95,
    "topK": 64,
    "maxTemperature": 2,
    "thinking": True,
}

_FILE: dict[str, Any] = {
    "name": "files/example-file",
    "displayName": "note.txt",
    "mimeType": "text/plain",
    "sizeBytes": "5",
    "createTime": "2026-03-01T09:30:00.000000Z",
    "updateTime": "2026-03-01T09:30:00.000000Z",
    "expirationTime": "2026-03-03T09:30:00.000000Z",
    "sha256Hash": "MmNmMjRkYmE1ZmIwYTMwZTI2ZTgzYjJhYzViOWUyOWU=",
    "uri": "https://generativelanguage.googleapis.com/v1/files/example-file",
    "state": "ACTIVE",
    "source": "UPLOADED",
}

_GENERATE = Example(
    {"model": _MODEL, "contents": "Say hi.", "max_output_tokens": 16},
    json_reply(_answer("Hi there!", finishReason="STOP")),
    sse_reply([_answer("Hi "), _answer("there!", finishReason="STOP")]),
)

EXAMPLES: dict[str, Example] = {
    "generate": _GENERATE,
    "count_tokens": Example(
        {"model": _MODEL, "contents": "Say hi."},
        json_reply(
            {"totalTokens": 4, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4}]}
        ),
    ),
    "embed": Example(
        {"model": _EMBEDDER, "content": "hi", "output_dimensionality": 128},
        json_reply({"embedding": {"values": [0.25, -0.5, 0.125]}}),
    ),
    "embed_batch": Example(
        {"model": _EMBEDDER, "contents": ["hi", "ho"], "output_dimensionality": 128},
        json_reply({"embeddings": [{"values": [0.25, -0.5]}, {"values": [0.125, 1.0]}]}),
    ),
    "models_list": Example(
        {"page_size": 2}, json_reply({"models": [_DESCRIBED], "nextPageToken": "example-token"})
    ),
    "models_get": Example({"model": _MODEL}, json_reply(_DESCRIBED)),
    "files_upload": Example(
        {"file": ("note.txt", b"hello", "text/plain"), "display_name": "note.txt"},
        # One answer for both requests: the first reads where to upload, the second the file.
        json_reply(
            {"file": _FILE},
            **{
                "x-goog-upload-url": f"{_UPLOADS}?upload_id=example&upload_protocol=resumable",
                "x-goog-upload-status": "final",
            },
        ),
    ),
    "files_list": Example(
        {"page_size": 2}, json_reply({"files": [_FILE], "nextPageToken": "example-token"})
    ),
    "files_get": Example({"name": "files/example-file"}, json_reply(_FILE), live=False),
    "files_download": Example(
        {"name": "files/example-file"},
        CannedReply(b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        live=False,
    ),
    "files_delete": Example({"name": "files/example-file"}, json_reply({}), live=False),
}
