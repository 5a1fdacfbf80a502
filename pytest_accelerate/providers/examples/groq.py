"""Groq's calls and answers: https://console.groq.com/docs/api-reference."""

from __future__ import annotations

from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply, sse_reply
from pytest_accelerate.providers.examples.openai.media import wav

_MODEL = "openai/gpt-oss-20b"
_TIME = 1_768_471_200
_ID = "chatcmpl-f51b2cd2-bef7-417e-964e-a08f0b513c22"
_REQUEST = "req_01jbd6g2qdfw2adyrt2az8hz4w"
_LINE = (
    b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": '
    b'"openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Say hello."}]}}\n'
)
_USAGE = {
    "queue_time": 0.018,
    "prompt_tokens": 72,
    "prompt_time": 0.003,
    "completion_tokens": 24,
    "completion_time": 0.024,
    "total_tokens": 96,
    "total_time": 0.027,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 9},
}


def _chat() -> Example:
    shared = {"id": _ID, "created": _TIME, "model": _MODEL, "system_fingerprint": "fp_2cc2f4dd16"}

    def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        return {**shared, "object": "chat.completion.chunk", "choices": [{**choice, **more}]}

    message = {"role": "assistant", "content": "Hello!", "reasoning": "They want a greeting."}
    return Example(
        {
            "model": _MODEL,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_completion_tokens": 64,
            "reasoning_effort": "low",
            "reasoning_format": "parsed",
            "temperature": 0.2,
            "seed": 7,
        },
        json_reply(
            {
                **shared,
                "object": "chat.completion",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": _USAGE,
                "x_groq": {"id": _REQUEST, "seed": 7},
                "service_tier": "on_demand",
            }
        ),
        sse_reply(
            [
                {**chunk({"role": "assistant", "content": ""}), "x_groq": {"id": _REQUEST}},
                chunk({"reasoning": "They want "}),
                chunk({"reasoning": "a greeting."}),
                chunk({"content": "Hello"}),
                chunk({"content": "!"}),
                {
                    **chunk({}, finish_reason="stop"),
                    "service_tier": "on_demand",
                    "x_groq": {"id": _REQUEST, "seed": 7, "usage": _USAGE},
                },
            ],
            end="[DONE]",
        ),
    )


_SOUND = ("hello.wav", wav(0.1), "audio/wav")
_FILE = {
    "id": "file_01jh6x76wtemjr74t1fh0faj5t",
    "object": "file",
    "bytes": len(_LINE),
    "created_at": _TIME,
    "filename": "batch.jsonl",
    "purpose": "batch",
}
_BATCH: dict[str, Any] = {
    "id": "batch_01jh6xa7reempvjyh6n3yst2zw",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "errors": None,
    "input_file_id": _FILE["id"],
    "completion_window": "24h",
    "status": "validating",
    "output_file_id": None,
    "error_file_id": None,
    "created_at": _TIME,
    "expires_at": _TIME + 86_400,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "metadata": None,
}
_LISTED = {
    "id": _MODEL,
    "object": "model",
    "created": 1_754_407_957,
    "owned_by": "OpenAI",
    "active": True,
    "context_window": 131_072,
    "public_apps": None,
    "max_completion_tokens": 65_536,
}
_BATCH_ID = {"batch_id": _BATCH["id"]}
_FILE_ID = {"file_id": _FILE["id"]}

EXAMPLES: dict[str, Example] = {
    "models_list": Example({}, json_reply({"object": "list", "data": [_LISTED]})),
    "models_get": Example({"model": _MODEL}, json_reply(_LISTED)),
    "models_delete": Example(
        {"model": "mine"},
        json_reply({"id": "mine", "object": "model", "deleted": True}),
        live=False,
    ),
    "chat": _chat(),
    "audio_speech": Example(
        {
            "model": "canopylabs/orpheus-v1-english",
            "input": "Hello.",
            "voice": "troy",
            "response_format": "wav",
        },
        CannedReply(wav(0.1), "audio/wav"),
    ),
    "audio_transcription": Example(
        {"model": "whisper-large-v3-turbo", "file": _SOUND, "language": "en"},
        json_reply({"text": " Hello.", "x_groq": {"id": _REQUEST}}),
    ),
    "audio_translation": Example(
        {"model": "whisper-large-v3", "file": _SOUND},
        json_reply({"text": " Hello.", "x_groq": {"id": _REQUEST}}),
    ),
    "embeddings": Example(
        {"model": "nomic-embed-text-v1_5", "input": "one"},
        json_reply(
            {
                "object": "list",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}],
                "model": "nomic-embed-text-v1_5",
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            }
        ),
    ),
    "files_upload": Example(
        {"file": ("batch.jsonl", _LINE), "purpose": "batch"}, json_reply(_FILE)
    ),
    "files_list": Example({}, json_reply({"object": "list", "data": [_FILE]})),
    "files_get": Example(_FILE_ID, json_reply(_FILE), live=False),
    "files_content": Example(_FILE_ID, CannedReply(_LINE, "application/octet-stream"), live=False),
    "files_delete": Example(
        _FILE_ID, json_reply({"id": _FILE["id"], "object": "file", "deleted": True}), live=False
    ),
    "batches_create": Example(
        {
            "completion_window": "24h",
            "endpoint": "/v1/chat/completions",
            "input_file_id": _FILE["id"],
        },
        json_reply(_BATCH),
        live=False,
    ),
    "batches_list": Example({}, json_reply({"object": "list", "data": [_BATCH]})),
    "batches_get": Example(_BATCH_ID, json_reply({**_BATCH, "status": "in_progress"}), live=False),
    "batches_cancel": Example(
        _BATCH_ID, json_reply({**_BATCH, "status": "cancelling"}), live=False
    ),
}
