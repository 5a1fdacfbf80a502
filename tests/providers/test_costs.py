"""A cost is the table's price of what was used, and nothing where any part of it has no price."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_accelerate import providers
from pytest_accelerate.providers import pricing
from pytest_accelerate.providers.examples import json_reply
from pytest_accelerate.providers.price_table import RATES
from tests.providers.recording import RecordingServer

MESSAGES = [{"role": "user", "content": "Hi"}]
CHAT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]}
MILLION = 1_000_000


def openai(model: str, **usage: Any) -> dict[str, Any]:
    """A chat completion."""
    return {
        **CHAT,
        "model": model,
        "usage": {"prompt_tokens": 1000, "completion_tokens": 10, **usage},
    }


def claude(model: str, **usage: Any) -> dict[str, Any]:
    """A message."""
    return {
        "type": "message",
        "content": [],
        "model": model,
        "usage": {"input_tokens": 1000, "output_tokens": 10, **usage},
    }


def gemini(model: str, **usage: Any) -> dict[str, Any]:
    """A generated content."""
    return {
        "candidates": [],
        "modelVersion": model,
        "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 10, **usage},
    }


CALLS = {
    "openai": ("chat", {"messages": MESSAGES}, openai),
    "claude": ("messages", {"messages": MESSAGES, "max_tokens": 9}, claude),
    "gemini": ("generate", {"contents": "Hi"}, gemini),
}
WITHOUT_A_PRICE = {
    "openai": {"prompt_tokens_details": {"audio_tokens": 5}},
    "claude": {"cache_creation": {"ephemeral_1h_input_tokens": 5}},
    "gemini": {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}]},
}


def priced(name: str) -> str:
    """A model of the provider that has a price."""
    models = (model for listed, _ in RATES[name] for model in listed.split())
    return next(model for model in models if pricing.price(name, model) is not None)


def cost(name: str, model: str, **usage: Any) -> float | None:
    """What the metrics say that one call cost."""
    operation, parameters, reply = CALLS[name]
    with (
        RecordingServer(json_reply(reply(model, **usage))) as server,
        providers.provider_class(name)("a-test-key", base_url=server.url) as client,
    ):
        client[operation]({"model": model, **parameters})
        counted = client.metrics[operation]
        assert (counted.input_tokens, counted.output_tokens) == (1000, 10)
        return counted.cost_usd


@pytest.mark.parametrize("name", CALLS)
def test_a_call_costs_what_its_tokens_cost(name: str) -> None:
    """Input and output tokens, each at the model's own price."""
    price = pricing.price(name, priced(name))
    assert price is not None
    assert price.output_per_million is not None
    expected = (1000 * price.input_per_million + 10 * price.output_per_million) / MILLION
    assert cost(name, priced(name)) == pytest.approx(expected)
    assert expected > 0


@pytest.mark.parametrize("name", CALLS)
def test_a_model_without_a_price_costs_nobody_knows_what(name: str) -> None:
    """Unknown is none, and never nothing."""
    assert cost(name, "a-model-of-tomorrow") is None


@pytest.mark.parametrize("name", CALLS)
def test_a_part_without_a_price_makes_the_cost_unknown(name: str) -> None:
    """Sound, or what is kept for an hour, is not in the table."""
    assert cost(name, priced(name), **WITHOUT_A_PRICE[name]) is None
