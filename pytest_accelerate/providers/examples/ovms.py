"""OVMS and what it answers.

Source: https://docs.openvino.ai/2026/model-server/ovms_docs_server_api.html
"""

from __future__ import annotations

import base64
from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply, sse_reply
from pytest_accelerate.providers.examples.openai.media import wav

_MODEL = "dummy"
_LLM = "OpenVINO/Qwen3-8B-int4-ov"
_TIME = 1_787_000_000
_READY = CannedReply(b"")
_TENSOR = {"name": "b", "datatype": "FP32", "shape": [1, 10]}
_SOUND = ("hello.wav", wav(0.1), "audio/wav")
_PICTURE = b"\x89PNG\r\n\x1a\n"
_USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
_STATUS = {
    "model_version_status": [
        {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": "OK"},
        }
    ]
}
_METRICS = b"""# HELP ovms_requests_success Number of successful requests to a model or a DAG.
# TYPE ovms_requests_success counter
ovms_requests_success{api="KServe",interface="REST",method="ModelInfer",name="dummy"} 3
# HELP ovms_current_requests Number of inference requests currently in process.
# TYPE ovms_current_requests gauge
ovms_current_requests{name="dummy",version="1"} 0
"""
_IMAGES = json_reply({"data": [{"b64_json": base64.b64encode(_PICTURE).decode()}]})


def _chat() -> Example:
    shared = {"created": _TIME, "model": _LLM}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**shared, "object": "chat.completion.chunk", "choices": [choice]}

    message = {"role": "assistant", "content": "Hello!"}
    return Example(
        {
            "model": _LLM,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 16,
            "temperature": 0.0,
        },
        json_reply(
            {
                **shared,
                "object": "chat.completion",
                "choices": [
                    {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
                ],
                "usage": _USAGE,
            }
        ),
        sse_reply(
            [chunk({"role": "assistant", "content": "Hello"}), chunk({"content": "!"}, "stop")],
            end="[DONE]",
        ),
    )


def _completions() -> Example:
    shared = {"created": _TIME, "model": _LLM}

    def choice(text: str, reason: str | None) -> list[dict[str, Any]]:
        return [{"index": 0, "text": text, "logprobs": None, "finish_reason": reason}]

    return Example(
        {"model": _LLM, "prompt": "Say hello.", "max_tokens": 16},
        json_reply(
            {
                **shared,
                "object": "text_completion",
                "choices": choice(" Hello!", "stop"),
                "usage": _USAGE,
            }
        ),
        sse_reply(
            [
                {**shared, "object": "text_completion", "choices": choice(" Hello", None)},
                {**shared, "object": "text_completion", "choices": choice("!", "stop")},
            ],
            end="[DONE]",
        ),
    )


_LISTED = {"id": _LLM, "object": "model", "created": _TIME, "owned_by": "OVMS"}

EXAMPLES: dict[str, Example] = {
    "server_live": Example({}, _READY),
    "server_ready": Example({}, _READY),
    "model_ready": Example({"model": _MODEL}, _READY),
    "server_metadata": Example(
        {}, json_reply({"name": "OpenVINO Model Server", "version": "2026.4.1", "extensions": []})
    ),
    "model_metadata": Example(
        {"model": _MODEL},
        json_reply(
            {
                "name": _MODEL,
                "versions": ["1"],
                "platform": "OpenVINO",
                "inputs": [_TENSOR],
                "outputs": [{**_TENSOR, "name": "a"}],
                "rt_info": {},
            }
        ),
    ),
    "infer": Example(
        {
            "model": _MODEL,
            "inputs": {"b": {"shape": [1, 3], "datatype": "FP32", "data": [1.0, 2.5, -3.0]}},
            "id": "7",
        },
        json_reply(
            {
                "model_name": _MODEL,
                "model_version": "1",
                "id": "7",
                "outputs": [
                    {"name": "a", "shape": [1, 3], "datatype": "FP32", "data": [2.0, 3.5, -2.0]}
                ],
            }
        ),
    ),
    "config": Example({}, json_reply({_MODEL: _STATUS})),
    "config_reload": Example({}, json_reply({_MODEL: _STATUS})),
    "model_status": Example({"model": _MODEL}, json_reply(_STATUS)),
    "server_metrics": Example({}, CannedReply(_METRICS, "text/plain; charset=utf-8")),
    "predict": Example(
        {"model": _MODEL, "instances": [[1.0, 2.5, -3.0]]},
        json_reply({"predictions": [[2.0, 3.5, -2.0]]}),
    ),
    "predict_metadata": Example(
        {"model": _MODEL},
        json_reply(
            {
                "modelSpec": {"name": _MODEL, "signatureName": "", "version": "1"},
                "metadata": {
                    "signature_def": {
                        "@type": "type.googleapis.com/tensorflow.serving.SignatureDefMap",
                        "signatureDef": {
                            "serving_default": {
                                "inputs": {
                                    "b": {
                                        "dtype": "DT_FLOAT",
                                        "tensorShape": {"dim": [{"size": "1"}, {"size": "10"}]},
                                        "name": "b",
                                    }
                                },
                                "outputs": {},
                                "methodName": "",
                            }
                        },
                    }
                },
            }
        ),
    ),
    "models_list": Example({}, json_reply({"object": "list", "data": [_LISTED]})),
    "models_get": Example({"model": _LLM}, json_reply(_LISTED)),
    "chat": _chat(),
    "completions": _completions(),
    "embeddings": Example(
        {"model": "BAAI/bge-large-en-v1.5", "input": "one"},
        json_reply(
            {
                "object": "list",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}],
                "model": "BAAI/bge-large-en-v1.5",
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            }
        ),
    ),
    "rerank": Example(
        {
            "model": "BAAI/bge-reranker-large",
            "query": "Hello",
            "documents": ["Farewell", "Welcome"],
            "top_n": 2,
        },
        json_reply(
            {
                "results": [
                    {"index": 1, "relevance_score": 0.3886180520057678},
                    {"index": 0, "relevance_score": 0.0055549247190356255},
                ]
            }
        ),
    ),
    "tokenize": Example(
        {"model": _LLM, "text": "hello world", "add_special_tokens": False},
        json_reply({"tokens": [14990, 1879]}),
    ),
    "images_generate": Example(
        {
            "model": "OpenVINO/FLUX.1-schnell-int4-ov",
            "prompt": "three cats",
            "size": "256x256",
            "num_inference_steps": 2,
        },
        _IMAGES,
    ),
    "images_edit": Example(
        {
            "model": "OpenVINO/FLUX.1-schnell-int4-ov",
            "image": ("cats.png", _PICTURE, "image/png"),
            "prompt": "three dogs",
            "strength": 0.5,
        },
        _IMAGES,
        live=False,
    ),
    "audio_speech": Example(
        {"model": "microsoft/speecht5_tts", "input": "Hello."}, CannedReply(wav(0.1), "audio/wav")
    ),
    "audio_transcription": Example(
        {"model": "OpenVINO/whisper-tiny-fp16-ov", "file": _SOUND, "language": "en"},
        json_reply({"text": "Hello."}),
    ),
    "audio_translation": Example(
        {"model": "OpenVINO/whisper-tiny-fp16-ov", "file": _SOUND}, json_reply({"text": "Hello."})
    ),
}
