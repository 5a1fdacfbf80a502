"""Recipes of models that read images beside text: documents, screens, photographs."""

from __future__ import annotations

from functools import partial

import torch

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.inputs import vision
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe

# Pixels of 128 by 128 become 8 by 8 patches, and these 2 by 2 features as wide as the encoder.
_SAM_TOWER = Recipe(
    config={
        "image_size": 128,
        "window_size": 3,
        "global_attn_indexes": [1],
        "downsample_channels": [32, 64],
    }
)
_WHOLE_PAGES = {"pixel_values": feeds.normal("image", 2, 3, 128, 128)}
# Each page is seen whole and in two tiles.
_TILED_PAGES = {
    **_WHOLE_PAGES,
    "pixel_values_local": feeds.normal("image", 4, 3, 64, 64),
    "num_local_patches": feeds.sequence(2, 2),
}

_POOLED_FOURS = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
"""The patches of each token where four by four of them are pooled two by two."""

_TWO_BY_THREE = [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]
_TWO_BY_TWO = [[0, 0], [1, 0], [0, 1], [1, 1], [-1, -1], [-1, -1]]
"""Column and row of each patch; those of padding are -1."""

_MERGED_PATCHES = {
    "pixel_values": feeds.normal("image", 10, 40, 40, 3),
    "image_grid_thw": feeds.constant([[1, 2, 2], [1, 2, 3]]),
}
_FOLDED_PATCHES = {"pixel_values": feeds.normal("image", 8, 2, 2, 2, 3)}


def _padded_before(feeding: Feeding) -> torch.Tensor:
    """Twelve tokens and the block of sixteen that follows them; the last row begins in padding."""
    return feeding.mask(12 + 16).flip(-1)


def _pooling(*crops: int) -> torch.Tensor:
    """Patches pooled into each token, by their number among those of all crops, of ``crops``."""
    fours = torch.tensor(_POOLED_FOURS)
    return torch.cat([fours + 16 * crop for crop in crops])


_NOT_FINE = {
    r"(vision_model\.)?connector\.fine\..*": "a call is coarse or fine, and this one coarse"
}

