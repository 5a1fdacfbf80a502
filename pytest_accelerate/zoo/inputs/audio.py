"""Sound: spectrograms and waveforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_accelerate.zoo.inputs.base import BATCH, Feeding

if TYPE_CHECKING:
    import torch

_PARTS = ("audio", "speech", "encoder")
FRAMES = 64
SAMPLES = 2560


def input_features(feeding: Feeding) -> torch.Tensor:
    """A spectrogram: (batch, mel bins, frames) where positions are fixed, else frames first."""
    bins = feeding.setting(
        "num_mel_bins", "input_feat_per_channel", "feature_size", "mel_bins", "input_feat_size",
        "feature_projection_input_dim", "input_dim", "input_size", within=_PARTS, default=80,
    )
    positions = feeding.setting("max_source_positions", within=_PARTS)
    if isinstance(positions, int) and feeding.setting("num_mel_bins", within=_PARTS):
        return feeding.normal(BATCH, bins, 2 * positions)
    return feeding.normal(BATCH, FRAMES, bins)


def input_values(feeding: Feeding) -> torch.Tensor:
    """A waveform (batch, samples) or (batch, 1, samples) for codecs, or a spectrogram."""
    bins = feeding.setting("num_mel_bins", within=_PARTS)
    if isinstance(bins, int):
        length = feeding.setting("max_length", within=_PARTS, default=FRAMES)
        return feeding.normal(BATCH, length, bins)
    if feeding.setting("codebook_size", "audio_channels") is not None:
        return feeding.normal(BATCH, 1, SAMPLES)
    return feeding.normal(BATCH, SAMPLES)
