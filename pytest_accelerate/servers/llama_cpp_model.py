"""Writes a tiny llama as a GGUF file: ``python llama_cpp_model.py FILE``.

A program for the server's own Python, which has ``gguf`` and not this package. The weights are
random, from a fixed seed. The vocabulary has a token for each byte and none longer, so that the
tokens of a text can be counted by hand: one for the beginning, one for the space that llama's
tokenizer puts first, and one a character of ASCII. Only letters and the space are ever written.
"""

from __future__ import annotations

import sys

import gguf  # type: ignore[import-not-found, unused-ignore]
import numpy as np

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
"""Kinds of tokens, as llama.cpp numbers them."""
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
TOKENS = [
    ("<unk>", UNKNOWN),
    ("<s>", CONTROL),
    ("</s>", CONTROL),
    *((f"<0x{byte:02X}>", BYTE) for byte in range(256)),
    ("\u2581", NORMAL),  # llama's mark for a space
    *((letter, NORMAL) for letter in LETTERS),
]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} "
    "{% endfor %}{% if add_generation_prompt %}assistant{% endif %}"
)
CONTEXT, WIDTH, HIDDEN, LAYERS, HEADS, KEY_HEADS = 256, 32, 64, 2, 4, 2


def write(file: str) -> None:
    """Write the model."""
    writer = gguf.GGUFWriter(file, "llama")
    _describe(writer)
    _add_tokenizer(writer)
    _add_weights(writer, np.random.default_rng(0))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter) -> None:
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(TOKENS))
    writer.add_pooling_type(gguf.PoolingType.MEAN)  # one vector a text, not one a token


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in TOKENS])
    writer.add_token_scores([0.0] * len(TOKENS))
    writer.add_token_types([kind for _, kind in TOKENS])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(CHAT_TEMPLATE)


def _add_weights(writer: gguf.GGUFWriter, random: np.random.Generator) -> None:
    def add(name: str, *shape: int) -> None:
        values = random.standard_normal(shape) / WIDTH**0.5
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))

    def add_ones(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))

    add("token_embd", len(TOKENS), WIDTH)
    for layer in range(LAYERS):
        keys = WIDTH // HEADS * KEY_HEADS
        add_ones(f"blk.{layer}.attn_norm")
        add(f"blk.{layer}.attn_q", WIDTH, WIDTH)
        add(f"blk.{layer}.attn_k", keys, WIDTH)
        add(f"blk.{layer}.attn_v", keys, WIDTH)
        add(f"blk.{layer}.attn_output", WIDTH, WIDTH)
        add_ones(f"blk.{layer}.ffn_norm")
        add(f"blk.{layer}.ffn_gate", HIDDEN, WIDTH)
        add(f"blk.{layer}.ffn_up", HIDDEN, WIDTH)
        add(f"blk.{layer}.ffn_down", WIDTH, HIDDEN)
    add_ones("output_norm")
    writer.add_tensor("output.weight", _head(random))


def _head(random: np.random.Generator) -> np.ndarray:
    """Nothing for single bytes and special tokens, so that a letter is always likelier."""
    head = random.standard_normal((len(TOKENS), WIDTH)) * 4
    head[[kind != NORMAL for _, kind in TOKENS]] = 0
    return head.astype(np.float32)


if __name__ == "__main__":
    write(sys.argv[1])
