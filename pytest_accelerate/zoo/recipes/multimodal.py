"""Recipes of models that take several modalities at once."""

from __future__ import annotations

from functools import partial

import torch

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.inputs import vision
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe

_MANY_IMAGES = Recipe(inputs={"pixel_values": Feed(vision.many_images, "image")})
# Images of one by two tiles: a thumbnail and two tiles each.
_ANYRES = Recipe(
    config={"image_grid_pinpoints": [[56, 112], [112, 56]]},
    inputs={
        "pixel_values": feeds.normal("image", 2, 3, 3, 56, 56),
        "image_sizes": feeds.constant([[56, 112], [112, 56]]),
    },
)
_FOUR_TOKENS = Recipe(config={"mm_tokens_per_image": 4})
_FLATTENED = Recipe(inputs={"flattened_patches": feeds.normal("image", 2, 8, 770)})


def _patches(layout: str, grid: str = "image_grid_thw") -> Recipe:
    """Packed patches that keep their two dimensions."""
    return Recipe(
        inputs={"pixel_values": Feed(partial(vision.packed, grid=grid, layout=layout), "image")}
    )


_QFORMER = Recipe(
    inputs={"qformer_input_ids": feeds.words(2, 6), "qformer_attention_mask": feeds.mask(6, 2)}
)


def _one_patch_masked(feeding: Feeding) -> torch.Tensor:
    mask = torch.ones(2, 64, 64, dtype=torch.int64)
    mask[:, 32:, 32:] = 0
    return mask


RECIPES: dict[str, Recipe] = {
    "align": Recipe(config={"projection_dim": 80}),
    "aria": Recipe(config={"projector_patch_to_query_dict": {4: 4, 16: 4}}),
    "blip_2_qformer": Recipe(
        inputs={
            "query_embeds": feeds.normal("", 2, 4, 64),
            "encoder_hidden_states": feeds.normal("", 2, 8, 64),
        }
    ),
    "colmodernvbert": _MANY_IMAGES,
    "colqwen2": Recipe(
        inputs={
            "pixel_values": feeds.normal("image", 2, 32, 1176),
            "image_grid_thw": feeds.constant([[1, 4, 4], [1, 4, 8]]),
        }
    ),
    "deepseek_vl_hybrid": Recipe(
        inputs={"high_res_pixel_values": feeds.normal("image", 2, 3, 64, 64)}
    ),
    "fuyu": Recipe(inputs={"pixel_values": feeds.normal("image", 2, 4, 2700)}),
    "gemma3": _FOUR_TOKENS,
    "shieldgemma2": _FOUR_TOKENS,
    "t5gemma2": Recipe(config={"encoder": {"mm_tokens_per_image": 4}}),
    "t5gemma2_encoder": _FOUR_TOKENS,
    "idefics2": _MANY_IMAGES,
    "idefics3": _MANY_IMAGES,
    "smolvlm": _MANY_IMAGES,
    "modernvbert": _MANY_IMAGES,
    "ultravbert": _MANY_IMAGES,
    "idefics": Recipe(
        inputs={
            "pixel_values": Feed(vision.many_images, "image"),
            "image_attention_mask": feeds.ones(2, 12, 1),
        }
    ),
    "instructblip": _QFORMER,
    "instructblipvideo": Recipe(
        inputs={"pixel_values": feeds.normal("video", 2, 4, 3, 56, 56)},
        instead={"image": "its images are frames of a video"},
    ).over(_QFORMER),
    "kimi_k25": Recipe(
        inputs={
            "pixel_values_videos": Feed(
                partial(vision.packed, grid="video_grid_thw", layout="patches"), "video"
            )
        }
    ).over(_patches("patches")),
    "kimi_k25_vision": _patches("patches", "grid_thw"),
    "paddleocr_vl": _patches("patches"),
    "paddleocr_vl_vision": _patches("sequence", "grid_thw"),
    "chameleon": Recipe(
        config={
            "vocabulary_map": {
                "<image>": 4,
                **{
                    f"IMGIMG{''.join(chr(ord('A') + int(digit)) for digit in str(index))}Z": 8
                    + index
                    for index in range(64)
                },
            }
        },
        why="the map of its image tokens comes with its checkpoints",
    ),
    "emu3": Recipe(
        config={
            "vocabulary_map": {
                "<image>": 4,
                "<|extra_200|>": 5,
                **{f"<|visual token {index:06d}|>": 8 + index for index in range(64)},
            }
        },
        why="the map of its image tokens comes with its checkpoints",
    ),
    "idefics2_perceiver": Recipe(
        inputs={"context": feeds.normal("image", 2, 16, 64), "attention_mask": feeds.ones(2, 16)}
    ),
    "perceiver": Recipe(
        inputs={"inputs": feeds.normal("embeddings", 2, 12, 64), "attention_mask": feeds.mask(12)},
        why="without a preprocessor it takes embeddings",
    ),
    "qwen2_5_omni_thinker": Recipe(config={"vision_start_token_id": 103}),
    "vilt": Recipe(
        config={"max_image_length": 4},
        inputs={"pixel_mask": Feed(_one_patch_masked)},
        why="it fills up with patches drawn from the masked ones: with one there is no chance",
    ),
    "kosmos-2.5": _FLATTENED,
    "pix2struct": _FLATTENED,
    "lfm2_vl": Recipe(
        inputs={
            "pixel_values": feeds.normal("image", 2, 8, 768),
            "pixel_attention_mask": feeds.mask(8, 0),
            "spatial_shapes": feeds.constant([[2, 4], [4, 2]]),
        }
    ),
    "siglip2": Recipe(
        inputs={
            "pixel_values": feeds.normal("image", 2, 8, 768),
            "pixel_attention_mask": feeds.mask(8, 2),
            "spatial_shapes": feeds.constant([[2, 4], [2, 3]]),
        }
    ),
    "llava": Recipe(
        omit=("image_sizes",), why="it passes them to towers that crop, and CLIP's does not"
    ),
    "llava_next": _ANYRES,
    "llava_next_video": Recipe(
        inputs={"pixel_values_videos": feeds.normal("video", 2, 4, 3, 56, 56)}
    ).over(_ANYRES),
    "llava_onevision": _ANYRES,
    "lxmert": Recipe(
        config={"visual_feat_dim": 32},
        inputs={
            "visual_feats": feeds.normal("image", 2, 5, 32),
            "visual_pos": feeds.uniform("boxes", 2, 5, 4),
        },
    ),
    "mllama_text_model": Recipe(config={"cross_attention_layers": [1]}),
    "mllama": Recipe(
        inputs={
            "pixel_values": feeds.normal("image", 2, 1, 4, 3, 56, 56),
            "aspect_ratio_ids": feeds.constant([[1], [6]]),
            "aspect_ratio_mask": feeds.constant([[[1, 1, 0, 0]], [[1, 1, 1, 1]]]),
            "cross_attention_mask": feeds.ones(2, 12, 1, 4),
        }
    ),
    "neomme": Recipe(inputs={"pixel_values": feeds.normal("image", 8, 3072)}),
    "udop": Recipe(inputs={"bbox": feeds.uniform("boxes", 2, 12, 4)}),
    "vipllava": Recipe(config={"vision_feature_layers": (-1, -2)}),
}
