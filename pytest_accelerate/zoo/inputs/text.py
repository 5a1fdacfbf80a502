"""Token ids with room for the placeholders of other modalities, and their masks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_accelerate.zoo.configs import walk
from pytest_accelerate.zoo.inputs.base import BATCH, PADDING, TEXT, Feeding

if TYPE_CHECKING:
    import torch

_CROSS_ATTENTION = re.compile(r"(encoder_attn|cross_?attn|cross_?attention)\.(k_proj|key)$")
_SPECIAL = re.compile(r"_(token_)?(id|ids|index|idx)$")

PLACEHOLDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "image": (
        ("image_token_id", "image_token_index"),
        ("vision_start_token_id", "image_start_token_id", "boi_token_id", "boi_token_index"),
        ("vision_end_token_id", "image_end_token_id", "eoi_token_id", "eoi_token_index"),
    ),
    "video": (
        ("video_token_id", "video_token_index", "image_token_id"),
        ("vision_start_token_id", "video_start_token_id"),
        ("vision_end_token_id", "video_end_token_id"),
    ),
    "audio": (
        ("audio_token_id", "audio_token_index"),
        ("audio_start_token_id", "audio_bos_token_id", "boa_token_id"),
        ("audio_end_token_id", "audio_eos_token_id", "eoa_token_id"),
    ),
}
"""Modality -> names of its placeholder token, of the tokens before it and after it."""


def special_ids(feeding: Feeding) -> set[int]:
    """Every token id that some config gives a meaning."""
    found: set[int] = set()
    for config in walk(feeding.config):
        for name, value in vars(config).items():
            if _SPECIAL.search(name):
                values = value if isinstance(value, list | tuple) else [value]
                found |= {item for item in values if type(item) is int}
    return found


def words(feeding: Feeding, *shape: int, vocabulary: int | None = None) -> torch.Tensor:
    """Ordinary token ids: in the vocabulary and without a special meaning."""
    import torch

    size = vocabulary or feeding.setting(
        "vocab_size", "n_vocab", within=("text", "llm"), default=32
    )
    special = special_ids(feeding)
    ordinary = [token for token in range(min(3, size - 1), size) if token not in special]
    choices = torch.tensor(ordinary or [size - 1])
    return choices[feeding.integers(0, len(choices), *shape)]


def input_ids(feeding: Feeding) -> torch.Tensor:
    """Token ids (batch, length); the last row ends in padding."""
    import torch

    rows = [_row(feeding, index) for index in range(BATCH)]
    pad = feeding.setting("pad_token_id", within=("text",), default=0)
    pad = pad if isinstance(pad, int) and pad >= 0 else 0
    length = max(len(row) for row in rows)
    if len(rows[-1]) == length:
        length += PADDING
        rows[0] = torch.cat([rows[0], words(feeding, PADDING)])
    out = torch.full((BATCH, length), pad, dtype=torch.int64)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    feeding.lengths = [len(row) for row in rows]
    return out


def _row(feeding: Feeding, index: int) -> torch.Tensor:
    import torch

    pieces = [words(feeding, 3)]
    for modality, counts in feeding.placeholders.items():
        names, starts, ends = PLACEHOLDERS[modality]
        token = feeding.setting(*names)
        if not isinstance(token, int) or not counts[index]:
            continue
        for before, count, after in ((starts, counts[index], ends),):
            start, end = feeding.setting(*before), feeding.setting(*after)
            pieces += [torch.tensor([start])] if isinstance(start, int) else []
            pieces.append(torch.full((count,), token))
            pieces += [torch.tensor([end])] if isinstance(end, int) else []
    pieces.append(words(feeding, _length(feeding) - 3 - (PADDING if index else 0)))
    return torch.cat(pieces)


def _length(feeding: Feeding) -> int:
    """Tokens of the longer row: more where an indexer chooses the keys that each of them sees."""
    return 3 * TEXT if feeding.setting("index_topk", "indexer_budget") else TEXT


def attention_mask(feeding: Feeding) -> torch.Tensor | None:
    """Ones for tokens, zeros for padding, of the shape of ``input_ids``."""
    ids = feeding.inputs.get("input_ids")
    if ids is None:
        return None
    if not feeding.lengths:  # ids of a recipe
        return feeding.mask(ids.shape[1], batch=ids.shape[0])
    import torch

    mask = torch.zeros_like(ids)
    for index, length in enumerate(feeding.lengths):
        mask[index, :length] = 1
    return mask


def global_attention_mask(feeding: Feeding) -> torch.Tensor | None:
    """Ones for the tokens that all others attend to, of the shape of ``input_ids``: the first."""
    ids = feeding.inputs.get("input_ids")
    if ids is None:
        return None
    import torch

    mask = torch.zeros_like(ids)
    mask[:, 0] = 1
    return mask


def encoder_hidden_states(feeding: Feeding) -> torch.Tensor | None:
    """What a decoder that runs alone attends to (batch, 8, width), if it has attention for it."""
    for name, module in feeding.model.named_modules():
        if _CROSS_ATTENTION.search(name):
            return feeding.normal(BATCH, 8, int(module.in_features))
    return None


def decoder_input_ids(feeding: Feeding) -> Any:
    """Decoder tokens (batch, 7), beginning with the start token when the config has one."""
    vocabulary = feeding.setting("vocab_size", within=("decoder", "text"), default=32)
    tokens = words(feeding, BATCH, 7, vocabulary=vocabulary)
    start = feeding.setting("decoder_start_token_id")
    if isinstance(start, int):
        tokens[:, 0] = start
    return tokens


def embeddings(feeding: Feeding) -> Any:
    """Token embeddings (batch, 12, width) for parts that come after an embedding layer."""
    return feeding.normal(BATCH, TEXT, feeding.setting("hidden_size", "d_model", default=64))
