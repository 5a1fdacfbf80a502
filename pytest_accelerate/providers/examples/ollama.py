"""Ollama's calls and answers: https://docs.ollama.com/api."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply, ndjson_reply

_MODEL = "qwen3:0.6b"
_TIME = "2026-01-15T10:00:00.123456Z"
_HELLO = b"hello"
_HELLO_DIGEST = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
_DIGEST = "sha256:7f4030143c1c477224c5434f8272c662a8b042079a0a584f0a27a1684fe2e1fa"
_DONE = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 412_000_000,
    "load_duration": 250_000_000,
    "prompt_eval_count": 12,
    "prompt_eval_duration": 40_000_000,
    "eval_count": 4,
    "eval_duration": 80_000_000,
}
_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "qwen3",
    "families": ["qwen3"],
    "parameter_size": "751.63M",
    "quantization_level": "Q4_K_M",
}
_QUESTION = {"role": "user", "content": "Say hello."}
_CHAT = {"model": _MODEL, "messages": [_QUESTION], "options": {"num_predict": 16, "seed": 7}}
_GENERATE = {"model": _MODEL, "prompt": "Say hello.", "options": {"num_predict": 16, "seed": 7}}


def _line(**more: Any) -> dict[str, Any]:
    return {"model": _MODEL, "created_at": _TIME, **more}


def _message(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def _statuses(*statuses: str) -> CannedReply:
    return ndjson_reply([{"status": status} for status in statuses])


def _chat() -> Example:
    pieces: Sequence[Mapping[str, Any]] = [
        _message("", thinking="The user "),
        _message("", thinking="greets."),
        _message("Hello"),
        _message("!"),
    ]
    return Example(
        _CHAT,
        json_reply(_line(message=_message("Hello!", thinking="The user greets."), **_DONE)),
        ndjson_reply(
            [
                *(_line(message=piece, done=False) for piece in pieces),
                _line(message=_message(""), **_DONE),
            ]
        ),
    )


def _generate() -> Example:
    context = [151644, 872, 198]
    return Example(
        _GENERATE,
        json_reply(_line(response="Hello!", context=context, **_DONE)),
        ndjson_reply(
            [
                _line(response="Hello", done=False),
                _line(response="!", done=False),
                _line(response="", context=context, **_DONE),
            ]
        ),
    )


def _pull() -> Example:
    layer = {"status": "pulling 7f4030143c1c", "digest": _DIGEST, "total": 400}
    return Example(
        {"model": _MODEL, "insecure": False},
        json_reply({"status": "success"}),
        ndjson_reply(
            [
                {"status": "pulling manifest"},
                layer,
                {**layer, "completed": 100},
                {**layer, "completed": 400},
                {"status": "verifying sha256 digest"},
                {"status": "writing manifest"},
                {"status": "success"},
            ]
        ),
    )


_LISTED = {
    "name": _MODEL,
    "model": _MODEL,
    "modified_at": "2026-01-15T10:00:00.123456+01:00",
    "size": 522_653_767,
    "digest": "7df6b6e09427a769808717c0a93cadc4ae99ed4eb8bf5ca557c90846becea435",
    "details": _DETAILS,
}
_LOADED = {
    **{name: value for name, value in _LISTED.items() if name != "modified_at"},
    "expires_at": "2026-01-15T10:05:00.123456+01:00",
    "size_vram": 1_032_148_992,
    "context_length": 4096,
}
_SHOWN = {
    "license": "Apache License 2.0",
    "modelfile": f"FROM {_MODEL}",
    "parameters": "temperature 0.6",
    "template": "{{ .Prompt }}",
    "details": _DETAILS,
    "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960},
    "capabilities": ["completion", "tools", "thinking"],
    "modified_at": "2026-01-15T10:00:00.123456+01:00",
}
_SYSTEMONE = {
    "model": _MODEL,
    "state": "The door is open.",
    "questions": {"open": {"type": "noul", "instructions": "Is the door open?"}},
}

EXAMPLES: dict[str, Example] = {
    "chat": _chat(),
    "generate": _generate(),
    "embed": Example(
        {"model": "all-minilm", "input": ["one", "two"]},
        json_reply(
            {
                "model": "all-minilm",
                "embeddings": [[0.6, 0.8], [-0.8, 0.6]],
                "total_duration": 14_000_000,
                "load_duration": 1_000_000,
                "prompt_eval_count": 6,
            }
        ),
    ),
    "embeddings": Example(
        {"model": "all-minilm", "prompt": "one"}, json_reply({"embedding": [0.6, 0.8]})
    ),
    "systemone": Example(
        _SYSTEMONE,
        json_reply(
            {
                "model": _MODEL,
                "answers": {"open": {"type": "noul", "noul": 0.97}},
                "usage": {"input_tokens": 21, "output_tokens": 1},
            }
        ),
        live=False,  # only models of that kind answer it
    ),
    "pull": _pull(),
    "push": Example(
        {"model": "someone/hello:latest", "insecure": False},
        json_reply({"status": "success"}),
        _statuses("retrieving manifest", "pushing manifest", "success"),
        live=False,
    ),
    "create": Example(
        {"model": "hello", "from_": _MODEL, "system": "Answer in one word."},
        json_reply({"status": "success"}),
        _statuses("using existing layer " + _DIGEST, "writing manifest", "success"),
    ),
    "blobs_create": Example(
        {"digest": _HELLO_DIGEST, "file": _HELLO}, CannedReply(b"", "text/plain", 201)
    ),
    "tags": Example({}, json_reply({"models": [_LISTED]})),
    "ps": Example({}, json_reply({"models": [_LOADED]})),
    "show": Example({"model": _MODEL}, json_reply(_SHOWN)),
    "copy": Example(
        {"source": _MODEL, "destination": "hello-copy"}, CannedReply(b"", "text/plain")
    ),
    "delete": Example({"model": "hello-copy"}, CannedReply(b"", "text/plain"), live=False),
    "version": Example({}, json_reply({"version": "0.13.2"})),
}
