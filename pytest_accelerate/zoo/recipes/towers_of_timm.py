"""Types whose published vision tower is timm's, with one of transformers' own in its place.

timm needs torchvision, whose PyPI wheels break a CPU build of torch. The configs of these types
take any tower that transformers has, and all that is the type's own runs as it is: what timm would
bring is not part of it.
"""

from __future__ import annotations

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.recipe import Recipe
from pytest_accelerate.zoo.recipes import vision

_WHY = "its published tower is timm's, which needs a torchvision built for this torch"
_VIT = {"model_type": "vit", "image_size": 32, "num_labels": 16}
_FRAMES = {
    "pixel_values_videos": feeds.normal("video", 2, 4, 3, 32, 32),
    "padding_mask_videos": feeds.mask(4, 1, boolean=True),
}
_SAM2 = {"model_type": "sam2_vision_model"}
_EDGETAM_VIDEO = {
    "vision_config": {
        **_SAM2,
        "fpn_hidden_size": 128,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    },
    "prompt_encoder_config": {"hidden_size": 128},
    "mask_decoder_config": {"hidden_size": 128},
    # Its perceiver keeps a grid of two by two of each memory of four by four.
    "perceiver_resampler_num_latents_2d": 4,
    "perceiver_resampler_attention_head_dim": 64,
    "memory_attention_rope_k_sizes": [2, 2],
    "memory_attention_rope_feat_sizes": [4, 4],
    "memory_attention_num_layers": 1,
    "image_size": 64,
    **dict.fromkeys(
        (
            "memory_attention_hidden_size",
            "memory_encoder_hidden_size",
            "memory_fuser_embed_dim",
            "mask_downsampler_embed_dim",
        ),
        128,
    ),
}

RECIPES: dict[str, Recipe] = {
    "fast_vlm": Recipe(
        config={"vision_config": {"model_type": "vitdet"}, "image_seq_length": 16}, why=_WHY
    ),
    "perception_lm": Recipe(
        config={"vision_config": {"model_type": "vit", "model_args": {"embed_dim": 64}}},
        # Tiles of an image, and frames of a video.
        inputs={
            "pixel_values": feeds.normal("image", 2, 1, 3, 64, 64),
            "pixel_values_videos": feeds.filling(
                feeds.normal("video", 2, 2, 3, 64, 64), video=(2 * 16, 2 * 16)
            ),
        },
        unheard={r"vision_tower\.pooler\..*": "it takes what its tower says of each patch"},
        why=_WHY,
    ),
    "pe_video_encoder": Recipe(config={"vision_config": _VIT}, inputs=_FRAMES, why=_WHY),
    "pe_video": Recipe(inputs=_FRAMES, why=_WHY),
    "pe_audio_video_encoder": Recipe(inputs=_FRAMES, why=_WHY),
    "pe_audio_video": Recipe(inputs=_FRAMES, why=_WHY),
    "edgetam": Recipe(config={"vision_config": _SAM2}, why=_WHY).over(vision.PROMPTED),
    "edgetam_video": Recipe(config=_EDGETAM_VIDEO, why=_WHY).over(vision.tracked(64, frames=3)),
}
