"""Types that the zoo cannot build or feed yet, and what each is in want of.

An entry goes when a recipe brings what it names; ``lacks`` is the whole of the entry.
"""

from __future__ import annotations

from pytest_accelerate.zoo.recipe import Recipe

_SHARED = "a config that shares the caches of all layers, as it must, and that its layers accept"

_LACKS = {
    "esmfold2": "a small config that passes its own validation",
    "gemma4_assistant": _SHARED,
    "gemma4_unified_assistant": _SHARED,
    "nemotron_h_omni": "an audio config with the widths of its projection",
    "qwen2_5_omni_token2wav": "a way to give it the noise that it draws in each forward pass",
}

RECIPES: dict[str, Recipe] = {name: Recipe(lacks=what) for name, what in _LACKS.items()}
