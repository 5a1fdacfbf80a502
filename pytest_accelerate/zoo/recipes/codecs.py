"""Recipes of models that turn sound into codes and back, and of vocoders."""

from __future__ import annotations

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.noise import Sounding
from pytest_accelerate.zoo.recipe import Recipe
from pytest_accelerate.zoo.recipes.audio import MASKED, TRAINED_BY_MASKING

_UPSAMPLED = Recipe(config={"upsample_groups": 64})
_VOCODER = Recipe(inputs={"spectrogram": feeds.normal("audio", 2, 20, 80)})
# A code stands for sixteen samples: it takes many to hear an LSTM through the choice of them.
_MANY_CODES = Recipe(config={"upsampling_ratios": (2, 2, 2, 2)})
_DECODER = Recipe(
    config={"upsample_groups": 64}, inputs={"latents": feeds.normal("audio", 2, 64, 8)}
)
# Its semantic features and its acoustic ones, a frame for 320 samples, are quantized together.
_TWO_ENCODERS = Recipe(
    config={
        "encoder_hidden_size": 8,
        "downsampling_ratios": (16, 20),
        "quantization_dim": 128,
        "quantization_levels": [16] * 4,
    },
    unheard={rf"semantic_encoder\.{MASKED}": TRAINED_BY_MASKING},
    inputs={
        # As loud as speech is: louder sound saturates the codes, and drowns its meaning.
        "input_values": feeds.normal("audio", 2, 1, 16 * 320, scale=0.03),
        "input_features": feeds.normal("audio", 2, 16, 160),
        "input_features_mask": feeds.mask(16, 2),
    },
)

RECIPES: dict[str, Recipe] = {
    # Each block of its decoder multiplies differences by ten: four leave few digits of fp32.
    "dac": Recipe(
        config={"encoder_hidden_size": 8, "decoder_hidden_size": 64, "downsampling_ratios": [4]}
    ),
    # It codes at one of several bandwidths; at a larger one it makes more choices.
    "encodec": Recipe(inputs={"bandwidth": feeds.constant(6.0)}),
    "univnet": Recipe(
        inputs={
            # It makes kernels of its spectrogram, and large ones drive its gates into saturation.
            "input_features": feeds.normal("audio", 2, 8, 100, scale=0.1),
            "noise_sequence": feeds.normal("", 2, 8, 64),
        }
    ),
    "vibevoice_acoustic_tokenizer": Recipe(
        inputs={
            "input_values": feeds.normal("audio", 2, 1, 6400),
            "sample": feeds.constant(False),
        },
        why="it draws its latents at random unless told not to sample",
    ),
    "vibevoice_acoustic_tokenizer_encoder": Recipe(
        inputs={"hidden_states": feeds.normal("audio", 2, 1, 6400)}
    ),
    "vibevoice_acoustic_tokenizer_decoder": Recipe(
        inputs={"hidden_states": feeds.normal("audio", 2, 64, 2)}
    ),
    **dict.fromkeys(("neucodec", "xcodec2"), _TWO_ENCODERS),
    # Its DAC makes as many frames as its HuBERT: one for 320 samples.
    **dict.fromkeys(
        ("xcodec", "higgs_audio_v2_tokenizer"),
        Recipe(
            config={
                "acoustic_model_config": {"downsampling_ratios": [20, 16]},
                "codebook_size": 1024,
            },
            inputs={"input_values": feeds.normal("audio", 2, 1, 12 * 320, scale=0.03)},
            unheard={
                rf"semantic_model\.{MASKED}": TRAINED_BY_MASKING,
                r"(decoder_semantic|fc1)\..*": "it decodes sound, and meaning in training alone",
            },
        ),
    ),
    **dict.fromkeys(("wavtokenizer", "wavtokenizer_encoder"), _MANY_CODES),
    "fastspeech2_conformer_hifigan": _VOCODER,
    "speecht5_hifigan": _VOCODER,
    "mimi": _UPSAMPLED,
    "mimi_decoder": _DECODER,
    "pocket_tts_audio_tokenizer": _UPSAMPLED,
    "pocket_tts_audio_tokenizer_decoder": _DECODER,
    "qwen2_5_omni_bigvgan": Recipe(
        around=Sounding,
        inputs={"mel_spectrogram": feeds.normal("audio", 2, 80, 16)},
        # Of six upsamplings the last ones would have two channels and one, and few digits left.
        config={
            "upsample_initial_channel": 64,
            "upsample_rates": (5, 2),
            "upsample_kernel_sizes": (11, 4),
        },
    ),
}
