"""Recipes of models that take several modalities at once."""

from __future__ import annotations

from functools import partial

import torch

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.inputs import vision
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe
from pytest_accelerate.zoo.unheard import Cancels

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
# Twelve by twelve codes an image: with fewer, all stay the same whatever a weight adds.
_CODES = {"num_res_blocks": 1, "latent_channels": 64}
_CODED_IMAGES = feeds.normal("image", 2, 3, 24, 24)
_SEEN = feeds.normal("", 2, 8, 64)
_FLATTENED = Recipe(inputs={"flattened_patches": vision.FLATTENED_PATCHES})
_LATENTS_FIRST = feeds.constant([[0] + [1] * 4 + [0] * 7] * 2)
"""Where the four latents of each image stand in the text."""
_NATIVE = {
    "pixel_values": feeds.normal("image", 1, 3, 16, 16 * 48),
    "target_sizes": feeds.constant([[4, 4], [4, 8]]),
}
_NATIVE_VIDEO = {
    "pixel_values_videos": feeds.normal("video", 1, 3, 16, 16 * 48),
    "target_sizes_videos": feeds.constant([[4, 4], [4, 8]]),
}
_NATIVE_OR_VIDEO = Recipe(inputs={**_NATIVE, **_NATIVE_VIDEO})
_MESSAGES = Recipe(
    unheard={
        r"(vision_model\.)?encoder\.layers\.0\.message_attn\.[qk]_proj\.(weight|bias)": Cancels(
            "at first the messages of all frames are the same, however they are weighed"
        )
    }
)
_POSITIONS = [[column, row] for row in range(6) for column in range(6)]
_GEMMA4 = Recipe(
    inputs={
        "pixel_values": feeds.uniform("image", 2, 36, 768),
        "image_position_ids": feeds.constant([_POSITIONS] * 2),
        "pixel_values_videos": feeds.uniform("video", 4, 36, 768),
        "video_position_ids": feeds.constant([_POSITIONS] * 4),
        "num_frames_per_video": feeds.constant([2, 2]),
        "input_features": feeds.normal("audio", 2, 64, 128),
        "input_features_mask": feeds.mask(64, 16, boolean=True),
    }
)
_NO_SEPARATOR = Recipe(
    unheard={r"(vision_tower\.)?patch_merger\.image_sep": "no forward pass reads it"}
)
_VISION_ROWS = feeds.normal("image", 2, 16, 64)
_DETR_ENCODER = Recipe(
    inputs={
        "vision_features": Feed(lambda feeding: [feeding.normal(2, 64, 4, 4)], "image"),
        "text_features": feeds.normal("text", 2, 5, 64),
        "vision_pos_embeds": Feed(lambda feeding: [feeding.normal(2, 64, 4, 4)]),
        "text_mask": feeds.mask(5, 2, boolean=True),
    }
)
_DETR_DECODER = Recipe(
    inputs={
        "vision_features": _VISION_ROWS,
        "text_features": feeds.normal("text", 2, 5, 64),
        "vision_pos_encoding": feeds.normal("", 2, 16, 64),
        "text_mask": feeds.mask(5, 2, boolean=True),
        "spatial_shapes": feeds.constant([[4, 4]]),
    }
)
# Middle and size of each box, as parts of the image; the last image has one box, and padding.
_BOXES = Recipe(
    inputs={
        "input_boxes": feeds.with_package(
            "torchvision",  # pools what is seen within a box
            feeds.constant(
                [
                    [[0.5, 0.5, 0.5, 0.75], [0.25, 0.5, 0.25, 0.5]],
                    [[0.5, 0.25, 0.75, 0.25], [0.0, 0.0, 0.0, 0.0]],
                ],
                "boxes",
            ),
        ),
        "input_boxes_labels": feeds.with_package("torchvision", feeds.constant([[1, 0], [1, -10]])),
    }
)
_MASK_DECODER = Recipe(
    inputs={
        "decoder_queries": feeds.normal("queries", 2, 6, 64),
        "backbone_features": Feed(
            lambda feeding: [feeding.normal(2, 64, side, side) for side in (32, 16, 8, 4)], "image"
        ),
        "encoder_hidden_states": feeds.normal("", 2, 16, 64),
    }
)


def _patches(layout: str, grid: str = "image_grid_thw") -> Recipe:
    """Packed patches that keep their two dimensions."""
    return Recipe(
        inputs={"pixel_values": Feed(partial(vision.packed, grid=grid, layout=layout), "image")}
    )


_QFORMER = Recipe(
    inputs={"qformer_input_ids": feeds.words(2, 6), "qformer_attention_mask": feeds.mask(6, 2)}
)


