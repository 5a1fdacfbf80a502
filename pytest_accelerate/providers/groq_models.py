"""What Groq's models can do: facts with their sources, and nothing where there is none.

Sources: the models that the ``groq`` package 1.7 names for each operation, its notes on
``reasoning_effort``, https://console.groq.com/docs/vision, https://console.groq.com/docs/tool-use,
https://console.groq.com/docs/speech-to-text and https://console.groq.com/docs/text-to-speech.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from pytest_accelerate.errors import InvalidParameters, nearest
from pytest_accelerate.providers.reading import text_of

Feature: TypeAlias = Literal["chat", "vision", "tools", "reasoning", "audio", "speech"]
"""``audio`` is text made of sound, ``speech`` sound made of text."""


@dataclass(frozen=True)
class Compatibility:
    """Whether one model can be used for one thing."""

    model: str
    feature: str
    exists: bool
    """Whether Groq lists it as a model that is served now."""
    supported: bool | None
    """Whether it is made for that; ``None`` where it is not known."""

    @property
    def usable(self) -> bool | None:
        """``False`` for a model that there is not, or that cannot; ``None`` for not known."""
        return self.supported if self.exists else False


def compatibility(model: str, feature: str, listed: Iterable[Mapping[str, Any]]) -> Compatibility:
    """What is known of a model.

    Args:
        model: its name.
        feature: what it is wanted for.
        listed: the entries of Groq's list of models.

    Raises:
        InvalidParameters: no such feature is known.
    """
    features = get_args(Feature)
    if feature not in features:
        raise InvalidParameters(
            f"unknown feature {feature!r}{nearest(feature, features)}; known: {', '.join(features)}"
        )
    exists = any(
        text_of(each.get("id")) == model and each.get("active") is not False for each in listed
    )
    return Compatibility(model, feature, exists, _FACTS.get(model, {}).get(feature))


def _facts(can: str, cannot: str = "") -> Mapping[str, bool]:
    return {**dict.fromkeys(can.split(), True), **dict.fromkeys(cannot.split(), False)}


_TEXT = _facts("chat tools", "vision audio speech")
_THINKER = _facts("chat tools reasoning", "vision audio speech")
_SEEING_THINKER = _facts("chat tools reasoning vision", "audio speech")
_LISTENER = _facts("audio", "chat vision tools reasoning speech")
_SPEAKER = _facts("speech", "chat vision tools reasoning audio")
_CHAT = _facts("chat", "audio speech")

_FACTS: Mapping[str, Mapping[str, bool]] = {
    "llama-3.1-8b-instant": _TEXT,
    "llama-3.3-70b-versatile": _TEXT,
    "meta-llama/llama-4-maverick-17b-128e-instruct": _facts("chat tools vision", "audio speech"),
    "meta-llama/llama-4-scout-17b-16e-instruct": _facts("chat tools vision", "audio speech"),
    "meta-llama/llama-guard-4-12b": _CHAT,
    "moonshotai/kimi-k2-instruct": _TEXT,
    "openai/gpt-oss-120b": _THINKER,
    "openai/gpt-oss-20b": _THINKER,
    "qwen/qwen3-32b": _THINKER,
    "qwen/qwen3.6-27b": _SEEING_THINKER,
    "qwen/qwen3.8-27b": _SEEING_THINKER,
    "compound-beta": _CHAT,
    "compound-beta-mini": _CHAT,
    "whisper-large-v3": _LISTENER,
    "whisper-large-v3-turbo": _LISTENER,
    "canopylabs/orpheus-v1-english": _SPEAKER,
    "canopylabs/orpheus-arabic-saudi": _SPEAKER,
    "playai-tts": _SPEAKER,
    "playai-tts-arabic": _SPEAKER,
}
