"""Recipes of models that see pages: their layout, lines of text, tables and formulas."""

from __future__ import annotations

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.masked import Ordering
from pytest_accelerate.zoo.recipe import Recipe
from pytest_accelerate.zoo.unheard import Cancels

# Kernel, stride and padding of each convolution of an intra-class block, as in its checkpoint.
_INTRACLASS = {
    "reduce_channel": [1, 1, 0],
    "return_channel": [1, 1, 0],
    **{
        f"{direction}_{way}_conv_{ratio}ratio": [
            (size, 1) if direction == "vertical" else (1, size),
            (1, 1),
            (size // 2, 0) if direction == "vertical" else (0, size // 2),
        ]
        for direction, way in (("vertical", "long_to_small"), ("horizontal", "small_to_long"))
        for ratio, size in (("long", 7), ("mid", 5), ("short", 3))
    },
    **{
        f"symmetric_conv_long_{ratio}ratio": [(size, size), (1, 1), (size // 2, size // 2)]
        for ratio, size in (("long", 7), ("mid", 5), ("short", 3))
    },
}
_SERVER_DET = Recipe(
    config={
        "intraclass_block_config": _INTRACLASS,
        "scale_factor_list": [1, 2, 4, 8],
        "kernel_list": [3, 2, 2],
        "neck_out_channels": 64,
    }
)

# Kernel, width in and out, stride and attention of each block, stage by stage. Lines of text
# shrink to a height of three, their length less, as in the checkpoint.
_LINE_BLOCKS = [
    [[3, 16, 16, 1, False]],
    [[3, 16, 16, 1, False]],
    [[3, 16, 32, [2, 1], False]],
    [[3, 32, 32, [1, 2], False]],
    [[5, 32, 64, [2, 1], True], [5, 64, 64, 1, False]],
]
_PAGE_BLOCKS = [
    [[3, 16, 16, 1, True]],
    [[3, 16, 16, 2, False]],
    [[3, 16, 32, 2, False], [3, 32, 32, 1, True]],
    [[3, 32, 64, 2, False], [3, 64, 64, 1, True]],
]

# Its head decodes step by step, and a trace unrolls all 501 steps of the default: 64 s.
_FEW_STEPS = {"max_text_length": 8}

_NOT_WHERE_IT_HALVES = {
    r".*encoder\.blocks\.\d+\.layers\.0\.depthwise_convolution\.act\.lab\..*": (
        "a convolution that halves the map has no activation"
    )
}

RECIPES: dict[str, Recipe] = {
    "uvdoc": Recipe(
        config={"backbone_config": {"out_features": [f"stage{index}" for index in range(1, 7)]}}
    ),
    "pp_doclayout_v2": Recipe(
        config={
            "class_thresholds": [0.0, 0.0],
            "class_order": [0, 1],
            "reading_order_config": {
                # It looks up the places of boxes on a page of 1000 by 1000.
                "max_2d_position_embeddings": 1024,
                # By the default of 100 the angles of its positions magnify rounding as much: torch
                # itself is off from its float64 by 1.4e-4.
                "relation_bias_scale": 10,
            },
        },
        around=Ordering,
        unheard={
            r".*\.rel_pos_(x|y)_bias\.weight": "no forward pass reads it",
            r".*\.rel_bias_module\.pos_proj\.bias": Cancels(
                "it adds the same to all scores of a query, and the softmax takes it away"
            ),
        },
        why="thresholds and order of its classes come with its checkpoints",
    ),
    "pp_doclayout_v3": Recipe(
        config={"x4_feat_dim": 16, "mask_feature_channels": (16, 16)}, around=Ordering
    ),
    "pp_doclayout_v4": Recipe(
        unheard={
            r"decoder\.(class_embed|(successor|relative)_order_head\.proj)\.0\..*": (
                "the heads before the last are for the loss of training"
            )
        }
    ),
    # It adds up parallel branches in every layer; with more of them its values grow to millions.
    "pp_lcnet_v3": Recipe(config={"conv_symmetric_num": 1}, unheard=_NOT_WHERE_IT_HALVES),
    "pp_ocrv5_mobile_det": Recipe(unheard=_NOT_WHERE_IT_HALVES),
    "pp_ocrv5_mobile_rec": Recipe(
        config={"backbone_config": {"scale": 1.0, "block_configs": _LINE_BLOCKS}},
        inputs={"pixel_values": feeds.normal("image", 2, 3, 48, 80)},
    ),
    "pp_ocrv6_small_det": Recipe(
        config={
            "backbone_config": {
                "model_type": "pp_lcnet_v4",
                "stem_channels": (3, 16, 16),
                "block_configs": _PAGE_BLOCKS,
                "out_features": [f"stage{index}" for index in range(1, 5)],
                "out_indices": [1, 2, 3, 4],
            },
            "layer_list_out_channels": (16, 16, 32, 64),
        }
    ),
    "pp_formulanet_vision": Recipe(
        config={
            # Of fewer pixels, one feature would be left for the text to attend to.
            "image_size": 128,
            "post_conv_in_channels": 64,
            "post_conv_mid_channels": 64,
            "post_conv_out_channels": 64,
        }
    ),
    "slanext_vision": Recipe(
        config={
            "post_conv_in_channels": 64,
            "post_conv_mid_channels": 64,
            "post_conv_out_channels": 64,
        }
    ),
    "slanext": Recipe(
        config={
            "post_conv_in_channels": 64,
            "post_conv_mid_channels": 64,
            "post_conv_out_channels": 64,
            **_FEW_STEPS,
        }
    ),
    "slanet": Recipe(config=_FEW_STEPS),
    "pp_ocrv5_server_det": _SERVER_DET,
    "pp_ocrv6_medium_det": _SERVER_DET,
    "textnet": Recipe(config={"hidden_sizes": (16, 16, 24, 32, 48), "stem_out_channels": 16}),
}
