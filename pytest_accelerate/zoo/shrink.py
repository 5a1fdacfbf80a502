"""Small values for the fields of a config, by the name of the field."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

WIDTH = 64
"""Every hidden size is this one, so that sizes that must be equal stay equal."""
HEADS, HEAD_DIM, KEY_VALUE_HEADS = 4, 16, 2
LAYERS = 2
INTERMEDIATE = 128
VOCABULARY = 128
IMAGE = 64
"""Pixels; rounded to whole patches."""

Rule = Callable[[Any], Any]


def _at_most(limit: int) -> Rule:
    return lambda value: min(value, limit)


def _exactly(size: int) -> Rule:
    # Zero and negative values switch something off.
    return lambda value: size if value > 0 else value


def _key_value_heads(value: int) -> int:
    return min(value, KEY_VALUE_HEADS)


# First match wins. Patterns are searched in the field's name and apply to positive integers.
_INTEGERS: tuple[tuple[str, Rule], ...] = (
    (r"^n_group$", _at_most(2)),
    (r"^topk_group$", _at_most(1)),
    # Fewer keys than tokens, so that an indexer has some to leave out; with many heads, of which
    # one at least is positive, no two of its scores are the same.
    (r"^index_topk$", _at_most(8)),
    (r"^index_kpool$", _at_most(2)),
    (r"^index_n_heads$", _at_most(16)),
    (r"(token|pad|bos|eos|cls|sep|mask|unk)_(id|index|idx)s?$", lambda value: value),
    (r"(kernel|stride|padding|dilation|groups?$|_factor$|_ratio$|_rate$|_bins$)", lambda v: v),
    (r"(vocab_size|^n_vocab|vocab_size_per_layer_input)$", _at_most(VOCABULARY)),
    (
        r"(key_value_heads|kv_heads|linear_num_key_heads|num_global_key_value_heads)$",
        _key_value_heads,
    ),
    (r"mamba_(n|num)_heads$", _exactly(8)),
    (r"linear_(num_)?(value_)?(num_)?heads$", _at_most(HEADS)),
    (r"(^|_)(attention_)?heads?$|n_head$|n_heads$", _at_most(HEADS)),
    (r"(qk_rope_head_dim|rotary_dim)$", _at_most(8)),
    (r"qk_nope_head_dim$", _at_most(8)),
    (r"qk_head_dim$", _at_most(16)),
    (
        r"(head_dim|d_head|d_kv|dim_head|attention_head_size|head_size|key_head_dim|mamba_d_head|_head_dim)$",
        _at_most(HEAD_DIM),
    ),
    (r"(lora_rank|_rank)$", _at_most(16)),
    (r"(d_state|state_size|ssm_state_size)$", _at_most(16)),
    (
        r"(experts_per_tok(en)?|moe_topk|moe_k|top_k_experts|num_experts_per_tok|num_selected_experts|top_k)$",
        _at_most(2),
    ),
    (r"(num_experts|routed_experts|local_experts|moe_num_experts|num_moe_experts)$", _at_most(4)),
    (r"(shared_experts)$", _at_most(1)),
    (
        r"(first_k_dense_replace|num_dense_layers|insert_layer_id|num_nextn_predict_layers)$",
        _at_most(1),
    ),
    (r"(num_kv_shared_layers)$", _at_most(0)),
    (
        r"(hidden_layers|_layers|^n_layers?|^layers|^num_layers|^depth|_depth|num_blocks)$",
        _at_most(LAYERS),
    ),
    (
        r"(intermediate_size|ffn_dim|ffn_hidden_size|mlp_dim|d_ff|dff|d_inner|dim_ff|n_inner|"
        r"feedforward_dim|feed_forward_size|linear_units|mlp_hidden_size|feedforward|inner_dim|"
        r"intermediate_dim|feed_forward_hidden_size)$",
        _at_most(INTERMEDIATE),
    ),
    (r"max_source_positions$", _at_most(32)),
    (
        r"(max_position_embeddings|n_positions|max_positions|max_seq_len|"
        r"max_target_positions|n_ctx|max_sequence_length|max_pos_emb)$",
        _at_most(256),
    ),
    (r"max_2d_position_embeddings$", _at_most(128)),
    (r"^window_size$", lambda value: 2 if value < 32 else value),
    # Two channels for each of 32 groups: a norm over a group of one takes its bias away.
    (r"^base_channels$", _at_most(64)),
    (r"^(num_filters|n_filters)$", _at_most(8)),
    (r"num_pos_feats$", _at_most(WIDTH // 2)),
    (
        r"(sliding_window|attention_window|local_attention|sliding_window_size|attention_chunk_size)$",
        _at_most(8),
    ),
    (r"(chunk_size)$", _at_most(16)),
    (r"^(num_queries|two_stage_num_proposals)$", _at_most(12)),
    (r"(query_tokens|num_latents|n_latents|latent_query_num|num_query)$", _at_most(4)),
    (r"(codebook_size|num_embeddings|hash_buckets|encoder_hash_byte_group_vocab)$", _at_most(64)),
    (
        r"(hidden_size|_hidden_dim|^hidden_dim|d_model|^embed_dim|_embed_dim|n_embd|emb_dim|^dim|"
        r"projection_dim|project_dim|embedding_size|embedding_dim|out_hidden_size|pooler_output_size|"
        r"output_hidden_size|projection_size|fpn_hidden_size|codevector_dim|codebook_dim|"
        r"output_channels|conv_out_dim|width|embeds?_hidden_size|word_embed_proj_dim|"
        r"classifier_proj_size|decoder_hidden_size|mask_feature_size|lru_width|output_dim|"
        r"d_embed|hidden_channels|upsample_initial_channel|d_latents|vector_quantization_hidden_dimension|"
        r"feature_size|bottleneck_features|condition_dim|adapter_in_dim|adapter_input_size|"
        r"adapter_out_dim|output_proj_dims|head_hidden_size|reassemble_hidden_size)$",
        _at_most(WIDTH),
    ),
)
FILL: dict[str, int] = {
    "vocab_size": VOCABULARY,
    "head_dim": HEAD_DIM,
    "num_key_value_heads": HEADS,
    "num_experts": 4,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "top_k_experts": 2,
    "moe_intermediate_size": 32,
    "n_group": 1,
    "topk_group": 1,
    "prediction_length": 4,
    "image_token_id": 100,
    "image_token_index": 100,
    "video_token_id": 101,
    "video_token_index": 101,
    "audio_token_id": 102,
}
"""For what checkpoints say and defaults leave ``None``."""

_INTEGER_RULES = tuple((re.compile(pattern), rule) for pattern, rule in _INTEGERS)

_PER_STAGE_WIDTHS = re.compile(
    r"(hidden_sizes|embed_dims?|neck_hidden_sizes|encoder_in_channels|dims|conv_dim|tdnn_dim|"
    r"post_process_channels|backbone_channel_list|embed_dim_per_stage|scaled_images_feature_dims)$"
)
_PER_STAGE_DEPTHS = re.compile(r"^(depths?|num_blocks|num_layers|blocks_per_stage|layers)$")
_PER_STAGE_HEADS = re.compile(r"(num_heads|num_attention_heads|num_attention_heads_per_stage)$")


def small(name: str, value: Any) -> Any:
    """A small value for a config field named ``name`` whose default is ``value``."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        if value <= 0:
            return value
        for pattern, rule in _INTEGER_RULES:
            if pattern.search(name):
                return rule(value)
        return value
    if isinstance(value, list | tuple) and value and all(type(item) is int for item in value):
        return type(value)(_small_stages(name, list(value)))
    return value


