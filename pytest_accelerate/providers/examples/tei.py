"""TEI's calls and answers, after its OpenAPI document."""

from __future__ import annotations

from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply

_MODEL = "BAAI/bge-small-en-v1.5"
_QUERY = "What is deep learning?"
_TEXTS = ["Learning by networks of many layers.", "A kind of cheese."]
_READ = {
    "x-compute-type": "cpu",
    "x-compute-time": "6",
    "x-compute-characters": "53",
    "x-compute-tokens": "14",
    "x-total-time": "6",
    "x-tokenization-time": "0",
    "x-queue-time": "0",
    "x-inference-time": "5",
}
"""Milliseconds, and what was read."""


def _reply(data: Any) -> CannedReply:
    return json_reply(data, **_READ)


def _token(id: int, text: str, start: int | None = None, stop: int | None = None) -> dict[str, Any]:
    return {"id": id, "text": text, "special": start is None, "start": start, "stop": stop}


_INFO = {
    "model_id": _MODEL,
    "model_sha": "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a",
    "model_dtype": "float32",
    "model_type": {"embedding": {"pooling": "cls"}},
    "max_concurrent_requests": 512,
    "max_input_length": 512,
    "max_batch_tokens": 16384,
    "max_batch_requests": 4,
    "max_client_batch_size": 32,
    "auto_truncate": False,
    "tokenization_workers": 2,
    "version": "1.8.2",
    "sha": None,
    "docker_label": None,
}
_COUNTED = """\
# TYPE te_request_count counter
te_request_count{method="batch"} 3
te_request_count{method="single"} 1

# TYPE te_request_failure counter
te_request_failure{err="batch_size"} 1

# TYPE te_queue_size gauge
te_queue_size 0

# TYPE te_request_duration histogram
te_request_duration_bucket{le="0.01"} 2
te_request_duration_bucket{le="+Inf"} 3
te_request_duration_sum 0.027
te_request_duration_count 3
"""

EXAMPLES: dict[str, Example] = {
    "embed": Example({"inputs": _TEXTS, "normalize": True}, _reply([[0.6, 0.8], [-0.8, 0.6]])),
    "embed_all": Example(
        {"inputs": _TEXTS, "truncate": True},
        _reply([[[0.5, 0.25], [0.125, -0.5]], [[-1.5, 0.75]]]),
    ),
    "embed_sparse": Example(
        {"inputs": _TEXTS},
        _reply(
            [
                [{"index": 2784, "value": 1.25}, {"index": 4083, "value": 2.5}],
                [{"index": 8808, "value": 2.75}],
            ]
        ),
    ),
    "rerank": Example(
        {"query": _QUERY, "texts": _TEXTS, "return_text": True},
        _reply(
            [
                {"index": 0, "text": _TEXTS[0], "score": 0.96875},
                {"index": 1, "text": _TEXTS[1], "score": 0.015625},
            ]
        ),
    ),
    "predict": Example(
        {"inputs": [["I like you."], ["I do not."]]},
        _reply(
            [
                [
                    {"score": 0.984375, "label": "POSITIVE"},
                    {"score": 0.015625, "label": "NEGATIVE"},
                ],
                [
                    {"score": 0.875, "label": "NEGATIVE"},
                    {"score": 0.125, "label": "POSITIVE"},
                ],
            ]
        ),
    ),
    "similarity": Example({"source_sentence": _QUERY, "sentences": _TEXTS}, _reply([0.8125, 0.25])),
    "tokenize": Example(
        {"inputs": ["hello world"]},
        json_reply(
            [
                [
                    _token(101, "[CLS]"),
                    _token(7592, "hello", 0, 5),
                    _token(2088, "world", 6, 11),
                    _token(102, "[SEP]"),
                ]
            ]
        ),
    ),
    "decode": Example({"ids": [[101, 7592, 2088, 102]]}, json_reply(["hello world"])),
    "embeddings": Example(
        {"input": _TEXTS, "encoding_format": "float"},
        _reply(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "embedding": [0.6, 0.8], "index": 0},
                    {"object": "embedding", "embedding": [-0.8, 0.6], "index": 1},
                ],
                "model": _MODEL,
                "usage": {"prompt_tokens": 14, "total_tokens": 14},
            }
        ),
    ),
    "info": Example({}, json_reply(_INFO)),
    "health": Example({}, CannedReply(b"", "text/plain")),
    "server_metrics": Example({}, CannedReply(_COUNTED.encode(), "text/plain; charset=utf-8")),
}
