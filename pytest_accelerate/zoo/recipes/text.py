"""Recipes of models that read."""

from __future__ import annotations

import torch

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.generating import Retrieving
from pytest_accelerate.zoo.hashing import Hashing
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe
from pytest_accelerate.zoo.unheard import Cancels

_LAYOUT = Recipe(inputs={"bbox": feeds.boxes(12)})
_CHECKPOINT_FILLS = "values that checkpoints supply and the defaults leave None"


_SMALL_ENCODER = {
    "vocab_size": 128,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
_SMALL_GENERATOR = {
    "model_type": "bart",
    "vocab_size": 128,
    "d_model": 64,
    **{
        f"{part}_{name}": value
        for part in ("encoder", "decoder")
        for name, value in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 128))
    },
    "max_position_embeddings": 64,
}
_PROTEINS = Recipe(
    unable="EvollaSequenceAlignerCrossAttention.cross_attention masks its queries by the mask of "
    "the whole text, so that with a cache the one query becomes as many as the text is long",
    config={"protein_encoder_config": {**_SMALL_ENCODER, "vocab_size": 64}},
    inputs={
        "protein_input_ids": feeds.integers("protein", 5, 64, 2, 10),
        "protein_attention_mask": feeds.mask(10),
    },
)

_TWO_SEGMENTS = feeds.constant([[0] * 5 + [1] * 7, [0] * 4 + [1] * 8])

_END_OF_IMAGE = {
    r"embed_tokens\.eoi_embedding": "as a part it is for token 256000, past the tiny vocabulary"
}


