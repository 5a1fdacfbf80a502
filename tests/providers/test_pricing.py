"""Prices: dated, with a source, and never 0 for what is not known."""

from __future__ import annotations

from datetime import date

import pytest

from pytest_accelerate.providers import pricing
from pytest_accelerate.providers.price_table import PAGES
from pytest_accelerate.providers.pricing import Price, cost, price
from pytest_accelerate.transport.answers import Usage

EVERY = [each for listed in pricing._by_name().values() for each in listed]
PLAIN = Price("p", "m", input_per_million=2.0, output_per_million=8.0)
CACHING = Price("p", "m", 2.0, 8.0, cached_per_million=0.5, cache_write_per_million=2.5)


@pytest.mark.parametrize("known", EVERY, ids=lambda each: f"{each.provider}-{each.model}")
def test_every_price_is_one(known: Price) -> None:
    """Each price is above 0, in order, dated, and has a source and the provider's own page."""
    assert known.input_per_million > 0
    assert known.output_per_million is None or known.output_per_million >= known.input_per_million
    assert known.cached_per_million is None or known.cached_per_million < known.input_per_million
    written = known.cache_write_per_million
    assert written is None or written > known.input_per_million
    assert known.as_of == date(2026, 11, 10)
    assert known.source.startswith("https://")
    assert known.page == PAGES[known.provider]


def test_price_of_a_known_model() -> None:
    """A known model's price is told in dollars per million tokens."""
    known = price("groq", "openai/gpt-oss-120b")
    assert known is not None
    assert (known.input_per_million, known.output_per_million) == (0.15, 0.6)
    assert known.cached_per_million == 0.075


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("groq", "whisper-large-v3"),
        ("groq", "gpt-oss-120b"),
        ("openai", "openai/gpt-oss-120b"),
        ("openai", "gpt-4o-2024-05-13"),
        ("ollama", "qwen3:0.6b"),
        ("nobody", "nothing"),
        ("groq", ""),
    ],
)
def test_unknown_price_is_none(provider: str, model: str) -> None:
    """A model that is not listed has no price, nor has a dated release that cost otherwise."""
    assert price(provider, model) is None
    assert cost(Usage(1, 1), price(provider, model)) is None


@pytest.mark.parametrize(
    ("provider", "model", "release"),
    [
        ("claude", "claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("openai", "gpt-6-luna", "gpt-6-luna-2026-09-01"),
        ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ],
)
def test_release_costs_what_its_model_does(provider: str, model: str, release: str) -> None:
    """A release that answers name by date costs what the source says of its model."""
    one, other = price(provider, model), price(provider, release)
    assert one is not None
    assert other is not None
    assert one.input_per_million == other.input_per_million


def test_price_that_ends_is_not_told_after_its_end() -> None:
    """From the day on which another price was announced, that one holds."""
    before = price("gemini", "gemini-3.8-flash", on=date(2026, 12, 31))
    after = price("gemini", "gemini-3.8-flash", on=date(2027, 1, 1))
    assert before is not None
    assert after is not None
    assert (before.input_per_million, after.input_per_million) == (0.75, 1.5)


def test_cost_adds_up() -> None:
    """Fresh, kept and newly kept input and output are each counted once, at their own price."""
    assert cost(Usage(1_000_000, 500_000), PLAIN) == pytest.approx(6.0)
    usage = Usage(1_000_000, 100_000, cached_tokens=600_000, cache_write_tokens=300_000)
    assert cost(usage, CACHING) == pytest.approx(0.1 * 2 + 0.6 * 0.5 + 0.3 * 2.5 + 0.1 * 8)
    assert cost(Usage(), PLAIN) == 0.0


def test_reasoning_is_output() -> None:
    """Tokens that are not shown are part of the output, and are not counted twice."""
    assert cost(Usage(0, 1_000_000, reasoning_tokens=900_000), PLAIN) == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("usage", "known"),
    [
        (Usage(10, 0, cached_tokens=5), PLAIN),
        (Usage(10, 1), Price("p", "m", 2.0, None)),
        (Usage(1_001, 0), Price("p", "m", 2.0, 8.0, up_to=1_000)),
        (Usage(10, 1), None),
    ],
    ids=["kept", "output", "long", "no price"],
)
def test_cost_with_an_unknown_part_is_none(usage: Usage, known: Price | None) -> None:
    """Where one part has no known price, the sum is not known either."""
    assert cost(usage, known) is None


def test_unknown_part_that_was_not_used_costs_nothing() -> None:
    """A price that lacks a part is whole for a usage that has none of it."""
    assert cost(Usage(1_000_000, 0), Price("p", "m", 2.0, None)) == pytest.approx(2.0)
    assert cost(Usage(1_000, 0), Price("p", "m", 2.0, 8.0, up_to=1_000)) is not None
