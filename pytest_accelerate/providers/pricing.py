"""What models cost: dated, with their source, and ``None`` where it is not known.

The prices are those of text at the standard tier, per million tokens, in US dollars; the table is
in :mod:`~pytest_accelerate.providers.price_table`. What is missing there has no known price, and
never costs 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache

from pytest_accelerate.providers.price_table import AS_OF, PAGES, RATES, SOURCE
from pytest_accelerate.providers.reading import mapping
from pytest_accelerate.transport.answers import Answer, Usage


@dataclass(frozen=True)
class Price:
    """What one model costs; US dollars per million tokens."""

    provider: str
    model: str
    input_per_million: float
    output_per_million: float | None
    """``None`` for a model that writes none."""
    cached_per_million: float | None = None
    """Of input that the provider had kept; ``None`` where no such price is known."""
    cache_write_per_million: float | None = None
    """Of input that the provider was made to keep; ``None`` where that costs what input does."""
    up_to: int | None = None
    """Input tokens of one call beyond which other prices hold, which are not known here."""
    since: date | None = None
    """The first day on which it holds, where it was announced."""
    until: date | None = None
    """The first day on which it holds no more, where that was announced."""
    every_release: bool = False
    """Whether it is that of each dated release too, such as ``MODEL-20260101``."""
    as_of: date = AS_OF
    """The day on which the source said so."""
    source: str = SOURCE
    """The address where it was read."""
    page: str = ""
    """The provider's own page."""


def price(provider: str, model: str, on: date | None = None) -> Price | None:
    """The price of a model; ``None`` where it is not known.

    Args:
        provider: such as ``groq``.
        model: as an answer names it.
        on: the day; today by default. A price that was announced to end is not told after that.
    """
    day = on or datetime.now(UTC).date()
    listed = _by_name().get((provider, model)) or _by_release(provider, model)
    return next((each for each in listed if _holds(each, day)), None)


_PRICED_TIERS = (None, "auto", "default", "standard", "on_demand")
"""The service tiers that the table's prices are those of."""


def cost_of(provider: str, answer: Answer) -> float | None:
    """US dollars that an answer comes to at its model's price; ``None`` where that is not known.

    The model is the one that answered, under ``model`` or Gemini's ``modelVersion``.
    """
    model = answer.get("model") or answer.get("modelVersion")
    if answer.usage is None or not isinstance(model, str):
        return None
    tier = answer.get("service_tier") or mapping(answer.get("usage")).get("service_tier")
    if tier not in _PRICED_TIERS:
        return None
    return cost(answer.usage, price(provider, model))


def cost(usage: Usage, price: Price | None) -> float | None:
    """US dollars that a usage comes to; ``None`` where any part of it has no known price."""
    if price is None or (price.up_to is not None and usage.input_tokens > price.up_to):
        return None
    written_rate = price.cache_write_per_million
    parts = (
        (_fresh(usage), price.input_per_million),
        (usage.cached_tokens, price.cached_per_million),
        (usage.cache_write_tokens, price.input_per_million if written_rate is None
         else written_rate),
        (usage.output_tokens, price.output_per_million),
    )  # fmt: skip
    total = 0.0
    for tokens, rate in parts:
        if tokens and rate is None:
            return None
        total += tokens * (rate or 0.0)
    return total / 1e6


def _fresh(usage: Usage) -> int:
    return max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)


def _holds(price: Price, day: date) -> bool:
    return (price.since is None or price.since <= day) and (
        price.until is None or day < price.until
    )


_RELEASE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")


def _by_release(provider: str, model: str) -> tuple[Price, ...]:
    listed = _by_name().get((provider, _RELEASE.sub("", model)), ())
    return tuple(each for each in listed if each.every_release)


@cache
def _by_name() -> Mapping[tuple[str, str], tuple[Price, ...]]:
    found: dict[tuple[str, str], tuple[Price, ...]] = {}
    for provider, rates in RATES.items():
        for names, rate in rates:
            for model in names.split():
                known = Price(
                    provider, model, rate.input, rate.output, rate.cached, rate.written,
                    rate.up_to, rate.since, rate.until, rate.dated, page=PAGES[provider],
                )  # fmt: skip
                found[provider, model] = (*found.get((provider, model), ()), known)
    return found