def _small_stages(name: str, values: list[int]) -> list[int]:
    if name == "deepstack_visual_indexes":
        # Each of these layers of the vision part enters the text at a layer of its own.
        return list(range(min(len(values), LAYERS)))
    if name == "channel_multiplier":
        return [1, 2]
    if name == "decoder_in_channels":
        return [WIDTH] * len(values)
    if _PER_STAGE_WIDTHS.search(name):
        return scaled(values, 16)
    if _PER_STAGE_DEPTHS.search(name):
        return [min(value, 1) for value in values]
    if _PER_STAGE_HEADS.search(name):
        return [max(1, value // max(1, min(values))) for value in values]
    return values


def scaled(values: list[int], smallest: int) -> list[int]:
    """Widths in the proportions of ``values``, the smallest near ``smallest``, multiples of 8."""
    unit = min(values)
    if unit <= smallest:
        return values
    return [max(8, round(value * smallest / unit / 8) * 8) for value in values]


def image_pixels(default: int, patch: int) -> int:
    """An image size of whole patches, an even number of them, near :data:`IMAGE`."""
    step = 2 * patch
    return min(default, max(step, IMAGE // step * step))


def kept_layers(lists: list[list[Any]], at_least: int = LAYERS) -> list[int]:
    """Indices of the layers to keep so that each list keeps one of each of its kinds.

    Args:
        lists: per-layer values (``layer_types`` and the like), all of the same length.
    """
    kept: set[int] = set()
    for values in lists:
        first: dict[str, int] = {}
        for index, value in enumerate(values):
            first.setdefault(repr(value), index)
        if len(first) <= 4:
            covered = {repr(values[index]) for index in kept}
            kept |= {index for kind, index in first.items() if kind not in covered}
    for index in range(len(lists[0])):
        if len(kept) >= at_least:
            break
        kept.add(index)
    return sorted(kept)
