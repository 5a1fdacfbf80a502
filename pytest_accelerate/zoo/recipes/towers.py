"""Recipes of models that take over a vision tower, and do not read all of it."""

from __future__ import annotations

from pytest_accelerate.zoo.recipe import Recipe

# Their checkpoints come without the head, which pools what they do not read.
_HEADLESS = Recipe(config={"vision_config": {"vision_use_head": False}})


def _before_the_norm(tower: str = "vision_tower") -> Recipe:
    return Recipe(
        unheard={
            rf"{tower}\.post_layernorm\.(weight|bias)": "its tower's layers are read as they are, "
            "before the norm after the last"
        }
    )


# Checkpoints leave out the last layer of their tower; with two in all, that is half of it.
_LAST_LAYER = Recipe(config={"vision_feature_layer": -1})

RECIPES: dict[str, Recipe] = {
    **dict.fromkeys(
        (
            "cohere2_vision",
            "deepseek_vl",
            "deepseek_vl_hybrid",
            "gemma3",
            "lfm2_vl",
            "modernvbert",
            "shieldgemma2",
            "t5gemma2_encoder",
        ),
        _HEADLESS,
    ),
    **dict.fromkeys(
        ("aria", "aya_vision", "granite4_vision", "llava_onevision", "vipllava"),
        _before_the_norm(),
    ),
    **dict.fromkeys(
        ("llava", "llava_next", "llava_next_video"), _LAST_LAYER.over(_before_the_norm())
    ),
    "video_llava": _LAST_LAYER.over(_before_the_norm("(image|video)_tower")),
}
