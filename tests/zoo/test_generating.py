"""Modules that generate in one forward pass do what the model's own ``generate`` does."""

from __future__ import annotations

from typing import Any

import torch

from pytest_accelerate import zoo
from pytest_accelerate.zoo.generating import Composing


def test_composing_is_musicgens_own_generation() -> None:
    """From a text and a beginning to codes and to a waveform: as ``generate`` has it, greedily."""
    specimen = zoo.construct("musicgen")
    model: Any = specimen.model.model
    steps = Composing.FRAMES + model.decoder.num_codebooks - 1
    expected = model.generate(
        **specimen.inputs, do_sample=False, guidance_scale=1.0, max_new_tokens=steps
    )
    answer = specimen.model(**specimen.inputs)
    assert answer["logits"].shape[2] == steps
    assert expected.std() > 0.01
    # With a cache or without one: the sums are the same, and their order is not.
    assert torch.allclose(answer["audio_values"], expected, rtol=0.0, atol=1e-5)
    begun = specimen.inputs["input_values"]
    codes = model.audio_encoder.encode(begun).audio_codes[0]
    assert torch.equal(answer["audio_codes"][..., : codes.shape[-1]], codes)


def test_what_is_composed_follows_the_text() -> None:
    """Another text is other codes after the same beginning, and another sound."""
    specimen = zoo.construct("musicgen")
    ids = specimen.inputs["input_ids"]
    other = specimen.model(**{**specimen.inputs, "input_ids": ids.flip(0)})
    first = specimen.model(**specimen.inputs)
    added = Composing.FRAMES
    assert torch.equal(first["audio_codes"][..., :-added], other["audio_codes"][..., :-added])
    assert not torch.equal(first["audio_codes"][..., -added:], other["audio_codes"][..., -added:])
    assert not torch.allclose(first["audio_values"], other["audio_values"], atol=1e-3)
