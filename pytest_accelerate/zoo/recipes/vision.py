"""Recipes of models that see."""

from __future__ import annotations

import torch

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.inputs import vision
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe
from pytest_accelerate.zoo.sessions import Finding, Forgetting, Tracking
from pytest_accelerate.zoo.unheard import Cancels

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
        lambda feeding: 64 * torch.rand(2, 1, 3, 2, generator=feeding.generator), "points"
    ),
    # Points on the object, points beside it, and one that pads the first row.
    "input_labels": feeds.constant([[[1, 0, -1]], [[1, 0, 1]]]),
    "input_boxes": Feed(
        lambda feeding: torch.tensor([[[4.0, 6.0, 40.0, 50.0]], [[10.0, 2.0, 30.0, 60.0]]]), "boxes"
    ),
    "input_masks": feeds.normal("masks", 2, 1, 16, 16),
}
_MASK_IS_GIVEN = {r"prompt_encoder\.no_mask_embed\.weight": "it stands for the mask that is given"}
PROMPTED = Recipe(
    inputs=_POINTS,
    unheard={
        **_MASK_IS_GIVEN,
        r"mask_decoder\.output_hypernetworks_mlps\.0\..*": (
            "a call puts out three masks or a single one, and this one puts out the three"
        ),
    },
)


_TRACKER = {
    r"model\.(tracker_model\.)?no_memory_positional_encoding": "no forward pass reads it",
    r"model\.(tracker_model\.)?mask_decoder\.iou_prediction_head\..*": (
        "it scores the masks, which chooses one of them, and its scores are not put out"
    ),
}


def tracked(side: int, frames: int) -> Recipe:
    """Frames in which four objects are followed, as :class:`Tracking` shows them."""

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
            "pixel_values_videos": feeds.normal("video", 1, frames, 3, side, side),
            # Two corners of a box, a point on the object and one beside it.
            "input_points": feeds.constant(
                [[[[4.0, 6.0], [40.0, 50.0], [20.0, 30.0], [50.0, 4.0]]]], "points"
            ),
            "input_labels": feeds.constant([[[2, 3, 1, 0]]]),
            "input_masks": Feed(middle, "masks"),
        },
        unheard=_TRACKER,
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

_LARGE = {"pixel_values": feeds.normal("image", 2, 3, 128, 128)}
"""For what is left of it at a stride of 32: maps of 4 by 4."""

_LOW_RESOLUTION_ALONE = {
    r"(.*\.)?fusion_stage\.layers\.0\.residual_layer1\..*": "the first stage fuses nothing"
}
_LAST_HEAD_ALONE = "the heads before the last are for the loss of training"
_EARLY_HEADS = {r"model\.decoder\.(class_embed|lqe_layers)\.0\..*": _LAST_HEAD_ALONE}
_ALIKE = Cancels("the first layer's queries are zero and its values alike, whatever it attends to")
_STARTS_AT_ZERO = "it is multiplied with the queries, which start at zero"
_FIRST_QUERIES = {
    r"(.*\.)?decoder\.layers\.0\.self_attn\.v_proj\.weight": _STARTS_AT_ZERO,
    r"(.*\.)?decoder\.layers\.0\.self_attn\.(q|k)_proj\.(weight|bias)": _ALIKE,
}
_FIRST_CONTENT = {
    r"decoder\.layers\.0\.self_attn\..*(content|v|value)_proj\.weight": _STARTS_AT_ZERO,
    r"decoder\.layers\.0\.self_attn\..*(q|k|query|key)_(pos|content)_proj\.(weight|bias)": _ALIKE,
}
_GROUPS = {
    r".*\.(mlp_inter|group_projector\.1)\.fc2\.bias": Cancels(
        "it adds the same to all channels of a token, and the norm that follows takes it away"
    ),
    r".*\.assign\.q_proj\.bias": "it adds the same to a patch's scores for all groups",
}
# Phrases with a separator (102) after each: a word attends to those of its phrase alone.
_PHRASES = Recipe(
    inputs={
        **_LARGE,
        "input_ids": feeds.constant(
            [
                [101, 7, 8, 9, 102, 11, 12, 13, 14, 15, 16, 102],
                [101, 21, 22, 102, 23, 24, 25, 26, 102, 0, 0, 0],
            ],
            "text",
        ),
    }
)
_OTHER_GROUPS = {
    r"(.*\.)?enc_out(put|put_norm|_bbox_embed|_class_embed)\.1\..*": (
        "the queries of all groups but the first are for training"
    )
}

_PLACES_OF_BOXES = {
    r"(detr_decoder\.)?box_rpb_embed_(x|y)\.layer2\.bias": Cancels(
        "it adds the same to all scores of a query, and the softmax takes it away"
    )
}
_COARSEST = {
    r"(model\.)?vision_encoder\.neck\.fpn_layers\.3\..*": "it works with all maps but the coarsest"
}
_SAM3 = {
    **_COARSEST,
    r"mask_decoder\.pixel_decoder\.(conv_layers|norms)\.2\..*": (
        "it joins its three maps in two steps"
    ),
    r"text_encoder\.(text_)?projection\.weight": "it reads the text before its own projection",
    **_PLACES_OF_BOXES,
}

