"""What the tiny llama of the GGUF file gives, computed by numpy alone."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

HEADS, KEY_HEADS, LAYERS = 4, 2, 2
READ = (
    "import sys, gguf, numpy; numpy.savez(sys.argv[2], "
    "**{each.name: each.data for each in gguf.GGUFReader(sys.argv[1]).tensors})"
)
"""Run by the server's Python, which can read the file."""


class Llama:
    """The model, as its paper has it."""

    def __init__(self, python: Path, file: Path) -> None:
        arrays = file.with_suffix(".npz")
        subprocess.run([str(python), "-c", READ, str(file), str(arrays)], check=True)
        self._weights: dict[str, Any] = dict(numpy.load(arrays))

    def hidden(self, tokens: Sequence[int]) -> Any:
        """What stands behind each token after the last layer, normed."""
        state = self._of("token_embd")[list(tokens)]
        for layer in range(LAYERS):
            here = f"blk.{layer}"
            state = state + self._attended(here, self._normed(state, f"{here}.attn_norm"))
            state = state + self._fed(here, self._normed(state, f"{here}.ffn_norm"))
        return self._normed(state, "output_norm")

    def greedy(self, tokens: Sequence[int], count: int) -> list[int]:
        """The tokens that follow, each the likeliest."""
        known = list(tokens)
        for _ in range(count):
            known.append(int((self._of("output") @ self.hidden(known)[-1]).argmax()))
        return known[len(tokens) :]

    def _of(self, name: str) -> Any:
        return self._weights[f"{name}.weight"]

    def _normed(self, state: Any, name: str) -> Any:
        size = numpy.sqrt((state**2).mean(-1, keepdims=True) + 1e-5)
        return state / size * self._of(name)

    def _fed(self, here: str, state: Any) -> Any:
        gate = state @ self._of(f"{here}.ffn_gate").T
        up = state @ self._of(f"{here}.ffn_up").T
        return (gate / (1 + numpy.exp(-gate)) * up) @ self._of(f"{here}.ffn_down").T

    def _attended(self, here: str, state: Any) -> Any:
        length = len(state)
        queries = _turned((state @ self._of(f"{here}.attn_q").T).reshape(length, HEADS, -1))
        keys = _turned((state @ self._of(f"{here}.attn_k").T).reshape(length, KEY_HEADS, -1))
        values = (state @ self._of(f"{here}.attn_v").T).reshape(length, KEY_HEADS, -1)
        keys = keys.repeat(HEADS // KEY_HEADS, axis=1)
        values = values.repeat(HEADS // KEY_HEADS, axis=1)
        scores = numpy.einsum("qhd,khd->hqk", queries, keys) / numpy.sqrt(queries.shape[-1])
        scores[:, numpy.triu(numpy.ones((length, length), bool), 1)] = -numpy.inf
        weights = numpy.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = numpy.einsum("hqk,khd->qhd", weights, values).reshape(length, -1)
        return mixed @ self._of(f"{here}.attn_output").T


def _turned(heads: Any) -> Any:
    """Each pair of neighbours turned by an angle that grows with the position."""
    length, _, width = heads.shape
    speeds = 10_000.0 ** (-numpy.arange(0, width, 2) / width)
    angles = numpy.arange(length)[:, None, None] * speeds
    even, odd = heads[..., ::2], heads[..., 1::2]
    turned = numpy.empty_like(heads)
    turned[..., ::2] = even * numpy.cos(angles) - odd * numpy.sin(angles)
    turned[..., 1::2] = even * numpy.sin(angles) + odd * numpy.cos(angles)
    return turned