def _borrowed(feeding: Feeding) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Keys and values of the model that it assists, one pair for each kind of its layers."""
    text = feeding.config.get_text_config()
    pairs = {}
    for layer, kind in zip(text.per_layer_config, text.layer_types, strict=True):
        shape = (2, layer.num_key_value_heads, 8, layer.head_dim)
        pairs[kind] = (feeding.normal(*shape), feeding.normal(*shape))
    return pairs


_ALL_SHARE = {
    "num_hidden_layers": 2,
    "num_kv_shared_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"],
}
_ASSISTANT = Recipe(
    config={
        "backbone_hidden_size": 64,
        "use_ordered_embeddings": True,
        "num_centroids": 16,
        "centroid_intermediate_top_k": 4,
    },
    inputs={
        # The token's embedding beside what the model that it assists made of the one before.
        "inputs_embeds": feeds.normal("text", 2, 3, 128),
        "attention_mask": feeds.mask(8),
        "position_ids": feeds.constant([[7, 8, 9], [4, 5, 6]]),
        "shared_kv_states": Feed(_borrowed, "cache"),
    },
    omit=("input_ids",),
    instead={"text": "it takes embeddings"},
)

RECIPES: dict[str, Recipe] = {
    # Transformers 5.23.0 cannot build them: their configs ask that all layers of the text share
    # keys and values, and `kv_sharing_modes` of the text's config refuses that. With that check
    # out of the way they run.
    "gemma4_assistant": Recipe(
        config={
            "text_config": {
                **_ALL_SHARE,
                "hidden_size_per_layer_input": 0,
                "vocab_size_per_layer_input": 0,
            }
        }
    ).over(_ASSISTANT),
    "gemma4_unified_assistant": Recipe(config={"text_config": _ALL_SHARE}).over(_ASSISTANT),
    "blt_local_encoder": Recipe(
        config={"hidden_size_global": 64},
        inputs={
            "input_ids": feeds.words(2, 12),
            # Which of four patches each byte belongs to.
            "patch_ids": feeds.constant([[0] * 3 + [1] * 3 + [2] * 2 + [3] * 4] * 2),
            "num_patches": feeds.constant(4),
        },
        omit=("attention_mask",),
    ),
    "blt_local_decoder": Recipe(
        config={"hidden_size_global": 64},
        inputs={
            "inputs_embeds": feeds.normal("text", 2, 12, 64),
            "patch_embeds": feeds.normal("", 2, 4, 64),
        },
        omit=("input_ids", "attention_mask"),
    ),
    # With many experts some are near to being chosen, and their bias decides between them.
    **dict.fromkeys(("afmoe", "laguna"), Recipe(config={"num_experts": 16})),
    # Of the entropies that its patcher finds, half are above, so that patches have some bytes.
    "blt": Recipe(
        config={"patching_threshold": 4.38},
        unable="GenerationMixin._prepare_cache_for_generation makes a DynamicCache of BltConfig, "
        "which has layers in its parts alone and no num_hidden_layers",
    ),
    # Of many layers one attends; of two it would be none.
    "bamba": Recipe(config={"attn_layer_indices": [1]}),
    "granitemoehybrid": Recipe(config={"layer_types": ["linear_attention", "full_attention"]}),
    "jamba": Recipe(config={"attn_layer_period": 2, "attn_layer_offset": 1}),
    "recurrent_gemma": Recipe(config={"num_hidden_layers": 3}),
    "bros": Recipe(
        inputs={"bbox": feeds.uniform("boxes", 2, 12, 4)},
    ),
    # Its decoder chooses the tokens of sound: its states tell more of it than the choice.
    "clvp": Recipe(
        config={"output_hidden_states": True, "decoder_config": {"output_hidden_states": True}},
        unheard={
            r"speech_decoder_model\.model\.decoder\.input_embeds_layer\.weight": (
                "its forward gives the decoder embeddings alone"
            )
        },
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
    "cpmant": Recipe(
        uncached="CpmAntModel.forward marks what it has written as context, which sees what follows"
    ),
    "dbrx": Recipe(
        config={"attn_config": {"rope_theta": 10000.0, "kv_n_heads": 2, "clip_qkv": 8.0}}
    ),
    "deepseek_ocr2_text": Recipe(
        config={"mlp_layer_types": ["dense", "sparse"]}, why=_CHECKPOINT_FILLS
    ),
    # Windows that several times fill the text.
    "deepseek_v4": Recipe(
        config={
            "compress_rates": {
                "compressed_sparse_attention": 2,
                "heavily_compressed_attention": 4,
            }
        }
    ),
    # The ranks of its sliding layers are set apart from those of the others.
    "dots3_note_text": Recipe(
        config={
            "swa_num_attention_heads": 4,
            "swa_num_key_value_heads": 4,
            "swa_q_lora_rank": 16,
            "swa_kv_lora_rank": 16,
            "swa_head_dim": 16,
            "swa_qk_nope_head_dim": 8,
            "swa_v_head_dim": 16,
        }
    ),
    "encoder-decoder": Recipe(
        unheard={r"encoder\.pooler\..*": "the decoder attends to the states before the pooler"}
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
        config={"pad_token_id": 1, "mask_token_id": 32, "vocab_size": 33},
        unheard={r"contact_head\..*": "predict_contacts alone calls it, outside of the forward"},
        why=_CHECKPOINT_FILLS,
    ),
    "fsmt": Recipe(
        uncached="FSMTModel.forward is causal only where it is given input_ids, and generate gives "
        "encoder_outputs"
    ),
    "funnel": Recipe(
        config={"block_sizes": [1, 1, 1], "d_head": 16}, inputs={"token_type_ids": _TWO_SEGMENTS}
    ),
    "gemma4_text": Recipe(config={"hidden_size_per_layer_input": 0}),
    "gpt_neo": Recipe(config={"attention_types": [[["global", "local"], 1]], "window_size": 4}),
    # Its embeddings would be fifty times as large as the state that they are added to.
    "hrm_text": Recipe(config={"embedding_scale": 1.0}),
    # It loops four of seven layers twice, in blocks of two: a pass reads what the blocks of the one
    # before made, and chooses between two at least.
    "inkling2_loop_text": Recipe(
        config={
            "num_hidden_layers": 7,
            "layer_types": ["hybrid_sliding", "hybrid"] * 3 + ["hybrid_sliding"],
            "n_layers_per_attn_res_block": 2,
            "loop_layer_index_start": 2,
            "loop_layer_index_end": 6,
            "loop_num_passes": 2,
        }
    ),
    # One expert of one to choose from, and its weight is always one.
    "hunyuan_v1_moe": Recipe(config={"num_experts": 4, "moe_topk": 2}),
    "jev": Recipe(
        inputs={
            # One prompt with two questions, of two and of three options.
            "input_ids": feeds.words(1, 12),
            "attention_mask": feeds.ones(1, 12),
            "marks": feeds.constant([[4, 9]]),
            "num_options": feeds.constant([[2, 3]]),
            "question_type_ids": feeds.constant([[0, 1]]),
        }
    ),
    "layoutlm": _LAYOUT,
    "layoutlmv3": Recipe(
        config={"coordinate_size": 12, "shape_size": 8, "input_size": 64},
        inputs={"bbox": feeds.boxes(12)},
    ),
    "lfm2_moe": Recipe(config={"layer_types": ["conv", "full_attention"]}, why=_CHECKPOINT_FILLS),
    "lilt": Recipe(config={"hidden_size": 48}, inputs={"bbox": feeds.boxes(12)}),
    "longcat_flash": Recipe(config={"head_dim": 8, "zero_expert_num": 2}),
    "mamba2": Recipe(config={"num_heads": 8, "head_dim": 16, "n_groups": 1}),
    "mistral_large4_text": Recipe(config={"kv_source_layers": [0, 0, 2]}),
    "mra": Recipe(
        unheard={
            r".*\.attention\.(self\.(query|key|value)\..*|output\.dense\.weight)": (
                "without its CUDA kernel the library's attention returns zeros"
            )
        }
    ),
    "neomme": Recipe(
        unheard={
            r"layers\.0\.lambdas": Cancels(
                "both of its streams are the embeddings, and the norm takes their scale away"
            )
        }
    ),
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
    "prophetnet": Recipe(
        uncached="ProphetNetNgramSelfAttention.get_predict_relative_pos_embeddings orders them "
        "otherwise than its buckets, so that tokens get those of later ones"
    ),
    "qwen3_omni_moe_talker_code_predictor": Recipe(
        inputs={"inputs_embeds": feeds.normal("embeddings", 2, 12, 64)},
        omit=("input_ids",),
        instead={"text": "without generation steps it takes the talker's embeddings"},
        unheard={r"codec_embedding\..*": "its forward refuses tokens: its callers embed them"},
    ),
    "qwen3_omni_moe_talker_text": Recipe(
        config={"shared_expert_intermediate_size": 32},
        inputs={"inputs_embeds": feeds.normal("embeddings", 2, 12, 64)},
        omit=("input_ids", "attention_mask"),
        instead={"text": "it takes the thinker's embeddings"},
        unheard={r"codec_embedding\.weight": "its forward calls it by a name that it lacks"},
        why=_CHECKPOINT_FILLS,
    ),
    "qwen4_exp_text": Recipe(
        config={
            # Of few heads all are negative at times: blocks that score zero tie.
            "indexer_n_heads": 16,
            "indexer_kv_heads": 1,
            "indexer_head_dim": 16,
            "indexer_budget": 8,
            "indexer_compress_ratio": 2,
        },
        why=_CHECKPOINT_FILLS,
    ),
    "rag": Recipe(
        config={
            "question_encoder": {"model_type": "dpr", **_SMALL_ENCODER},
            "generator": _SMALL_GENERATOR,
            "n_docs": 2,
        },
        inputs={
            "input_ids": feeds.words(2, 12, vocabulary=128),
            # Two documents for each question, and what an index holds of them.
            "context_input_ids": feeds.words(4, 10, vocabulary=128),
            "context_attention_mask": feeds.mask(10, 2, batch=4),
            "retrieved_doc_embeds": feeds.normal("", 2, 2, 64, scale=0.1),
        },
        around=Retrieving,
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
        around=Hashing,
        unable="LSHSelfAttention.forward hashes all keys anew once there are cached buckets, of "
        "keys that it has already split by their hashes",
        why="its buckets are drawn anew in each forward unless the hash has a seed",
    ),
    "step3p5": Recipe(config={"sliding_window": 8}),
    "t5gemma2_decoder": Recipe(
        config={"dropout_rate": 0.0},
        inputs={"encoder_hidden_states": feeds.normal("", 2, 8, 64)},
        unheard=_END_OF_IMAGE,
    ),
    "t5gemma2_text": Recipe(config={"dropout_rate": 0.0}, unheard=_END_OF_IMAGE),
    "xlnet": Recipe(
        inputs={
            "token_type_ids": _TWO_SEGMENTS,
            # Two tokens of each row to predict, by queries that do not see them.
            "target_mapping": feeds.constant(
                [[[float(at == seen) for seen in range(12)] for at in (2, 7)]] * 2
            ),
        },
        # Its generation adds the token to predict by itself.
        prompt={"token_type_ids": feeds.NOTHING, "target_mapping": feeds.NOTHING},
        uncached="XLNetLMHeadModel.prepare_inputs_for_generation ignores use_cache, and its tokens "
        "see those that follow",
    ),
    # Its cache rounds the width of keys up to a multiple of 64, and its layers do not.
    "xlstm": Recipe(config={"hidden_size": 128}),
    # By itself: where it reads an image, its generation has one cache for text and image.
    "trocr": Recipe(prompt={"encoder_hidden_states": feeds.NOTHING}),
    "xmod": Recipe(
        config={"default_language": "en_XX", "languages": ["en_XX", "de_DE"]},
        inputs={"lang_ids": feeds.constant([0, 1])},
    ),
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