_SAM3_VIDEO = {
    **_TRACKER,
    **{rf"model\.detector_model\.{name}": why for name, why in _SAM3.items()},
    r"model\.tracker_neck\.fpn_layers\.3\..*": "it works with all maps but the coarsest",
    r"model\.detector_model\.geometry_encoder\..*": "it reads boxes, not phrases",
    r"model\.detector_model\.detr_decoder\.box_head\..*": "masks are put out and no boxes",
    r"model\.detector_model\.mask_decoder\.semantic_projection\..*": (
        "the mask of all that a phrase names is not put out"
    ),
    r"model\.tracker_model\.no_memory_embedding": "there is a memory of all that is followed",
    r"model\.tracker_model\.no_object_pointer": "it stands for what is out of sight",
    r"model\.tracker_model\.prompt_encoder\.point_embed\.weight": (
        "what it follows is shown it by masks"
    ),
}

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
        config={
            "vision_config": {
                "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
                "scale_factors": [4.0, 2.0, 1.0],
            }
        }
    ).over(PROMPTED),
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
    # Each layer of its encoder makes places more alike, and so what is made of them.
    "conditional_detr": Recipe(config={"encoder_layers": 1}, inputs=_LARGE, unheard=_FIRST_CONTENT),
    "cvt": Recipe(
        config={"depth": (1, 2, 3)},
        unheard={
            r".*\.(convolution_projection_key\..*\.normalization|projection_key)\.bias": Cancels(
                "it adds the same to all scores of a query, and the softmax takes it away"
            )
        },
    ),
    "dab-detr": Recipe(config={"encoder_layers": 1}, inputs=_LARGE, unheard=_FIRST_CONTENT),
    "d_fine": Recipe(model_class="DFineForObjectDetection", inputs=_LARGE, unheard=_EARLY_HEADS),
    "deimv2": Recipe(model_class="Deimv2ForObjectDetection", inputs=_LARGE, unheard=_EARLY_HEADS),
    "depth_anything": Recipe(unheard=_LOW_RESOLUTION_ALONE),
    "detr": Recipe(config={"encoder_layers": 1}, inputs=_LARGE, unheard=_FIRST_QUERIES),
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
    "flava": Recipe(
        unheard={
            r"logit_scale|(image|text)_projection\..*": "its contrastive loss alone reads them"
        }
    ),
    # Each of its blocks adds a share of one by the square of their number.
    "flava_image_codebook": Recipe(config={"num_blocks_per_group": 1}),
    "grounding-dino": _PHRASES,
    "groupvit": Recipe(unheard=_GROUPS),
    "groupvit_vision_model": Recipe(unheard=_GROUPS),
    "hgnet_v2": Recipe(config=_HGNET),
    "hiera": Recipe(
        config={"image_size": (64, 64), "patch_stride": (2, 2)},
        # The order in which mask units are kept is sorted noise; without it, it is drawn anew.
        inputs={"noise": feeds.uniform("", 2, 16)},
    ),
    "levit": Recipe(
        unheard={
            r".*attention_biases": "it is read at the first call, and kept for all that follow"
        }
    ),
    "lightglue": Recipe(
        config={
            "filter_threshold": 0.0,
            # Descriptors have a length of one: attention hardly tells long ones apart.
            "keypoint_detector_config": {"descriptor_decoder_dim": 16},
            "descriptor_dim": 16,
        },
        unheard={
            r"(match_assignment_layers|token_confidence)\.0\..*": (
                "they act where they are sure of a match, as random weights are not"
            )
        },
    ).over(_MATCHER),
    "maskformer": Recipe(inputs=_LARGE, unheard=_FIRST_QUERIES),
    "mm-grounding-dino": _PHRASES,
    "mobilevit": Recipe(config={"image_size": 128}),
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
        around=Forgetting,
        unheard={
            r"model\.vision_backbone\.layer_norms\..*": "it is for backbones without norms",
            r"model\.decoder\.decoder_class_head\.0\..*": _LAST_HEAD_ALONE,
        },
        inputs={
            "classes_input_ids": feeds.words(4, 6),
            "classes_attention_mask": feeds.mask(6, 2, batch=4),
            "tasks_input_ids": feeds.words(2, 6),
            "tasks_attention_mask": feeds.mask(6, 2),
            "classes_structure": feeds.constant([2, 2]),
        },
    ),
    "oneformer": Recipe(
        inputs={"task_inputs": feeds.words(2, 77)},
        unheard={
            r".*\.query_input_projection\.bias": Cancels(
                "it adds the same to all keys, and the softmax takes it away"
            )
        },
    ),
    "poolformer": Recipe(
        unheard={r".*\.before_norm\.bias": Cancels("its pooling takes away what it is given")}
    ),
    "prompt_depth_anything": Recipe(
        inputs={"prompt_depth": feeds.uniform("depth", 2, 1, 14, 14)},
        unheard=_LOW_RESOLUTION_ALONE,
    ),
    "gemma4_vision": Recipe(
        inputs={
            "pixel_values": feeds.uniform("image", 2, 36, 768),
            "pixel_position_ids": feeds.constant(
                [[[column, row] for row in range(6) for column in range(6)]] * 2
            ),
        }
    ),
    "janus_vqgan": Recipe(config={"num_patches": 4}),
    "lw_detr": Recipe(
        config={"projector_scale_factors": (1.0,), "group_detr": 2}, unheard=_OTHER_GROUPS
    ),
    "lw_detr_vit": Recipe(config={"window_block_indices": (0,), "num_windows": 4}),
    "rf_detr": Recipe(
        config={"backbone_config": {"model_type": "rf_detr_dinov2"}, "group_detr": 2},
        unheard=_OTHER_GROUPS,
    ),
    "rf_detr_dinov2": Recipe(
        unheard={r"embeddings\.mask_token": "a backbone takes no mask of patches"}
    ),
    "rt_detr": Recipe(inputs=_LARGE),
    "sam": PROMPTED,
    # Its finer masks are made of what the layers with global attention see.
    "sam_hq": Recipe(
        config={
            "vision_config": {"global_attn_indexes": [1]},
            "mask_decoder_config": {"vit_dim": 64},
        }
    ).over(PROMPTED),
    "sam2": PROMPTED,
    **dict.fromkeys(("sam3", "sam3_lite_text"), Recipe(unheard=_SAM3)),
    **dict.fromkeys(
        ("sam3_detr_decoder", "sam3_lite_text_detr_decoder"), Recipe(unheard=_PLACES_OF_BOXES)
    ),
    **dict.fromkeys(
        ("sam3_mask_decoder", "sam3_lite_text_mask_decoder"),
        Recipe(
            inputs={
                "prompt_features": feeds.normal("text", 2, 5, 64),
                "prompt_mask": feeds.mask(5, 2, boolean=True),
            }
        ),
    ),
    "sam2_video": tracked(64, frames=3),
    "sam3_tracker_video": Recipe(unheard=_COARSEST).over(tracked(56, frames=2)),
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
        unheard=_SAM3_VIDEO,
    ),
    "sam2_hiera_det_model": Recipe(config=_HIERA_DET),
    "sam2_vision_model": Recipe(config=_SAM2_VISION),
    "sapiens2": Recipe(config={"num_key_value_heads_per_layer": [4, 2]}),
    "seggpt": Recipe(
        config={
            "image_size": (128, 64),
            "merge_index": 0,
            "intermediate_hidden_state_indices": [0, 1],
        },
        inputs={
            "pixel_values": feeds.normal("image", 2, 3, 64, 64),
            "prompt_pixel_values": feeds.normal("image", 2, 3, 64, 64),
            "prompt_masks": feeds.normal("masks", 2, 3, 64, 64),
        },
        unheard={r"embeddings\.type_token_semantic": "this call is of instances, not semantic"},
    ),
    "swiftformer": Recipe(
        unheard={r".*\.attn\.w_g": "it makes one score a token, and their softmax is over that one"}
    ),
    "table-transformer": Recipe(
        inputs=_LARGE,
        unheard={
            r"decoder\.layers\.0\.self_attn_layer_norm\.weight": _STARTS_AT_ZERO,
            **_FIRST_QUERIES,
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
    "upernet": Recipe(unheard={r"auxiliary_head\..*": "its second head is for the loss alone"}),
    "uvdoc_backbone": Recipe(
        config={"out_features": ["stem", *(f"stage{number}" for number in range(1, 7))]}
    ),
    # Capped softly, the scores hear a key's bias: at 50, hardly.
    **dict.fromkeys(
        ("videoprism_vision_model", "videoprism_text_model"),
        Recipe(config={"attn_logit_softcapping": 1.0}),
    ),
    "videoprism": Recipe(
        config={
            "vision_config": {"attn_logit_softcapping": 1.0},
            "text_config": {"attn_logit_softcapping": 1.0},
        }
    ),
    "videomt": Recipe(unheard={r"embeddings\.mask_token": "its forward takes no mask of patches"}),
    "vit_mae": Recipe(inputs={"noise": feeds.uniform("", 2, 16)}),
    # A high temperature levels what it has found out about depths.
    "zoedepth": Recipe(config={"max_temp": 1.0}, unheard=_LOW_RESOLUTION_ALONE),
    "vitmatte": Recipe(
        config={"convstream_hidden_sizes": [8, 16, 32], "fusion_hidden_sizes": [32, 16, 16, 8]}
    ),
}
