"""Sound: spectrograms and waveforms."""

from __future__ import annotations

import torch

from pytest_accelerate.zoo.inputs.base import BATCH, Feeding

_PARTS = ("audio", "speech", "encoder")
FRAMES = 64
SAMPLES = 2560


def input_features(feeding: Feeding) -> torch.Tensor:
    """A spectrogram: (batch, mel bins, frames) where positions are fixed, else frames first."""
    bins = feeding.setting(
        "num_mel_bins",
        "input_feat_per_channel",
        "feature_size",
        "mel_bins",
        "input_feat_size",
        "feature_projection_input_dim",
        "input_dim",
        "input_size",
        within=_PARTS,
        default=80,
    )
    positions = feeding.setting("max_source_positions", within=_PARTS)
    frames = 2 * positions if isinstance(positions, int) else FRAMES
    if _channels_first(feeding, bins):
        return feeding.normal(BATCH, bins, frames)
    return feeding.normal(BATCH, frames, bins)


def _channels_first(feeding: Feeding, bins: int) -> bool:
    """Whether the first layer that takes mel bins is a convolution along time."""
    for module in feeding.model.modules():
        if isinstance(module, torch.nn.Conv1d) and module.in_channels == bins:
            return True
        if isinstance(module, torch.nn.Linear | torch.nn.LayerNorm | torch.nn.Conv2d):
            width = module.weight.shape[-1 if module.weight.dim() < 4 else 1]
            if width in (bins, 1):
                return False
    return False


def input_features_mask(feeding: Feeding) -> torch.Tensor | None:
    """(batch, frames): ones for sound, zeros for the padding at the end of the last row."""
    features = feeding.inputs.get("input_features")
    if features is None:
        return None
    frames = features.shape[-1] if _frames_last(feeding, features) else features.shape[1]
    return feeding.mask(frames, frames // 4)


def _frames_last(feeding: Feeding, features: torch.Tensor) -> bool:
    return features.dim() == 3 and _channels_first(feeding, features.shape[1])


def input_values(feeding: Feeding) -> torch.Tensor:
    """A waveform (batch, samples) or (batch, 1, samples) for codecs, or a spectrogram."""
    bins = feeding.setting("num_mel_bins", within=_PARTS)
    if isinstance(bins, int):
        length = feeding.setting("max_length", within=_PARTS, default=FRAMES)
        return feeding.normal(BATCH, length, bins)
    if feeding.setting("codebook_size", "audio_channels") is not None:
        return feeding.normal(BATCH, 1, SAMPLES)
    return feeding.normal(BATCH, SAMPLES)


def mask_time_indices(feeding: Feeding) -> torch.Tensor | None:
    """(batch, frames): which frames of sound are covered, as in training; two of each row."""
    sound = feeding.inputs.get("input_values", feeding.inputs.get("input_features"))
    if sound is None:
        return None
    frames = sound.shape[1]
    if "input_values" in feeding.inputs:
        frames = int(feeding.model._get_feat_extract_output_lengths(frames))  # type: ignore[operator]
    mask = torch.zeros(BATCH, frames, dtype=torch.bool)
    mask[:, 1:3] = True
    return mask
