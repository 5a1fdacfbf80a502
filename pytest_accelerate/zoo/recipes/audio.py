"""Recipes of models that hear and speak."""

from __future__ import annotations

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.recipe import Recipe

_UPSAMPLED = Recipe(config={"upsample_groups": 64})
_VOCODER = Recipe(inputs={"spectrogram": feeds.normal("audio", 2, 20, 80)})
_SEAMLESS = Recipe(
    inputs={
        "input_features": feeds.normal("audio", 2, 64, 160),
        "attention_mask": feeds.mask(64, 16),
    },
    omit=("input_ids",),
    why="it takes speech or text: it hears speech, and text is what it decodes",
)
_CODEBOOK_ROWS = Recipe(
    inputs={"input_ids": feeds.integers("audio", 0, 64, 8, 12), "attention_mask": feeds.mask(12)},
    instead={"text": "its tokens are sound"},
    why="its tokens come in rows of (batch * codebooks)",
)


def _features(bins: int, frames: int = 64) -> Recipe:
    return Recipe(inputs={"input_features": feeds.normal("audio", 2, frames, bins)})


_GRANITE_SPEECH = Recipe(config={"window_size": 15}, omit=("input_features_mask",))
_STACKED_FRAMES = {
    "input_features": feeds.normal("audio", 2, 64, 560),
    "input_features_mask": feeds.mask(64, 16),
}
_MEL_FIRST = Recipe(
    inputs={
        "input_features": feeds.normal("audio", 2, 128, 200),
        "input_features_mask": feeds.mask(200, 100),
    }
)
_OMNI_ENCODER = Recipe(
    inputs={
        "input_features": feeds.normal("audio", 128, 128),
        "feature_lens": feeds.constant([64, 64]),
    }
)

_HIDDEN = Recipe(inputs={"hidden_states": feeds.normal("audio", 2, 64, 160)})
_DECODER = Recipe(
    config={"upsample_groups": 64}, inputs={"latents": feeds.normal("audio", 2, 64, 8)}
)

