"""Calls of self-hosted servers and what vLLM answers to them.

Sources: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, and for ``infer``,
which vLLM does not have, the plainest answer that servers with such a route give.
"""

from __future__ import annotations

from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply, sse_reply
from pytest_accelerate.providers.examples.openai import EXAMPLES as OPENAI

_MODEL = "Qwen/Qwen3-0.6B"
_TIME = 1_770_000_000
_USAGE = {"prompt_tokens": 11, "total_tokens": 14, "completion_tokens": 3}
_READ = {"prompt_tokens": 8, "total_tokens": 8, "completion_tokens": 0}
_MESSAGES = [{"role": "user", "content": "Say hello."}]
_SAMPLING = {"max_tokens": 16, "seed": 7, "temperature": 0.0, "top_k": 1}


def _chat() -> Example:
    head = {"id": "chatcmpl-1", "created": _TIME, "model": _MODEL}

    def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **more}
        return {**head, "object": "chat.completion.chunk", "choices": [choice]}

    message = {"role": "assistant", "content": "Hello!", "reasoning": "A greeting."}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop",
              "stop_reason": None}  # fmt: skip
    return Example(
        {"model": _MODEL, "messages": _MESSAGES, **_SAMPLING,
         "stream_options": None, "repetition_penalty": 1.0},
        json_reply({**head, "object": "chat.completion", "choices": [choice], "usage": _USAGE}),
        sse_reply(
            [
                chunk({"role": "assistant", "content": ""}),
                chunk({"reasoning": "A gree"}),
                chunk({"reasoning": "ting."}),
                chunk({"content": "Hello"}),
                chunk({"content": "!"}),
                chunk({"content": ""}, finish_reason="stop", stop_reason=None),
                {**head, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE},
            ],
            end="[DONE]",
        ),
    )  # fmt: skip


def _completions() -> Example:
    head = {"id": "cmpl-1", "object": "text_completion", "created": _TIME, "model": _MODEL}

    def choice(text: str, reason: str | None) -> dict[str, Any]:
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason,
                "stop_reason": None}  # fmt: skip

    return Example(
        {"model": _MODEL, "prompt": "Once upon a", **_SAMPLING},
        json_reply({**head, "choices": [choice(" time there", "length")], "usage": _USAGE}),
        sse_reply(
            [
                {**head, "choices": [choice(" time", None)]},
                {**head, "choices": [choice(" there", None)]},
                {**head, "choices": [choice("", "length")]},
                {**head, "choices": [], "usage": _USAGE},
            ],
            end="[DONE]",
        ),
    )


def _listed(kind: str, data: list[dict[str, Any]]) -> CannedReply:
    return json_reply({"id": f"{kind}-1", "object": "list", "created": _TIME, "model": _MODEL,
                       "data": data, "usage": _READ})  # fmt: skip


_ENTRY = {
    "id": _MODEL,
    "object": "model",
    "created": _TIME,
    "owned_by": "vllm",
    "root": _MODEL,
    "parent": None,
    "max_model_len": 40960,
}
_METRICS = b"""\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3-0.6B"} 0.0
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="Qwen/Qwen3-0.6B"} 11.0
"""

EXAMPLES: dict[str, Example] = {
    "chat": _chat(),
    "completions": _completions(),
    "embeddings": Example(
        {"model": _MODEL, "input": ["one", "two"], "encoding_format": "float"},
        _listed(
            "embd",
            [
                {"index": 0, "object": "embedding", "embedding": [0.6, 0.8]},
                {"index": 1, "object": "embedding", "embedding": [-0.8, 0.6]},
            ],
        ),
    ),
    "models_list": Example({}, json_reply({"object": "list", "data": [_ENTRY]})),
    "models_get": Example({"model": _MODEL}, json_reply(_ENTRY), live=False),
    "infer": Example(
        {"model": _MODEL, "inputs": "Say hello.", "parameters": {"max_tokens": 16}},
        json_reply({"model": _MODEL, "outputs": ["Hello!"]}),
        live=False,  # neither vLLM nor llama.cpp has it
    ),
    "tokenize": Example(
        {"model": _MODEL, "prompt": "Say hello.", "return_token_strs": True},
        json_reply(
            {
                "count": 3,
                "max_model_len": 40960,
                "tokens": [45764, 23811, 13],
                "token_strs": ["Say", "\u0120hello", "."],
            }
        ),
    ),
    "detokenize": Example(
        {"model": _MODEL, "tokens": [45764, 23811, 13]}, json_reply({"prompt": "Say hello."})
    ),
    "rerank": Example(
        {"model": _MODEL, "query": "A greeting?", "documents": ["Goodbye.", "Hello."], "top_n": 2},
        json_reply(
            {
                "id": "rerank-1",
                "model": _MODEL,
                "usage": {"prompt_tokens": 12, "total_tokens": 12},
                "results": [
                    {"index": 1, "document": {"text": "Hello."}, "relevance_score": 0.98},
                    {"index": 0, "document": {"text": "Goodbye."}, "relevance_score": 0.02},
                ],
            }
        ),
    ),
    "score": Example(
        {"model": _MODEL, "text_1": "A greeting?", "text_2": ["Goodbye.", "Hello."]},
        _listed(
            "score",
            [
                {"index": 0, "object": "score", "score": 0.02},
                {"index": 1, "object": "score", "score": 0.98},
            ],
        ),
    ),
    "pooling": Example(
        {"model": _MODEL, "input": ["one"], "encoding_format": "float"},
        _listed("pool", [{"index": 0, "object": "pooling", "data": [[0.6, 0.8], [0.8, -0.6]]}]),
    ),
    "classify": Example(
        {"model": _MODEL, "input": ["How nice!"]},
        _listed("classify", [{"index": 0, "label": "good", "probs": [0.1, 0.9], "num_classes": 2}]),
    ),
    "responses": OPENAI["responses"],
    "audio_transcription": OPENAI["audio_transcription"],
    "audio_translation": OPENAI["audio_translation"],
    "health": Example({}, CannedReply(b"", "text/plain")),
    "version": Example({}, json_reply({"version": "0.21.0"})),
    "metrics_text": Example({}, CannedReply(_METRICS, "text/plain; version=0.0.4")),
}
