"""The prices that are known, as facts.

They were read from ``genai-prices`` 0.2.3 as published on 2026-11-10, which keeps them after the
providers' own pages. Where ``litellm`` 1.110.2 has the model too, it has the same. A provider may
change them any day: its page says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

SOURCE = "https://pypi.org/project/genai-prices/0.2.3/"
AS_OF = date(2026, 11, 10)

PAGES: Mapping[str, str] = {
    "groq": "https://console.groq.com/docs/models",
    "openai": "https://developers.openai.com/api/docs/pricing",
    "claude": "https://platform.claude.com/docs/en/about-claude/pricing",
    "gemini": "https://ai.google.dev/gemini-api/docs/pricing",
}
"""Where each provider tells its prices."""


@dataclass(frozen=True)
class Rate:
    """What models cost, as :class:`~pytest_accelerate.providers.pricing.Price` says it."""

    input: float
    output: float | None
    cached: float | None = None
    written: float | None = None
    up_to: int | None = None
    since: date | None = None
    until: date | None = None
    dated: bool = False


_YEAR = date(2027, 1, 1)
_FLASH = "gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash"

RATES: Mapping[str, tuple[tuple[str, Rate], ...]] = {
    "groq": (
        ("llama-3.1-8b-instant", Rate(0.05, 0.08)),
        ("llama-3.3-70b-versatile", Rate(0.59, 0.79)),
        ("meta-llama/llama-4-maverick-17b-128e-instruct", Rate(0.2, 0.6)),
        ("meta-llama/llama-4-scout-17b-16e-instruct", Rate(0.11, 0.34)),
        ("meta-llama/llama-guard-4-12b", Rate(0.2, 0.2)),
        ("meta-llama/llama-prompt-guard-2-22m", Rate(0.03, 0.03)),
        ("meta-llama/llama-prompt-guard-2-86m", Rate(0.04, 0.04)),
        ("moonshotai/kimi-k2-instruct moonshotai/kimi-k2-instruct-0905", Rate(1, 3, 0.5)),
        ("openai/gpt-oss-120b", Rate(0.15, 0.6, 0.075)),
        ("openai/gpt-oss-20b", Rate(0.075, 0.3, 0.0375)),
        ("qwen/qwen3-32b", Rate(0.29, 0.59)),
        ("qwen/qwen3.8-27b", Rate(0.8, 4)),
    ),
    "openai": (
        ("gpt-4.1 gpt-4.1-2025-04-14", Rate(2, 8, 0.5)),
        ("gpt-4.1-mini gpt-4.1-mini-2025-04-14", Rate(0.4, 1.6, 0.1)),
        ("gpt-4.1-nano gpt-4.1-nano-2025-04-14", Rate(0.1, 0.4, 0.025)),
        ("gpt-4o gpt-4o-2024-08-06 gpt-4o-2024-11-20", Rate(2.5, 10, 1.25)),
        ("gpt-4o-mini gpt-4o-mini-2024-07-18", Rate(0.15, 0.6, 0.075)),
        ("gpt-5 gpt-5-2025-08-07", Rate(1.25, 10, 0.125)),
        ("gpt-5-mini gpt-5-mini-2025-08-07", Rate(0.25, 2, 0.025)),
        ("gpt-5-nano gpt-5-nano-2025-08-07", Rate(0.05, 0.4, 0.005)),
        ("gpt-5.1 gpt-5.1-2025-11-13", Rate(1.25, 10, 0.125)),
        ("gpt-5.2 gpt-5.2-2025-12-11", Rate(1.75, 14, 0.175)),
        ("gpt-5.4 gpt-5.4-2026-03-05", Rate(2.5, 15, 0.25, up_to=272_000)),
        ("gpt-5.4-mini gpt-5.4-mini-2026-03-17", Rate(0.75, 4.5, 0.075)),
        ("gpt-5.4-nano gpt-5.4-nano-2026-03-17", Rate(0.2, 1.25, 0.02)),
        ("gpt-5.5 gpt-5.5-2026-04-23 gpt-5.5-2026-04-24", Rate(5, 30, 0.5, up_to=272_000)),
        ("gpt-6-astra", Rate(10, 50, 1, 12.5, 272_000, dated=True)),
        ("gpt-6-luna", Rate(0.1, 0.5, 0.01, 0.125, 272_000, dated=True)),
        ("gpt-6-sol", Rate(2, 10, 0.2, 2.5, 272_000, dated=True)),
        ("gpt-6.1-sol", Rate(2, 10, 0.1, 2.5, 272_000, dated=True)),
        ("gpt-6.1-terra", Rate(1, 5, 0.05, 1.25, 272_000, dated=True)),
        ("o3 o3-2025-04-16", Rate(2, 8, 0.5)),
        ("o4-mini o4-mini-2025-04-16", Rate(1.1, 4.4, 0.275)),
        ("text-embedding-3-large", Rate(0.13, None)),
        ("text-embedding-3-small", Rate(0.02, None)),
    ),
    "claude": (
        ("claude-haiku-4-5", Rate(1, 5, 0.1, 1.25, dated=True)),
        ("claude-haiku-5-5", Rate(0.1, 0.5, 0.01, 0.125, 100_000, dated=True)),
        (
            "claude-opus-4-5 claude-opus-4-7 claude-opus-4-8 claude-opus-5",
            Rate(5, 25, 0.5, 6.25, dated=True),
        ),
        ("claude-opus-5-5", Rate(4, 20, 0.2, 5, dated=True)),
        ("claude-sonnet-4-5", Rate(3, 15, 0.3, 3.75, 200_000, dated=True)),
        ("claude-sonnet-5", Rate(2, 10, 0.2, 2.5, dated=True)),
        ("claude-sonnet-5-5", Rate(2, 10, 0.1, 2.5, dated=True)),
    ),
    "gemini": (
        ("gemini-2.5-flash", Rate(0.3, 2.5, 0.03)),
        ("gemini-2.5-flash-lite", Rate(0.1, 0.4, 0.01)),
        ("gemini-2.5-pro", Rate(1.25, 10, 0.125, up_to=200_000)),
        ("gemini-3.1-flash-lite", Rate(0.25, 1.5, 0.025)),
        ("gemini-3.1-pro-preview", Rate(2, 12, 0.2, up_to=200_000)),
        ("gemini-3.5-flash", Rate(1.5, 9, 0.15)),
        ("gemini-3.5-flash-lite", Rate(0.3, 2.5, 0.03)),
        (_FLASH, Rate(0.75, 3.75, 0.075, until=_YEAR)),
        (_FLASH, Rate(1.5, 7.5, 0.15, since=_YEAR)),
        ("gemini-4-argon", Rate(2, 10, 0.1, until=date(2026, 12, 1))),
        ("gemini-4-argon", Rate(4, 20, 0.2, since=date(2026, 12, 1))),
        ("gemini-embedding-001", Rate(0.15, None)),
    ),
}
"""By provider and models, with spaces between those that cost the same. Sound costs otherwise with
some of Gemini's models: a client that knows of sound in a usage has no price for it here."""
