"""OPEA's calls and answers: https://github.com/opea-project/GenAIComps, ``comps/cores/proto``."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply, sse_reply

_MODEL = "meta-llama/Meta-Llama-3-8B-Instruct"
_QUESTION = "When was the lighthouse built?"
_DOCUMENT = "The lighthouse was built in 1785."
_ID = "9b0d2f2c0a5c4d6f8e7a6b5c4d3e2f10"
_WAV = (
    b"RIFF\x28\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00"
    b"\x02\x00\x10\x00data\x04\x00\x00\x00\x00\x00\xff\x7f"
)
"""Two samples of silence and noise, at 16 kHz."""
_SOUND = base64.b64encode(_WAV).decode()


def _completion(model: str, text: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-3vqJ8mXbq5bq7uVJ9cS4Zk",
        "object": "chat.completion",
        "created": 1_768_471_200,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "audio": None},
                "finish_reason": "stop",
                "metadata": None,
            }
        ],
        "usage": {"prompt_tokens": 0, "total_tokens": 0, "completion_tokens": 0, **more},
    }


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-3vqJ8mXbq5bq7uVJ9cS4Zk",
        "object": "chat.completion.chunk",
        "created": 1_768_471_200,
        "model": _MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }


def _pieces(texts: Sequence[str]) -> CannedReply:
    """As the megaservice writes them: each piece is the ``repr`` of its bytes."""
    frames = [f"data: {text.encode()!r}\n\n" for text in texts]
    return CannedReply("".join([*frames, "data: [DONE]\n\n"]).encode(), "text/event-stream")


EXAMPLES: dict[str, Example] = {
    "chatqna": Example(
        {"messages": _QUESTION, "max_tokens": 32, "k": 2, "top_n": 1},
        json_reply(_completion("chatqna", "Built in 1785, the café's log says.")),
        _pieces(["Built in", " 1785,", " the café's", " log says."]),
    ),
    "chat": Example(
        {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16},
        json_reply(
            _completion(_MODEL, "Hello!", prompt_tokens=12, total_tokens=14, completion_tokens=2)
        ),
        sse_reply(
            [
                _chunk({"role": "assistant", "content": ""}),
                _chunk({"role": None, "content": "Hello"}),
                _chunk({"role": None, "content": "!"}),
                _chunk({"role": None, "content": None}, "stop"),
            ],
            end="[DONE]",
        ),
    ),
    "embeddings": Example(
        {"input": ["one", "two"]},
        json_reply(
            {
                "object": "list",
                "model": "BAAI/bge-base-en-v1.5",
                "data": [
                    {"index": 0, "object": "embedding", "embedding": [0.6, 0.8]},
                    {"index": 1, "object": "embedding", "embedding": [-0.8, 0.6]},
                ],
                "usage": {"prompt_tokens": 2, "total_tokens": 2, "completion_tokens": 0},
            }
        ),
    ),
    "retrieval": Example(
        {"embedding": [0.6, 0.8], "text": _QUESTION, "k": 1},
        json_reply(
            {
                "id": _ID,
                "retrieved_docs": [{"downstream_black_list": [], "id": _ID, "text": _DOCUMENT}],
                "initial_query": _QUESTION,
                "top_n": 1,
                "metadata": [{"source": "anholt.txt"}],
            }
        ),
    ),
    "rerank": Example(
        {"input": _QUESTION, "retrieved_docs": ["Coal burns.", _DOCUMENT], "top_n": 1},
        json_reply({"reranked_docs": [{"text": _DOCUMENT, "score": 0.97}]}),
    ),
    "dataprep_ingest": Example(
        {"files": ("anholt.txt", _DOCUMENT.encode()), "chunk_size": 500, "chunk_overlap": 0},
        json_reply({"status": 200, "message": "Data preparation succeeded"}),
    ),
    "dataprep_list": Example(
        {},
        json_reply([{"name": "anholt.txt", "id": "anholt.txt", "type": "File", "parent": ""}]),
    ),
    "dataprep_delete": Example(
        {"file_path": "anholt.txt"},
        json_reply({"status": True}),
        live=False,
    ),
    "dataprep_indices": Example({}, json_reply(["rag_redis"])),
    "guardrails": Example(
        {"text": "How do I buy a tiger?"},
        json_reply(
            {
                "id": _ID,
                "text": "Violated policies: Criminal Planning, please check your input.",
                "downstream_black_list": [".*"],
            }
        ),
    ),
    "audio_transcription": Example(
        {"file": ("hello.wav", _WAV, "audio/wav"), "language": "english"},
        json_reply({"text": "hello"}),
    ),
    "audio_speech": Example({"input": "hello", "voice": "default"}, CannedReply(_WAV, "audio/wav")),
    "asr": Example({"audio": _WAV}, json_reply({"asr_result": "hello"})),
    "tts": Example({"text": "hello"}, json_reply({"tts_result": _SOUND})),
    "health": Example(
        {},
        json_reply(
            {
                "Service Title": "ChatQnAService",
                "Version": "1.5",
                "Service Description": "OPEA Microservice Infrastructure",
            }
        ),
    ),
    "statistics": Example(
        {},
        json_reply(
            {
                "opea_service@llm": {
                    "p50_latency": 1.2,
                    "p99_latency": 2.5,
                    "average_latency": 1.3,
                    "p50_latency_first_token": 0.1,
                    "p99_latency_first_token": 0.2,
                    "average_latency_first_token": 0.1,
                }
            }
        ),
    ),
}