RECIPES: dict[str, Recipe] = {
    "clap_audio_model": Recipe(
        config={"patch_embeds_hidden_size": 16, "hidden_size": 128},
        inputs={
            "input_features": feeds.normal("audio", 2, 1, 256, 64),
            "is_longer": feeds.constant([[True], [False]]),
        },
    ),
    "clap": Recipe(
        inputs={
            "input_features": feeds.normal("audio", 2, 1, 256, 64),
            "is_longer": feeds.constant([[True], [False]]),
        },
    ),
    "dac": Recipe(config={"encoder_hidden_size": 8, "decoder_hidden_size": 64}),
    "qwen3_asr_encoder": _MEL_FIRST,
    **dict.fromkeys(
        ("nemotron_asr_streaming_encoder", "nemotron_asr_streaming", "nemotron3_5_asr"),
        Recipe(
            config={"sliding_window": 64},
            attention="sdpa",
            why="its encoder inverts the additive mask of eager attention, and softmax gives NaN",
        ),
    ),
    "fun_asr_nano": Recipe(
        config={"adaptor_config": {"intermediate_size": 16}}, inputs=_STACKED_FRAMES
    ),
    "granite_speech": _GRANITE_SPEECH,
    "granite_speech_plus": _GRANITE_SPEECH,
    "speech_to_text": _features(80),
    "qwen3_asr": _MEL_FIRST,
    "univnet": Recipe(
        inputs={
            "input_features": feeds.normal("audio", 2, 8, 100),
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
    "vits": Recipe(
        config={"noise_scale": 0.0, "noise_scale_duration": 0.0},
        why="it draws noise in each forward: only at scale zero are two runs the same",
    ),
    "dia": Recipe(
        inputs={"decoder_input_ids": feeds.integers("audio", 0, 64, 2, 7, 9)},
    ),
    "dia_decoder": Recipe(
        inputs={
            "input_ids": feeds.integers("audio", 0, 64, 2, 7, 9),
            "encoder_hidden_states": feeds.normal("", 2, 8, 64),
            "attention_mask": feeds.mask(7, 2),
        },
        instead={"text": "its tokens are sound"},
    ),
    "fastspeech2_conformer_hifigan": _VOCODER,
    "speecht5_hifigan": _VOCODER,
    "fun_asr_nano_encoder": Recipe(
        inputs={
            "input_features": feeds.normal("audio", 2, 64, 560),
            "input_features_mask": feeds.mask(64, 16),
        }
    ),
    "gemma3n_audio": Recipe(
        inputs={
            "audio_mel": feeds.normal("audio", 2, 64, 128),
            "audio_mel_mask": feeds.constant([[False] * 64, [False] * 48 + [True] * 16]),
        }
    ),
    "gemma4_audio": Recipe(
        inputs={
            "input_features": feeds.normal("audio", 2, 64, 128),
            "attention_mask": feeds.mask(64, 16, boolean=True),
        }
    ),
    "granite_speech_encoder": _HIDDEN,
    "granite_speech_plus_encoder": _HIDDEN,
    "granite_speech5_ctc": _features(320),
    "granite_speech5_encoder": _features(320),
    "kyutai_speech_to_text": Recipe(
        inputs={
            "input_ids": feeds.integers("audio", 0, 64, 2, 12, 33),
            "attention_mask": feeds.mask(12),
        },
        instead={"text": "text and sound share its tokens"},
    ),
    "moonshine_streaming": Recipe(config={"num_key_value_heads": 4}),
    "mimi": _UPSAMPLED,
    "mimi_decoder": _DECODER,
    "pocket_tts_audio_tokenizer": _UPSAMPLED,
    "pocket_tts_audio_tokenizer_decoder": _DECODER,
    "musicgen": Recipe(
        inputs={
            "decoder_input_ids": feeds.integers("audio", 0, 64, 8, 7),
            "decoder_attention_mask": feeds.mask(7, 2),
        },
        why="its tokens come in rows of (batch * codebooks)",
    ),
    "musicgen_decoder": _CODEBOOK_ROWS,
    "musicgen_melody_decoder": _CODEBOOK_ROWS,
    "musicgen_melody": Recipe(
        inputs={
            "input_features": feeds.normal("audio", 2, 16, 12),
            "decoder_input_ids": feeds.integers("audio", 0, 64, 8, 7),
        },
        omit=("decoder_attention_mask",),
    ),
    "phi4_multimodal_audio": Recipe(
        config={"nemo_conv_channels": 64, "ext_pw_out_channel": 64},
        inputs={
            "hidden_states": feeds.normal("audio", 2, 64, 80),
            "mask": feeds.mask(64, 16, boolean=True),
        },
    ),
    "pop2piano": Recipe(
        inputs={
            "input_features": feeds.normal("audio", 2, 12, 64),
            "attention_mask": feeds.mask(12),
        },
        omit=("input_ids",),
        why="its spectrogram takes the place of the token embeddings",
    ),
    "qwen2_5_omni_audio_encoder": _OMNI_ENCODER,
    "qwen3_omni_moe_audio_encoder": _OMNI_ENCODER,
    "qwen2_5_omni_bigvgan": Recipe(
        inputs={"mel_spectrogram": feeds.normal("audio", 2, 80, 16)},
        config={"upsample_initial_channel": 64},
    ),
    "seamless_m4t": _SEAMLESS,
    "seamless_m4t_v2": _SEAMLESS,
    "speech-encoder-decoder": Recipe(omit=("input_features",)),
    "speecht5": Recipe(
        inputs={"input_values": feeds.normal("audio", 2, 2560)},
        model_class="SpeechT5ForSpeechToText",
        why="its base model takes what the prenets of its tasks make",
    ),
}
