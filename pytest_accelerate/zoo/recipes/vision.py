"""Recipes of models that see."""

from __future__ import annotations

import torch

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.inputs import vision
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe
from pytest_accelerate.zoo.sessions import Finding, Tracking

_HGNET = {
    "stem_channels": (3, 8, 16),
    "stage_in_channels": (16, 16, 32, 64),
    "stage_mid_channels": (8, 8, 16, 16),
    "stage_out_channels": (16, 32, 64, 128),
    "hidden_sizes": (16, 32, 64, 128),
    "embedding_size": 16,
    "stage_num_blocks": (1, 1, 1, 1),
    "stage_numb_of_layers": (2, 2, 2, 2),
}

_POINTS = {
    "input_points": Feed(
        lambda feeding: 64 * torch.rand(2, 1, 2, 2, generator=feeding.generator), "points"
    ),
    "input_labels": feeds.ones(2, 1, 2),
    "input_boxes": Feed(
        lambda feeding: torch.tensor([[[4.0, 6.0, 40.0, 50.0]], [[10.0, 2.0, 30.0, 60.0]]]), "boxes"
    ),
    "input_masks": feeds.normal("masks", 2, 1, 16, 16),
}
_PROMPTED = Recipe(inputs=_POINTS)


def _tracked(side: int) -> Recipe:
    """Three frames in which two objects are followed: one shown by points, one by a mask."""

    def middle(feeding: Feeding) -> torch.Tensor:
        mask = torch.zeros(1, 1, side, side)
        mask[..., side // 4 : -side // 4, side // 4 : -side // 4] = 1.0
        return mask

    return Recipe(
        around=Tracking,
        config={
            # Its memories are 64 wide, and its features, which it splits into them, wider.
            "vision_config": {
                "fpn_hidden_size": 128,
                "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            },
            "prompt_encoder_config": {"hidden_size": 128},
            "mask_decoder_config": {"hidden_size": 128},
            **dict.fromkeys(
                (
                    "memory_attention_hidden_size",
                    "memory_encoder_hidden_size",
                    "memory_fuser_embed_dim",
                    "mask_downsampler_embed_dim",
                ),
                128,
            ),
            "memory_attention_num_layers": 1,
            "memory_attention_rope_feat_sizes": [4, 4],
            "image_size": side,
        },
        inputs={
            "pixel_values_videos": feeds.normal("video", 1, 3, 3, side, side),
            # Two corners of a box, a point on the object and one beside it.
            "input_points": feeds.constant(
                [[[[4.0, 6.0], [40.0, 50.0], [20.0, 30.0], [50.0, 4.0]]]], "points"
            ),
            "input_labels": feeds.constant([[[2, 3, 1, 0]]]),
            "input_masks": Feed(middle, "masks"),
        },
    )


_HIERA_DET = {
    "global_attention_blocks": [3],
    "blocks_per_stage": [1, 1, 2, 1],
    "window_size_per_stage": [4, 4, 2, 2],
    "image_size": [64, 64],
    "hidden_size": 16,
}
_SAM2_VISION = {"backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]]}


_MATCHER = Recipe(inputs={"pixel_values": feeds.normal("image", 2, 2, 3, 64, 64)})

_EFFICIENT = {
    "width_coefficient": 0.25,
    "depth_coefficient": 0.2,
    "num_block_repeats": (1, 1, 1, 1, 1, 1, 1),
    "hidden_dim": 320,
}

_PATCH_ROWS = {"patch_embed_hidden_size": 768}
_FLATTENED = {"flattened_patches": vision.FLATTENED_PATCHES}

RECIPES: dict[str, Recipe] = {
    "bridgetower_vision_model": Recipe(inputs={"image": feeds.normal("image", 2, 3, 64, 64)}),
    "florence_vision": Recipe(inputs={"hidden_states": feeds.normal("image", 2, 3, 64, 64)}),
    "kosmos_2_5_vision_model": Recipe(config=_PATCH_ROWS, inputs=_FLATTENED),
    "pix2struct_vision_model": Recipe(config=_PATCH_ROWS, inputs=_FLATTENED),
    "llama4_vision_model": Recipe(
        config={
            "intermediate_size": 256,
            "projector_input_dim": 64,
            "projector_output_dim": 64,
            "vision_output_dim": 64,
        }
    ),
    "mllama_vision_model": Recipe(
        config={"intermediate_layers_indices": [0, 1], "vision_output_dim": 192},
        inputs={
            "pixel_values": feeds.normal("image", 2, 1, 4, 3, 56, 56),
            "aspect_ratio_ids": feeds.constant([[1], [6]]),
            "aspect_ratio_mask": feeds.constant([[[1, 1, 0, 0]], [[1, 1, 1, 1]]]),
        },
    ),
    "sam3_tracker": Recipe(
        config={"vision_config": {"backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]]}}
    ).over(_PROMPTED),
    "siglip2_vision_model": Recipe(
        config={"num_patches": 16},
        inputs={
            "pixel_values": feeds.normal("image", 2, 8, 768),
            "pixel_attention_mask": feeds.mask(8, 2),
            "spatial_shapes": feeds.constant([[2, 4], [2, 3]]),
        },
    ),
    "xclip_vision_model": Recipe(
        config={"num_frames": 2}, inputs={"pixel_values": feeds.normal("image", 4, 3, 64, 64)}
    ),
    "align_vision_model": Recipe(config=_EFFICIENT),
    "bit": Recipe(config={"num_groups": 4}),
    "cvt": Recipe(config={"depth": (1, 2, 3)}),
    "depth_pro": Recipe(
        config={
            "patch_size": 32,
            "intermediate_hook_ids": (1, 0),
            "intermediate_feature_dims": (64, 64),
            "image_model_config": {"image_size": 32, "patch_size": 4},
            "patch_model_config": {"image_size": 32, "patch_size": 4},
            "fov_model_config": {"image_size": 32, "patch_size": 4},
        },
        inputs={"pixel_values": feeds.normal("image", 2, 3, 128, 128)},
    ),
    "efficientloftr": Recipe(
        config={
            "out_features": [16, 16, 32, 64],
            "stage_num_blocks": [1, 1, 1, 1],
            "coarse_matching_threshold": 0.0,
            "num_attention_heads": 8,
        },
        inputs={"pixel_values": feeds.normal("image", 2, 2, 3, 64, 64)},
    ),
    # A map of one pixel leaves two numbers to a group of its norm: their mere order, or noise.
    "deformable_detr": Recipe(
        config={"num_feature_levels": 2},
        inputs={"pixel_values": feeds.normal("image", 2, 3, 128, 128)},
    ),
    "efficientnet": Recipe(config=_EFFICIENT),
    "hgnet_v2": Recipe(config=_HGNET),
    "hiera": Recipe(
        config={"image_size": (64, 64), "patch_stride": (2, 2)},
        # The order in which mask units are kept is sorted noise; without it, it is drawn anew.
        inputs={"noise": feeds.uniform("", 2, 16)},
    ),
    "lightglue": _MATCHER,
    "superglue": Recipe(
        config={
            "keypoint_detector_config": {"descriptor_decoder_dim": 64},
            # Each of the default's 18 layers sharpens what the one before has attended to.
            "gnn_layers_types": ["self", "cross"],
        }
    ).over(_MATCHER),
    "omdet-turbo": Recipe(
        config={
            "backbone_config": {"embed_dim": 16},
            # The norms after its backbone are for timm's; this one has its own.
            "apply_layernorm_after_vision_backbone": False,
            "text_projection_in_dim": 64,
            "text_projection_out_dim": 64,
            # It has a projection for tasks of another width than its queries', and for no others.
            "encoder_hidden_dim": 32,
            "decoder_hidden_dim": 32,
            "vision_features_channels": (32, 32, 32),
        },
        inputs={
            "classes_input_ids": feeds.words(4, 6),
            "classes_attention_mask": feeds.mask(6, 2, batch=4),
            "tasks_input_ids": feeds.words(2, 6),
            "tasks_attention_mask": feeds.mask(6, 2),
            "classes_structure": feeds.constant([2, 2]),
        },
    ),
    "oneformer": Recipe(inputs={"task_inputs": feeds.words(2, 77)}),
    "gemma4_vision": Recipe(
        inputs={
            "pixel_values": feeds.uniform("image", 2, 36, 768),
            "pixel_position_ids": feeds.constant(
                [[[column, row] for row in range(6) for column in range(6)]] * 2
            ),
        }
    ),
    "janus_vqgan": Recipe(config={"num_patches": 4}),
    "lw_detr": Recipe(config={"projector_scale_factors": (1.0,), "group_detr": 2}),
    "lw_detr_vit": Recipe(config={"window_block_indices": (0,), "num_windows": 4}),
    "rf_detr": Recipe(
        config={"backbone_config": {"model_type": "rf_detr_dinov2"}, "group_detr": 2}
    ),
    "sam": _PROMPTED,
    "sam_hq": _PROMPTED,
    "sam2": _PROMPTED,
    "sam2_video": _tracked(64),
    "sam3_tracker_video": _tracked(56),
    "sam3_video": Recipe(
        around=Finding,
        config={
            "low_res_mask_size": 16,
            # It follows whatever it finds, however little it is sure of it.
            "score_threshold_detection": 0.0,
            "new_det_thresh": 0.0,
            "detector_config": {
                "vision_config": {
                    "fpn_hidden_size": 128,
                    "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
                },
                "geometry_encoder_config": {"hidden_size": 128, "num_layers": 1},
                "detr_encoder_config": {"hidden_size": 128, "num_layers": 1},
                "detr_decoder_config": {"hidden_size": 128, "num_layers": 1, "num_queries": 3},
                "mask_decoder_config": {"hidden_size": 128},
            },
        },
        inputs={
            "pixel_values_videos": feeds.normal("video", 1, 3, 3, 56, 56),
            "input_ids": feeds.words(1, 12),
            "attention_mask": feeds.mask(12, batch=1),
        },
    ),
    "sam2_hiera_det_model": Recipe(config=_HIERA_DET),
    "sam2_vision_model": Recipe(config=_SAM2_VISION),
    "sapiens2": Recipe(config={"num_key_value_heads_per_layer": [4, 2]}),
    "seggpt": Recipe(
        config={"image_size": (128, 64)},
        inputs={
            "pixel_values": feeds.normal("image", 2, 3, 64, 64),
            "prompt_pixel_values": feeds.normal("image", 2, 3, 64, 64),
            "prompt_masks": feeds.normal("masks", 2, 3, 64, 64),
        },
    ),
    "tvp": Recipe(
        config={"max_img_size": 64, "visual_prompt_size": 8, "num_frames": 2},
        # It views the columns of its grid in the batch's shape, so it takes one video at a time.
        inputs={
            "pixel_values": feeds.normal("video", 1, 2, 3, 64, 64),
            "input_ids": feeds.words(1, 12),
            "attention_mask": feeds.mask(12, batch=1),
        },
        instead={"image": "its images are frames of a video"},
    ),
    "vit_mae": Recipe(inputs={"noise": feeds.uniform("", 2, 16)}),
    "vitmatte": Recipe(
        config={"convstream_hidden_sizes": [8, 16, 32], "fusion_hidden_sizes": [32, 16, 16, 8]}
    ),
}
