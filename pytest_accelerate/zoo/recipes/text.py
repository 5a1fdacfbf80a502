"""Recipes of models that read."""

from __future__ import annotations

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.recipe import Recipe

_LAYOUT = Recipe(inputs={"bbox": feeds.boxes(12)})
_CHECKPOINT_FILLS = "values that checkpoints supply and the defaults leave None"


_PROTEINS = Recipe(
    config={
        "protein_encoder_config": {
            "vocab_size": 64,
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 128,
        }
    },
    inputs={
        "protein_input_ids": feeds.integers("protein", 5, 64, 2, 10),
        "protein_attention_mask": feeds.mask(10),
    },
)

RECIPES: dict[str, Recipe] = {
    "blt_local_encoder": Recipe(inputs={"patch_embeds": feeds.normal("", 2, 4, 64)}),
    "bros": Recipe(
        inputs={"bbox": feeds.uniform("boxes", 2, 12, 4)},
    ),
    "clvp_encoder": Recipe(config={"hidden_size": 128, "projection_dim": 64}),
    "cohere_compass_text": Recipe(
        config={
            "rope_parameters": {
                kind: {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
                for kind in ("full_attention", "sliding_attention")
            }
        }
    ),
    "dbrx": Recipe(
        config={"attn_config": {"rope_theta": 10000.0, "kv_n_heads": 2, "clip_qkv": 8.0}}
    ),
    "deepseek_ocr2_text": Recipe(
        config={"mlp_layer_types": ["dense", "sparse"]}, why=_CHECKPOINT_FILLS
    ),
    "ernie4_5_vl_moe_text": Recipe(
        config={
            # Experts for what is read, and narrower ones for what is seen.
            "moe_intermediate_size": [64, 32],
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [3, 3, 2],
            },
        }
    ),
    "esm": Recipe(
        config={"pad_token_id": 1, "mask_token_id": 32, "vocab_size": 33}, why=_CHECKPOINT_FILLS
    ),
    "gemma4_text": Recipe(config={"hidden_size_per_layer_input": 0}),
    "gpt_neo": Recipe(config={"attention_types": [[["global", "local"], 1]], "window_size": 4}),
    "layoutlm": _LAYOUT,
    "layoutlmv3": Recipe(
        config={"coordinate_size": 12, "shape_size": 8, "input_size": 64},
        inputs={"bbox": feeds.boxes(12)},
    ),
    "lfm2_moe": Recipe(config={"layer_types": ["conv", "full_attention"]}, why=_CHECKPOINT_FILLS),
    "lilt": Recipe(config={"hidden_size": 48}, inputs={"bbox": feeds.boxes(12)}),
    "longcat_flash": Recipe(config={"head_dim": 8}),
    "mamba2": Recipe(config={"num_heads": 8, "head_dim": 16, "n_groups": 1}),
    "mistral_large4_text": Recipe(config={"kv_source_layers": [0, 0, 2]}),
    "paddleocr_vl_text": Recipe(
        config={
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [4, 2, 2],
            }
        }
    ),
    "pix2struct_text_model": Recipe(config={"initializer_range": 0.02}),
    "qwen3_omni_moe_talker_code_predictor": Recipe(
        inputs={"inputs_embeds": feeds.normal("embeddings", 2, 12, 64)},
        omit=("input_ids",),
        instead={"text": "without generation steps it takes the talker's embeddings"},
    ),
    "qwen3_omni_moe_talker_text": Recipe(
        config={"shared_expert_intermediate_size": 32},
        inputs={"inputs_embeds": feeds.normal("embeddings", 2, 12, 64)},
        omit=("input_ids", "attention_mask"),
        instead={"text": "it takes the thinker's embeddings"},
        why=_CHECKPOINT_FILLS,
    ),
    "qwen4_exp_text": Recipe(
        config={
            "indexer_n_heads": 2,
            "indexer_kv_heads": 1,
            "indexer_head_dim": 16,
            "indexer_budget": 8,
            "indexer_compress_ratio": 2,
        },
        why=_CHECKPOINT_FILLS,
    ),
    "reformer": Recipe(
        config={
            "axial_pos_embds_dim": (32, 32),
            "axial_pos_shape": (4, 8),
            "attn_layers": ("local", "lsh"),
            "local_attn_chunk_length": 4,
            "lsh_attn_chunk_length": 4,
            "num_buckets": 4,
            "hash_seed": 0,
        },
        why="its buckets are drawn anew in each forward unless the hash has a seed",
    ),
    "step3p5": Recipe(config={"sliding_window": 8}),
    "t5gemma2_decoder": Recipe(
        config={"dropout_rate": 0.0},
        inputs={"encoder_hidden_states": feeds.normal("", 2, 8, 64)},
    ),
    "t5gemma2_text": Recipe(config={"dropout_rate": 0.0}),
    "xmod": Recipe(config={"default_language": "en_XX", "languages": ["en_XX", "de_DE"]}),
    "zamba": Recipe(
        config={
            "num_hidden_layers": 4,
            "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"],
            "attention_head_dim": 32,
            "attention_hidden_size": 128,
        },
        why="it ties the attention of its hybrid layers, so it needs two of them",
    ),
    **dict.fromkeys(("evolla", "EvollaModel"), _PROTEINS),
}
