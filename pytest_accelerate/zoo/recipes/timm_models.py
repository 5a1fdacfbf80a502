"""Types that are models of timm's: small ones of the architectures that their checkpoints have.

They run where timm is installed; :mod:`~pytest_accelerate.zoo.recipes.parts` says so.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.recipe import Recipe

# One of each kind of block of Gemma 3n's encoder, in its four stages.
_MOBILENET_V5 = [
    ["er_r1_k3_s2_e4_c16"],
    ["uir_r1_a3_k5_s2_e6_c16", "uir_r1_a5_k0_s1_e4_c16"],
    ["uir_r1_a5_k5_s2_e6_c32", "mqa_r1_k3_h2_v2_s1_d16_c32", "uir_r1_a0_k0_s1_e1_c32"],
    ["uir_r1_a5_k5_s2_e6_c64", "mqa_r1_k3_h4_s1_d16_c64", "uir_r1_a0_k0_s1_e2_c64"],
]
_VISION = {"hidden_size": 2048}  # timm's encoder puts out as much, whatever its blocks are
_SIDE = 4
"""Places along a side of the image in the text, and of the encoder's output."""


class _Blocks(list[Any]):
    """Descriptions of blocks, of which timm uses up each that it builds: a copy for every model."""

    def __iter__(self) -> Iterator[Any]:
        return iter([copy.deepcopy(stage) for stage in super().__iter__()])


def _small_encoder(config: Any) -> None:
    decoded = import_module("timm.models._efficientnet_builder").decode_arch_def(_MOBILENET_V5)

    vision = getattr(config, "vision_config", config)
    vision.model_args = {
        "block_args": _Blocks(decoded),
        "stem_size": 16,
        "msfa_output_resolution": _SIDE,
        # Of the default, 1e-5, nothing is heard.
        "layer_scale_init_value": 1.0,
    }


_PIXELS = feeds.normal("image", 2, 3, 128, 128)

RECIPES: dict[str, Recipe] = {
    "timm_wrapper": Recipe(config={"architecture": "test_resnet"}),
    "timm_backbone": Recipe(config={"backbone": "test_resnet", "out_indices": [1, 2, 3, 4]}),
    "gemma3n_vision": Recipe(
        config=_VISION, adjust=_small_encoder, inputs={"pixel_values": _PIXELS}
    ),
    "gemma3n": Recipe(
        config={
            # The last tokens of its vocabulary are embedded as parts of images and of sounds.
            "vision_config": {**_VISION, "vocab_offset": 96, "vocab_size": 16},
            "audio_config": {"vocab_offset": 112, "vocab_size": 16},
            "text_config": {"vocab_size_per_layer_input": 96},
            "image_token_id": 97,
            "audio_token_id": 113,
            "vision_soft_tokens_per_image": _SIDE**2,
            # Of which four are heard, and the rest is filled.
            "audio_soft_tokens_per_image": 6,
        },
        adjust=_small_encoder,
        inputs={
            "pixel_values": _PIXELS,
            "input_features": feeds.filling(feeds.normal("audio", 2, 64, 128), audio=(6, 6)),
            "input_features_mask": feeds.mask(64, 16, boolean=True),
        },
    ),
    "edgetam_vision_model": Recipe(
        config={
            "backbone_config": {
                "architecture": "repvit_m1",
                "model_args": {
                    "embed_dim": [16, 32, 64, 128],
                    "depth": [1, 1, 1, 1],
                    "features_only": True,
                    "out_indices": [0, 1, 2, 3],
                },
            },
            "backbone_channel_list": [128, 64, 32, 16],
        }
    ),
}
