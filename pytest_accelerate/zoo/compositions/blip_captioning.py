"""BLIP as it tells what it sees: its text attends to the image.

The type ``blip`` is transformers' base model, which reads a text beside an image and compares the
two; the attention from the one to the other takes no part there.
"""

from __future__ import annotations

import torch
from transformers import BlipForConditionalGeneration

from pytest_accelerate.zoo.configs import tiny_config


def compose() -> torch.nn.Module:
    """A tiny one, of the config that the rules make for ``blip``."""
    config = tiny_config("blip", {})
    config.text_config.use_cache = False
    model: torch.nn.Module = BlipForConditionalGeneration._from_config(
        config, attn_implementation="eager", dtype=torch.float32
    )
    return model
