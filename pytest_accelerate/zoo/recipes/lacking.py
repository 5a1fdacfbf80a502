"""Types that the zoo cannot build or feed yet, and what each is in want of.

An entry goes when a recipe brings what it names; ``lacks`` is the whole of the entry.
"""

from __future__ import annotations

from pytest_accelerate.zoo.recipe import Recipe

_SMALLER = "a config small enough: the rules leave it over the budget of parameters"
_CONFIG = "a small config that passes the type's own validation"
_PATCHES = "patches in the layout in which its vision tower packs them"
_WIDTHS = "widths that agree between its stages"
_TOKENS = "placeholder tokens in the order and number that it counts"
_CODES = "codes and conditions of its audio decoder in their layout"

_LACKS = {
    "dots3_note": _SMALLER,
    "dots3_note_text": _SMALLER,
    "muse_spark_audio": _SMALLER,
    "neucodec": _SMALLER,
    "rag": _SMALLER,
    "xcodec2": _SMALLER,
    "esmfold2": _CONFIG,
    "gemma4_assistant": _CONFIG,
    "gemma4_unified_assistant": _CONFIG,
    "nemotron_h_omni": _CONFIG,
    "vibevoice_asr": _CONFIG,
    "pi0": _PATCHES,
    "phi4_multimodal_audio": _WIDTHS,
    "vibevoice": _WIDTHS,
    "musicflamingo": _TOKENS,
    "qwen2_5_omni_thinker": _TOKENS,
    "qwen2_audio": _TOKENS,
    "qwen3_omni_moe_thinker": _TOKENS,
    "voxtral_realtime": _TOKENS,
    "csm": _CODES,
    "inkling_audio": _CODES,
    "moshi_depth": _CODES,
    "qwen2_5_omni_dit": _CODES,
    "qwen2_5_omni_token2wav": _CODES,
    "bark": "a way through its three generating parts: the whole has no forward pass",
    "blt": "hashes of byte groups in the size of its embeddings",
    "blt_local_decoder": "the encoder's patches that it reads",
    "blt_local_encoder": "the map from bytes to patches that it reads",
    "dots3_note_audio_encoder": "lengths of the chunks that its sound is cut into",
    "jev": "the questions, options and marks that it decides between",
    "voxtral_realtime_text": "the delay embeddings that condition it",
}

RECIPES: dict[str, Recipe] = {name: Recipe(lacks=what) for name, what in _LACKS.items()}