RECIPES: dict[str, Recipe] = {
    "deepseek_ocr2_sam_vision_model": _SAM_TOWER,
    "deepseek_ocr2_vision": Recipe(
        inputs=_WHOLE_PAGES,
        unheard={
            r"query_1024_resolution\.weight": "a call asks large images or small ones, here small; "
            "deepseek_ocr2 has both"
        },
    ),
    "deepseek_ocr2_encoder": Recipe(
        inputs={
            "inputs_embeds": feeds.normal("image", 2, 12, 64),
            "num_patches": feeds.constant(4),
        }
    ),
    # Whole pages of 13 by 13 features are asked by the queries for large images, tiles by others.
    # No layer attends to all their 2704 patches at once; one of deepseek_ocr2_vision does to fewer.
    "deepseek_ocr2": Recipe(
        config={
            "vision_config": {
                "sam_config": {"patch_size": 2, "image_size": 104, "global_attn_indexes": []}
            }
        },
        inputs={**_TILED_PAGES, "pixel_values": feeds.normal("image", 2, 3, 104, 104)},
    ),
    "unlimited_ocr_sam_vision_model": _SAM_TOWER,
    "unlimited_ocr_vision_encoder": Recipe(
        config={"image_size": 28}, inputs={"patch_embeds": feeds.normal("image", 2, 64, 2, 2)}
    ),
    "unlimited_ocr_vision": Recipe(inputs=_WHOLE_PAGES),
    "unlimited_ocr": Recipe(
        inputs={**_TILED_PAGES, "patches_grid": feeds.sequence([2, 1], [1, 2])}
    ),
    "emu3_vqgan": Recipe(
        config={
            "hidden_size": 128,
            "num_res_blocks": 1,
            # Its last layers halve what little a few channels hold, and biases take over.
            "latent_channels": 32,
            "embed_dim": 16,
            "codebook_size": 112,
            "temporal_downsample_factor": 2,
        }
    ),
    "emu3": Recipe(
        config={
            "vocabulary_map": {
                "<image>": 4,
                "<|extra_200|>": 5,
                **{f"<|visual token {index:06d}|>": 8 + index for index in range(112)},
            }
        },
        inputs={
            "pixel_values": feeds.normal("image", 2, 3, 24, 24),
            # The second image is half as wide, and padded.
            "image_sizes": feeds.constant([[24, 24], [24, 12]]),
        },
        unheard={r"vqmodel\.(decoder|post_quant_conv)\..*": "it reads images, and makes none"},
        why="the map of its image tokens comes with its checkpoints",
    ),
    # What it sees and hears becomes tokens of its vocabulary, which end with those of sound.
    "apertus1p5": Recipe(
        config={
            "text_config": {"vocab_size": 160},
            "vision_config": {
                "resolution": 32,
                "num_res_blocks": 1,
                "latent_channels": 32,
                "embed_dim": 16,
            },
            "image_token_id": 10,
            "audio_token_id": 11,
            "image_token_offset": 32,
            "audio_token_offset": 96,
        },
        inputs={
            "pixel_values": feeds.normal("image", 2, 3, 16, 16),
            # The second image is half as wide, and padded.
            "image_sizes": feeds.constant([[16, 16], [16, 8]]),
            "input_values": feeds.normal("audio", 2, 1, 48 * 16),
            "padding_mask": feeds.filling(feeds.mask(48 * 16, 16 * 16), audio=(48, 32)),
        },
    ),
    "granite_docling_vision": Recipe(
        config={"image_size": 128, "deepstack_visual_indexes": [0]}, unheard=_NOT_FINE
    ),
    "granite_docling": Recipe(
        inputs={
            "pixel_values": feeds.normal("image", 2, 3, 3, 128, 128),
            "pixel_attention_mask": feeds.mask(3, 1, boolean=True),
        },
        unheard=_NOT_FINE,
    ),
    "granite4_vision": Recipe(
        config={
            "vision_config": {"image_size": 64, "patch_size": 16},
            # Every projection of the image enters the text at a layer of its own.
            "text_config": {"num_hidden_layers": 5},
            "deepstack_layer_map": [[-2, 0]],
            "spatial_target_layers": [1, 2, 3, 4],
            # Two by two queries in a window of four by four patches.
            "downsample_rate": "2/4",
            "image_grid_pinpoints": [[64, 128], [128, 64]],
        },
        inputs={
            "pixel_values": feeds.normal("image", 2, 3, 3, 64, 64),
            "image_sizes": feeds.constant([[64, 128], [128, 64]]),
        },
    ),
    "molmo2_adapter": Recipe(
        config={"vision_feature_layer": [1, 0], "text_hidden_size": 64},
        inputs={
            "image_features": feeds.normal("image", 2, 16, 128),
            "pooled_patches_idx": Feed(lambda feeding: _pooling(0, 1)),
        },
    ),
    "molmo2": Recipe(
        config={"image_patch_id": 100},
        inputs={
            "pixel_values": feeds.normal("image", 3, 16, 588),
            # The first image is seen whole and in one crop, the second whole alone.
            "image_token_pooling": Feed(lambda feeding: _pooling(0, 1, 2)),
            "image_grids": feeds.constant([[2, 2, 2, 2], [2, 2, 0, 0]]),
        },
        omit=("pixel_values_videos",),
        instead={"video": "it takes images or a video, and a video goes the way of the images"},
    ),
    "gemma4_unified_vision": Recipe(config={"patch_size": 4}),
    "gemma4_unified": Recipe(
        inputs={
            "pixel_values": feeds.uniform("image", 2, 6, 432),
            "image_position_ids": feeds.constant([_TWO_BY_THREE, _TWO_BY_TWO]),
            "pixel_values_videos": feeds.uniform("video", 4, 6, 432),
            "video_position_ids": feeds.constant([_TWO_BY_THREE] * 2 + [_TWO_BY_TWO] * 2),
            "num_frames_per_video": feeds.constant([2, 2]),
            "input_features": feeds.normal("audio", 2, 8, 64),
            "input_features_mask": feeds.mask(8, 2, boolean=True),
        }
    ),
    "inkling2_vision": Recipe(config={"posemb_grid_size": 8}, inputs=_MERGED_PATCHES),
    **dict.fromkeys(("inkling2", "inkling2_loop"), Recipe(inputs=_MERGED_PATCHES)),
    "inkling_audio": Recipe(
        config={"n_mel_bins": 8, "mel_vocab_size": 16},
        inputs={"audio_input_ids": feeds.integers("audio", 0, 16, 2, 8, 8)},
    ),
    # With as many layers as scales, it finds the scale of each without scipy.
    "inkling_vision": Recipe(
        config={"patch_size": 2, "num_hidden_layers": 3},
        inputs=_FOLDED_PATCHES,
    ),
    "inkling_mm_model": Recipe(
        inputs={
            **_FOLDED_PATCHES,
            "audio_input_ids": feeds.integers("audio", 0, 16, 2, 8, 8),
            "audio_input_ids_mask": feeds.filling(feeds.mask(8, 2), audio=(8, 6)),
        },
    ),
    "muse_glimmer": Recipe(
        config={"out_hidden_size": 256}, why="it merges two by two patches into one of four widths"
    ),
    "muse_glimmer_assistant": Recipe(
        config={"target_layer_ids": [0, 1]},
        inputs={
            # It refines a block after what two layers of its target made of twelve tokens.
            "noise_embeds": feeds.normal("embeddings", 2, 16, 64),
            "context_hidden_states": feeds.normal("text", 2, 12, 2 * 64),
            "attention_mask": Feed(_padded_before),
        },
    ),
    "ernie4_5_vl_moe": Recipe(
        inputs={
            "pixel_values_videos": Feed(
                partial(vision.packed, grid="video_grid_thw", frames=2), "video"
            ),
        },
    ),
    # Its video is told from its images by the tokens around it, not by a token of its own.
    "glm5_next": Recipe(config={"image_token_id": 100, "video_token_id": 100}),
    "glm_image_vqmodel": Recipe(config={"latent_channels": 64}),
    "glm_image": Recipe(
        inputs={
            # Each patch of the two images to start from fills a token of the text.
            "pixel_values": feeds.filling(
                feeds.normal("image", 64 + 128, 3 * 16 * 16), image=(64, 128)
            ),
            # After the grid of each image follows that of the image to make of it.
            "image_grid_thw": feeds.constant([[1, 8, 8], [1, 4, 4], [1, 8, 16], [1, 4, 4]]),
            "images_per_sample": feeds.constant([2, 2]),
        },
        unheard={r"vqmodel\.post_quant_conv\..*": "it reads images, and makes none"},
    ),
    "muse_spark_audio": Recipe(
        config={"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 1, 1]},
        inputs={"input_values": feeds.normal("audio", 2, 3 * 1920)},
    ),
    "muse_spark": Recipe(
        config={"out_hidden_size": 256},
        inputs={
            "input_values": feeds.normal("audio", 2, 3 * 1920),
            # 1920 samples of sound fill a token of the text.
            "input_values_mask": feeds.filling(feeds.mask(3 * 1920, 1920), audio=(3, 2)),
        },
    ),
}
