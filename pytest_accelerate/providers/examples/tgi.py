"""TGI's calls and answers, after its OpenAPI document and the types of huggingface_hub."""

from __future__ import annotations

from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply, sse_reply

_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
_TIME = 1_770_000_000
_QUESTION = {"role": "user", "content": "Say hello."}
_CHAT = {"messages": [_QUESTION], "max_tokens": 16, "seed": 7}
_GENERATE = {"inputs": "Say hello.", "details": True, "max_new_tokens": 16, "seed": 7}
_TOKENS = (
    {"id": 19556, "text": "Hello", "logprob": -0.25, "special": False},
    {"id": 17, "text": "!", "logprob": -0.5, "special": False},
    {"id": 2, "text": "<|im_end|>", "logprob": -0.125, "special": True},
)
_END = {"finish_reason": "eos_token", "generated_tokens": 3, "seed": 7}
_WRITTEN = {"id": "", "created": _TIME, "model": _MODEL, "system_fingerprint": "3.3.5-native"}
_USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


def _token_events() -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [
        {"index": index, "token": token, "generated_text": None, "details": None}
        for index, token in enumerate(_TOKENS, 1)
    ]
    events[-1] |= {"generated_text": "Hello!", "details": {**_END, "input_length": 4}}
    return events


def _generate() -> Example:
    details = {**_END, "prefill": [], "tokens": list(_TOKENS)}
    reply = json_reply(
        {"generated_text": "Hello!", "details": details},
        **{"x-prompt-tokens": "4", "x-generated-tokens": "3"},
    )
    return Example(_GENERATE, reply, sse_reply(_token_events()))


def _chat() -> Example:
    def chunk(content: str, reason: str | None = None) -> dict[str, Any]:
        delta = {"role": "assistant", "content": content}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {"object": "chat.completion.chunk", **_WRITTEN, "choices": [choice], "usage": None}

    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hello!"},
        "logprobs": None,
        "finish_reason": "stop",
    }
    return Example(
        _CHAT,
        json_reply({"object": "chat.completion", **_WRITTEN, "choices": [choice], "usage": _USAGE}),
        sse_reply([chunk("Hello"), chunk("!"), chunk("", "stop")], end="[DONE]"),
    )


def _completions() -> Example:
    def piece(text: str, reason: str = "") -> dict[str, Any]:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
        return {"object": "text_completion", **_WRITTEN, "choices": [choice]}

    return Example(
        {"prompt": "Say hello.", "max_tokens": 16, "seed": 7},
        json_reply({**piece("Hello!", "stop"), "usage": _USAGE}),
        sse_reply(
            [piece("Hello"), {**piece("!", "stop"), "usage": _USAGE}],
            end="[DONE]",
        ),
    )


_INFO = {
    "model_id": _MODEL,
    "model_sha": "7e27bd9f95328f0f3b08261d1252705110c806f8",
    "model_pipeline_tag": "text-generation",
    "max_concurrent_requests": 128,
    "max_best_of": 2,
    "max_stop_sequences": 4,
    "max_input_tokens": 1024,
    "max_total_tokens": 2048,
    "validation_workers": 2,
    "max_client_batch_size": 4,
    "router": "text-generation-router",
    "version": "3.3.5",
    "sha": None,
    "docker_label": None,
}
_SAID = [
    {"id": 29209, "text": "Say", "start": 0, "stop": 3},
    {"id": 33662, "text": " hello", "start": 3, "stop": 9},
    {"id": 30, "text": ".", "start": 9, "stop": 10},
]
_PROMPT = "<|im_start|>user\nSay hello.<|im_end|>\n<|im_start|>assistant\n"
_COUNTED = """\
# TYPE tgi_request_success counter
tgi_request_success 3

# TYPE tgi_request_count counter
tgi_request_count 4

# TYPE tgi_queue_size gauge
tgi_queue_size 0

# TYPE tgi_request_failure counter
tgi_request_failure{err="validation"} 1

# TYPE tgi_request_duration histogram
tgi_request_duration_bucket{le="0.05"} 1
tgi_request_duration_bucket{le="+Inf"} 3
tgi_request_duration_sum 0.421
tgi_request_duration_count 3
"""

EXAMPLES: dict[str, Example] = {
    "generate": _generate(),
    "generate_stream": _generate(),
    "chat": _chat(),
    "completions": _completions(),
    "models_list": Example(
        {},
        json_reply(
            {
                "object": "list",
                "data": [{"id": _MODEL, "object": "model", "created": 0, "owned_by": _MODEL}],
            }
        ),
    ),
    "tokenize": Example({"inputs": "Say hello."}, json_reply(_SAID)),
    "chat_tokenize": Example(
        {"messages": [_QUESTION]},
        json_reply({"tokenize_response": _SAID, "templated_text": _PROMPT}),
    ),
    "info": Example({}, json_reply(_INFO)),
    "health": Example({}, CannedReply(b"", "text/plain")),
    "server_metrics": Example({}, CannedReply(_COUNTED.encode(), "text/plain; charset=utf-8")),
}
