"""Messages of Claude with all kinds of blocks: as one answer, and as the events of a stream."""

from __future__ import annotations

import json
from typing import Any

START = {"input_tokens": 20, "cache_read_input_tokens": 7, "output_tokens": 1}

CITATION = {
    "type": "char_location",
    "cited_text": "Grass is green.",
    "document_index": 0,
    "document_title": "Facts",
    "start_char_index": 0,
    "end_char_index": 15,
    "file_id": None,
}

RICH: dict[str, Any] = {
    "id": "msg_01Rich",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [
        {"type": "thinking", "thinking": "They want the weather.", "signature": "c2lnbmF0dXJl"},
        {"type": "redacted_thinking", "data": "aGlkZGVu"},
        {"type": "text", "text": "Grass is green — ", "citations": [CITATION, CITATION]},
        {"type": "text", "text": "日本 too 🌱."},
        {
            "type": "server_tool_use",
            "id": "srvtoolu_01",
            "name": "web_search",
            "input": {"query": "weather"},
        },
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_01",
            "content": [
                {
                    "type": "web_search_result",
                    "title": "Weather",
                    "url": "https://example.com/weather",
                    "encrypted_content": "ZW5j",
                    "page_age": None,
                }
            ],
        },
        {
            "type": "tool_use",
            "id": "toolu_01",
            "name": "get_weather",
            "input": {"city": "Zürich", "days": [1, 2], "in": {"unit": "C"}},
        },
        {"type": "tool_use", "id": "toolu_02", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": None,
    "usage": {
        "input_tokens": 25,
        "cache_read_input_tokens": 7,
        "output_tokens": 90,
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
        "output_tokens_details": {"thinking_tokens": 12},
    },
}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    """A piece of a block."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def _pieces(text: str) -> list[str]:
    return [text[start : start + 4] for start in range(0, len(text), 4)]


def _block(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    kind, start, deltas = block["type"], dict(block), []
    if kind == "text":
        start = {"type": "text", "text": ""}
        deltas = [delta(index, "text_delta", text=piece) for piece in _pieces(block["text"])]
        deltas += [
            delta(index, "citations_delta", citation=each) for each in block.get("citations", ())
        ]
    elif kind == "thinking":
        start |= {"thinking": "", "signature": ""}
        deltas = [
            delta(index, "thinking_delta", thinking=piece) for piece in _pieces(block["thinking"])
        ]
        deltas.append(delta(index, "signature_delta", signature=block["signature"]))
    elif kind in ("tool_use", "server_tool_use"):
        start["input"] = {}
        # The provider begins with an empty piece, and sends no other where there is no input.
        text = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
        deltas = [
            delta(index, "input_json_delta", partial_json=piece) for piece in ["", *_pieces(text)]
        ]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *deltas,
        {"type": "content_block_stop", "index": index},
    ]


def events_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that a message is streamed as."""
    start = {**message, "content": [], "stop_reason": None, "usage": START}
    usage = {name: count for name, count in message["usage"].items() if START.get(name) != count}
    # A null count says that it does not apply here, not that what was told is void.
    usage["cache_read_input_tokens"] = None
    return [
        {"type": "message_start", "message": start},
        {"type": "ping"},
        *(event for index, block in enumerate(message["content"])
          for event in _block(index, block)),
        {
            "type": "message_delta",
            "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
            "usage": usage,
        },
        {"type": "message_stop"},
    ]  # fmt: skip
