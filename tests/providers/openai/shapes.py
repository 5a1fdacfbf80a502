"""What goes into parameters, besides what the examples send: tools, schemas, images, sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FUNCTION = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
DOT = "data:image/png;base64,iVBORw0KGgo="

SHAPES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "chat, tools": (
        "chat",
        {
            "messages": [
                {"role": "user", "content": "Weather in Paris?"},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "sunny, 20 °C ☀"},
            ],
            "tools": [FUNCTION],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "parallel_tool_calls": False,
        },
    ),
    "chat, structured output": (
        "chat",
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "place", "strict": True, "schema": SCHEMA},
            }
        },
    ),
    "chat, images and sound": (
        "chat",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": DOT, "detail": "low"}},
                        {
                            "type": "input_audio",
                            "input_audio": {"data": "UklGRg==", "format": "wav"},
                        },
                        {"type": "file", "file": {"file_id": "file-1"}},
                    ],
                }
            ],
            "modalities": ["text", "audio"],
            "audio": {"voice": "alloy", "format": "wav"},
        },
    ),
    "chat, sampling": (
        "chat",
        {
            "temperature": 0,
            "top_p": 0.5,
            "n": 2,
            "seed": 7,
            "stop": ["\n", "."],
            "logit_bias": {"50256": -100},
            "logprobs": True,
            "top_logprobs": 2,
            "stream_options": {"include_usage": True},
            "metadata": {"a": "b"},
            "extra_body": {"new_parameter": [1, None]},
            "extra_headers": {"X-Mine": "1"},
            "extra_query": {"mine": "1"},
        },
    ),
    "responses, tools, images, structured output": (
        "responses",
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is this?"},
                        {"type": "input_image", "image_url": DOT, "detail": "auto"},
                        {"type": "input_file", "file_id": "file-1"},
                    ],
                },
                {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
            ],
            "tools": [
                {
                    "type": "function",
                    "name": "weather",
                    "strict": True,
                    "parameters": SCHEMA,
                },
                {"type": "web_search"},
            ],
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "place",
                    "strict": True,
                    "schema": SCHEMA,
                },
                "verbosity": "low",
            },
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "low", "summary": "auto"},
        },
    ),
    "responses_get, query": (
        "responses_get",
        {
            "include": ["file_search_call.results", "message.output_text.logprobs"],
            "starting_after": 3,
            "include_obfuscation": False,
        },
    ),
    "embeddings, several texts": ("embeddings", {"input": ["a", "b"]}),
    "embeddings, tokens, base64": (
        "embeddings",
        {"input": [[1, 2], [3]], "encoding_format": "base64"},
    ),
    "moderations, image": (
        "moderations",
        {
            "input": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": DOT}},
            ]
        },
    ),
    "images_edit, several images and a mask": (
        "images_edit",
        {
            "image": [("a.png", b"1", "image/png"), ("b.png", b"2", "image/png")],
            "mask": ("m.png", b"3", "image/png"),
            "n": 2,
            "input_fidelity": "high",
            "svg": {"max_output_tokens": 5},
        },
    ),
    "audio_transcription, everything": (
        "audio_transcription",
        {
            "chunking_strategy": {"type": "server_vad", "threshold": 0.5},
            "include": ["logprobs"],
            "known_speaker_names": ["Ann", "Bob"],
            "known_speaker_references": ["data:audio/wav;base64,AA==", DOT],
            "language": "en",
            "prompt": "Grüße",
            "response_format": "verbose_json",
            "temperature": 0,
            "timestamp_granularities": ["word", "segment"],
        },
    ),
    "audio_speech, own voice": ("audio_speech", {"voice": {"id": "voice_1"}, "speed": 1.5}),
    "files_upload, bytes": (
        "files_upload",
        {"file": ("notes ü.txt", "Grüße".encode()), "purpose": "user_data"},
    ),
    "files_list, cursor": ("files_list", {"after": "file-0", "order": "asc"}),
    "fine_tuning_list, by metadata": ("fine_tuning_list", {"metadata": {"team": "a b"}}),
    "models_get, a fine-tuned one": ("models_get", {"model": "ft:gpt-4o-mini:acme::1:ckpt"}),
    "vector_stores_search, filters": (
        "vector_stores_search",
        {
            "query": ["a", "b"],
            "filters": {"type": "eq", "key": "year", "value": 2025},
            "ranking_options": {"ranker": "auto", "score_threshold": 0.2},
        },
    ),
    "vector_store_file_batches_create, files": (
        "vector_store_file_batches_create",
        {
            "files": [{"file_id": "file-1", "attributes": {"a": 1}}],
            "chunking_strategy": {"type": "auto"},
        },
    ),
}
"""What goes into the parameters besides the examples: each an operation and its changes."""
