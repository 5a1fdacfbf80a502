"""Models, embeddings, moderations."""

from __future__ import annotations

from pytest_accelerate.providers.examples import Example, json_reply
from pytest_accelerate.providers.examples.openai.text import MODEL

_MODEL = {"id": MODEL, "object": "model", "created": 1_721_172_741, "owned_by": "system"}
_EMBEDDING = "text-embedding-3-small"
_TUNED = "ft:gpt-4o-mini-2024-07-18:acme::1"

_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)

EXAMPLES: dict[str, Example] = {
    "models_list": Example({}, json_reply({"object": "list", "data": [_MODEL]})),
    "models_get": Example({"model": MODEL}, json_reply(_MODEL)),
    "models_delete": Example(
        {"model": _TUNED},
        json_reply({"id": _TUNED, "object": "model", "deleted": True}),
        live=False,
    ),
    "embeddings": Example(
        {"model": _EMBEDDING, "input": "hello", "dimensions": 4, "encoding_format": "float"},
        json_reply(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": 0, "embedding": [0.5, -0.25, 0.125, 0.8125]}
                ],
                "model": _EMBEDDING,
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            }
        ),
    ),
    "moderations": Example(
        {"model": "omni-moderation-latest", "input": "hello"},
        json_reply(
            {
                "id": "modr-1",
                "model": "omni-moderation-latest",
                "results": [
                    {
                        "flagged": False,
                        "categories": dict.fromkeys(_CATEGORIES, False),
                        "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
                        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
                    }
                ],
            }
        ),
    ),
}