# Each image small and whole, then in two crops, side by side or one above the other. Of each crop
# there are two by two tokens, one to end each row of them, and one before the whole image.
_WHOLE = 2 * (2 + 1) + 1
_CROPPED = feeds.filling(
    feeds.normal("image", 2, 3, 3, 56, 56),
    image=(2 * (2 + 2 + 1) + _WHOLE, 3 * (2 + 1) + _WHOLE),
)


def _patches_of_crops(feeding: Feeding) -> torch.Tensor:
    """Which of four by four patches are no padding; the lower crop of the last image has some."""
    mask = torch.ones(2, 3, 4, 4, dtype=torch.int64)
    mask[1, 2, 2:] = 0
    return mask


def _one_patch_masked(feeding: Feeding) -> torch.Tensor:
    mask = torch.ones(2, 64, 64, dtype=torch.int64)
    mask[:, 32:, 32:] = 0
    return mask


# It finds its images, videos and sounds by the tokens before them, and counts those after them.
_BOUNDED = Recipe(
    config={"vision_start_token_id": 103, "vision_end_token_id": 104},
    inputs={"video_second_per_grid": feeds.constant([1.0, 1.0])},
)

RECIPES: dict[str, Recipe] = {
    "align": Recipe(config={"projection_dim": 80}),
    "blip": Recipe(
        unheard={
            r"text_model\.encoder\.layer\.\d+\.crossattention\..*": "its text is read beside the "
            "image, and attends to none"
        }
    ),
    **dict.fromkeys(
        ("blip_text_model", "pix2struct_text_model"),
        Recipe(inputs={"encoder_hidden_states": _SEEN}),
    ),
    **dict.fromkeys(
        ("instructblip_qformer", "instructblipvideo_qformer"),
        Recipe(
            inputs={
                "query_embeds": feeds.normal("", 2, 4, 64),
                "encoder_hidden_states": _SEEN,
                "attention_mask": feeds.mask(4 + 12),
            }
        ),
    ),
    "bridgetower": Recipe(
        unheard={r"text_model\.pooler\..*": "it pools what both parts made of each other"}
    ),
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
            "pixel_values": feeds.normal("image", 2, 16, 1176),
            "image_grid_thw": feeds.constant([[1, 4, 4], [1, 4, 4]]),
        }
    ),
    "deepseek_vl_hybrid": Recipe(
        config={"high_res_vision_config": {"global_attn_indexes": (1,)}},
        inputs={"high_res_pixel_values": feeds.normal("image", 2, 3, 64, 64)},
    ),
    **dict.fromkeys(
        ("dots3_note", "dots3_note_audio_encoder"),
        # 160 samples make a frame, of which there are 64 and 48.
        Recipe(inputs={"chunk_sample_lengths": feeds.constant([64 * 160, 48 * 160])}),
    ),
    "diffusion_gemma": Recipe(
        inputs={
            "pixel_values": feeds.uniform("image", 2, 36, 768),
            "image_position_ids": feeds.constant([_POSITIONS] * 2),
            # What the step before thought of each token.
            "self_conditioning_logits": feeds.normal("", 2, 7, 128),
        }
    ),
    # With so many experts, what is added to their scores makes tokens choose others.
    "ernie4_5_vl_moe_text": Recipe(
        config={"moe_num_experts": 16},
        inputs={"moe_mm_token_type_ids": feeds.constant([[0] * 3 + [1] * 6 + [0] * 3] * 2)},
    ),
    "fuyu": Recipe(inputs={"pixel_values": feeds.normal("image", 2, 4, 2700)}),
    **dict.fromkeys(
        ("glm4v", "glm4v_moe", "glm46v", "glm_ocr", "glmga"),
        Recipe(
            omit=("pixel_values_videos",),
            instead={"video": "a video stands where its images do, in their place"},
        ),
    ),
    "gemma3": _FOUR_TOKENS,
    "shieldgemma2": Recipe(config={"yes_token_index": 5, "no_token_index": 6}).over(_FOUR_TOKENS),
    "t5gemma2": Recipe(config={"encoder": {"mm_tokens_per_image": 4}}),
    "t5gemma2_encoder": Recipe(
        unheard={
            r"text_model\.embed_tokens\.eoi_embedding": "as a part it is for token 256000, past "
            "the tiny vocabulary"
        }
    ).over(_FOUR_TOKENS),
    "idefics2": _MANY_IMAGES,
    "idefics3": _MANY_IMAGES,
    "smolvlm": _MANY_IMAGES,
    "modernvbert": _MANY_IMAGES,
    "ultravbert": _MANY_IMAGES,
    "idefics": Recipe(
        inputs={
            "pixel_values": Feed(vision.many_images, "image"),
            "image_attention_mask": feeds.ones(2, 12, 1),
        },
        unheard={
            r"vision_model\.post_layernorm\..*": "it norms the pooled image, and reads patches"
        },
    ),
    "hunyuan_vl_vision": _NO_SEPARATOR,
    "hunyuan_vl": _NO_SEPARATOR,
    "instructblip": Recipe(
        inputs={"pixel_values": feeds.filling(feeds.normal("image", 2, 3, 56, 56), image=(4, 4))}
    ).over(_QFORMER),
    "instructblipvideo": Recipe(
        inputs={
            # Four tokens a frame.
            "pixel_values": feeds.filling(
                feeds.normal("video", 2, 4, 3, 56, 56), video=(4 * 4, 4 * 4)
            )
        },
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
        inputs={"pixel_values": _CODED_IMAGES},
        unheard={r"vqmodel\.post_quant_conv\..*": "it reads images, and makes none"},
        why="the map of its image tokens comes with its checkpoints",
    ),
    "chameleon_vqgan": Recipe(config=_CODES),
    "janus_vqgan": Recipe(
        config={**_CODES, "num_patches": 12}, inputs={"pixel_values": _CODED_IMAGES}
    ),
    "janus": Recipe(
        unheard={
            r"vqmodel\..*": "it reads images; those that it makes are made while it generates",
            r"generation_(embeddings|aligner|head)\..*": "it serves images that it generates",
        }
    ),
    "idefics2_perceiver": Recipe(
        inputs={"context": feeds.normal("image", 2, 16, 64), "attention_mask": feeds.ones(2, 16)}
    ),
    "perceiver": Recipe(
        inputs={"inputs": feeds.normal("embeddings", 2, 12, 64), "attention_mask": feeds.mask(12)},
        why="without a preprocessor it takes embeddings",
    ),
    "qwen2_5_omni_thinker": Recipe(
        unheard={r"audio_tower\.audio_bos_eos_token\..*": "no forward pass reads it"}
    ).over(_BOUNDED),
    "vilt": Recipe(
        config={"max_image_length": 4},
        inputs={"pixel_mask": Feed(_one_patch_masked)},
        why="it fills up with patches drawn from the masked ones: with one there is no chance",
    ),
    "kosmos-2": Recipe(inputs={"image_embeds_position_mask": _LATENTS_FIRST}),
    "kosmos-2.5": Recipe(inputs={"image_embeds_position_mask": _LATENTS_FIRST}).over(_FLATTENED),
    "embedding_gemma2": _GEMMA4,
    "gemma4": _GEMMA4,
    **dict.fromkeys(("minicpmv4_6", "minicpmv4_7"), _NATIVE_OR_VIDEO),
    "minicpm_ocr": Recipe(config={"downsample_mode": "16x"}).over(_NATIVE_OR_VIDEO),
    **dict.fromkeys(
        ("minicpm_ocr_vision", "minicpmv4_6_vision", "minicpmv4_7_vision"), Recipe(inputs=_NATIVE)
    ),
    "molmo2_vision": Recipe(inputs={"pixel_values": feeds.normal("image", 2, 16, 588)}),
    "pi0": Recipe(
        inputs={
            "action_embeds": feeds.normal("actions", 2, 5, 64),
            # Two cameras and one; an image of either has four by four patches.
            "pixel_values": feeds.filling(
                feeds.normal("image", 2, 2, 3, 56, 56), image=(2 * 16, 16)
            ),
            "pixel_attention_mask": feeds.constant([[True, True], [True, False]]),
        },
        unheard={
            r"dit\.embed_tokens\.weight": "its actions come as embeddings",
            r"vlm\.language_model\.(norm|layers\.1\.(post_attention_layernorm|mlp\..*"
            r"|self_attn\.[qo]_proj))\.weight": "of the text's last layer, actions read keys and "
            "values alone",
        },
    ),
    "moss_transcribe_diarize": Recipe(inputs={"padding_mask": feeds.mask(64, 16)}),
    "nemotron_h_omni": Recipe(
        config={
            "audio_config": {"projection_hidden_size": 64, "projection_bias": False},
            "image_token_id": 100,
            "audio_token_id": 102,
        },
        inputs={
            "image_grid_hw": feeds.constant([[2, 2], [2, 4]]),
            "pixel_values": feeds.normal("image", 12, 768),
        },
        omit=("pixel_values_videos",),
        instead={
            "video": "images and videos stand at the same token, and a call takes one of them"
        },
        unheard={r"vision_model\..*video_patch_projection\.weight": "a call has images or a video"},
    ),
    "qwen3_omni_moe_thinker": Recipe(
        config={"audio_end_token_id": 105},
        inputs={
            "input_features": feeds.normal("audio", 2, 128, 64),
            "feature_attention_mask": feeds.mask(64, 16),
        },
    ).over(_BOUNDED),
    **{f"{family}_detr_encoder": _DETR_ENCODER for family in ("sam3", "sam3_lite_text")},
    **{f"{family}_detr_decoder": _DETR_DECODER for family in ("sam3", "sam3_lite_text")},
    **{f"{family}_mask_decoder": _MASK_DECODER for family in ("sam3", "sam3_lite_text")},
    **dict.fromkeys(("sam3", "sam3_lite_text"), _BOXES),
    "phi4_multimodal": Recipe(
        config={"vision_config": {"crop_size": 56, "feature_layer": -1}},
        inputs={
            "image_pixel_values": _CROPPED,
            "image_sizes": feeds.constant([[56, 112], [112, 56]]),
            "image_attention_mask": Feed(_patches_of_crops),
            "audio_input_features": feeds.filling(
                feeds.normal("audio", 2, 8 * 8, 80), audio=(8, 6)
            ),
            "audio_embed_sizes": feeds.constant([8, 6]),
            "audio_attention_mask": feeds.mask(8 * 8, 2 * 8, boolean=True),
        },
        unheard={
            r".*\.img_processor\.(head|post_layernorm)\..*": "it reads a layer as it is, before "
            "norm and head",
            r".*\.audio_embed\.(up|down)_proj_for_speech\..*": "it projects sound beside an image "
            "by another pair",
        },
    ),
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
    "lilt": Recipe(
        unheard={
            r"encoder\.layer\.1\.(attention\.(self\.layout_value|layout_output)"
            r"|layout_(intermediate|output))\..*": "of the last layer's layout, the text reads "
            "queries and keys alone"
        }
    ),
    "luke": Recipe(
        inputs={
            "entity_ids": feeds.integers("entities", 3, 128, 2, 3),
            "entity_attention_mask": feeds.mask(3, 1),
            "entity_token_type_ids": feeds.constant([[0, 1, 0]] * 2),
            # Of the tokens that mention each; -1 where there are no more.
            "entity_position_ids": feeds.constant(
                [[[1, 2, -1], [4, -1, -1], [5, 6, 7]], [[2, -1, -1], [3, 4, -1], [-1, -1, -1]]]
            ),
        }
    ),
    "markuplm": Recipe(
        unheard={
            r".*\.xpath_unitseq2_embeddings\..*": "no forward pass reads it",
        }
    ),
    "mllama_text_model": Recipe(
        config={"cross_attention_layers": [1]}, inputs={"cross_attention_states": _SEEN}
    ),
    "mllama": Recipe(
        inputs={
            "pixel_values": feeds.normal("image", 2, 1, 4, 3, 56, 56),
            "aspect_ratio_ids": feeds.constant([[1], [6]]),
            "aspect_ratio_mask": feeds.constant([[[1, 1, 0, 0]], [[1, 1, 1, 1]]]),
            "cross_attention_mask": feeds.ones(2, 12, 1, 4),
        }
    ),
    "neomme": Recipe(inputs={"pixel_values": feeds.normal("image", 8, 3072)}),
    "tvp": Recipe(
        unheard={r"visual_embeddings\.position_embeddings\..*": "no forward pass reads it"}
    ),
    "udop": Recipe(
        inputs={"bbox": feeds.uniform("boxes", 2, 12, 4)},
        unheard={
            r"encoder\.block\.0\.layer\.0\.SelfAttention\.relative_attention_bias\..*": "its "
            "encoder adds the bias of all relations, and not that of the tokens by itself",
            r"decoder\.(embed_patches|relative_bias)\..*": "its decoder sees no page",
        },
    ),
    "vision-encoder-decoder": Recipe(
        unheard={
            r"encoder\.pooler\..*": "its decoder attends to patches, and not to a pooled image"
        }
    ),
    "visual_bert": Recipe(
        inputs={
            "visual_embeds": feeds.normal("image", 2, 5, 64),
            "visual_attention_mask": feeds.mask(5, 2),
            "visual_token_type_ids": feeds.ones(2, 5),
        }
    ),
    "xclip": _MESSAGES,
    "xclip_vision_model": Recipe(
        config={"num_frames": 4}, inputs={"pixel_values": feeds.normal("image", 8, 3, 64, 64)}
    ).over(_MESSAGES),
    "vipllava": Recipe(config={"vision_feature_layers": (-1, -2)}),
}
