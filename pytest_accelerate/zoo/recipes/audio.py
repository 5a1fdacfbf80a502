"""Recipes of models that hear and speak."""

from __future__ import annotations

import torch

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.generating import Composing, Denoising, Speaking, Translating
from pytest_accelerate.zoo.inputs import text
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe
from pytest_accelerate.zoo.unheard import Cancels

_SEAMLESS = Recipe(
    around=Translating,
    inputs={
        "input_features": feeds.normal("audio", 2, 64, 160),
        "attention_mask": feeds.mask(64, 16),
        "text_attention_mask": feeds.mask(12),
    },
    unheard={r"model\.(t2u_model|vocoder)\..*": "its forward ends in text: generate alone speaks"},
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
_LONG_SPEECH = {
    "input_features": feeds.normal("audio", 2, 320, 128),
    "input_features_mask": feeds.mask(320, 32),
}
_OMNI_ENCODER = Recipe(
    inputs={
        "input_features": feeds.normal("audio", 128, 128),
        "feature_lens": feeds.constant([64, 64]),
    }
)

# Sound of seven frames and of five, one channel of it: a frame fills a token of the text.
_LONE_CHANNEL = Recipe(
    inputs={
        "input_values": feeds.normal("audio", 2, 1, 2560),
        "padding_mask": feeds.filling(feeds.mask(2560, 640), audio=(7, 5)),
    }
)

MASKED = r"masked_spec_embed"
TRAINED_BY_MASKING = "its forward does not hand on which frames to cover: it masks in training"

_HIDDEN = Recipe(inputs={"hidden_states": feeds.normal("audio", 2, 64, 160)})
_SPECTROGRAM_OF_TOKENS = feeds.filling(feeds.mask(64, 16), audio=(16, 12))
"""64 frames of sound and 48: four of them fill a token of the text."""


def _waveform_of_tokens(count: int) -> Recipe:
    """Sound of ``count`` tokens and of one less: 3200 samples fill a token of the text."""
    samples = 3200 * count
    mask = feeds.mask(samples, 3200, boolean=True)
    return Recipe(
        inputs={
            "input_values": feeds.normal("audio", 2, 1, samples),
            "padding_mask": feeds.filling(mask, audio=(count, count - 1)),
        },
    )


def _said_and_heard(feeding: Feeding) -> torch.Tensor:
    """Two tokens of sound and one among text; no padding, whose token is that of sound."""
    config = feeding.config
    return torch.stack(
        [
            torch.cat(
                [
                    text.words(feeding, 3, vocabulary=config.text_vocab_size),
                    torch.tensor([config.audio_token_id] * heard + [config.audio_eos_token_id]),
                    text.words(feeding, 8 - heard, vocabulary=config.text_vocab_size),
                ]
            )
            for heard in (2, 1)
        ]
    )


def _codes_among_text(feeding: Feeding) -> torch.Tensor:
    """Three frames of codes among text, and two."""
    token = feeding.config.audio_token_id
    return torch.stack(
        [
            torch.cat([text.words(feeding, 3), torch.full((n,), token), text.words(feeding, 9 - n)])
            for n in (3, 2)
        ]
    )


def _heard_only(feeding: Feeding) -> torch.Tensor:
    """Labels: the sound is learned, by the decoder of its codebooks too, and the text is not."""
    ids, config = feeding.inputs["input_ids"], feeding.config
    heard = (ids == config.audio_token_id) | (ids == config.audio_eos_token_id)
    return torch.where(heard, ids, -100)


def _voice_and_sound(feeding: Feeding) -> torch.Tensor:
    """Two tokens of a voice, what it says, then the sound begins and has four tokens."""
    config = feeding.config
    return torch.stack(
        [
            torch.cat(
                [
                    torch.full((2,), config.audio_prompt_token_id),
                    text.words(feeding, said),
                    torch.tensor([config.audio_bos_token_id]),
                    torch.full((4,), config.audio_latent_token_id),
                    torch.full((5 - said,), config.pad_token_id),
                ]
            )
            for said in (5, 3)
        ]
    )


def _voice_and_text(feeding: Feeding) -> torch.Tensor:
    """Two tokens of a voice and what it is to say, up to where its sound begins."""
    config = feeding.config
    return torch.stack(
        [
            torch.cat(
                [
                    torch.full((5 - said,), config.pad_token_id),
                    torch.full((2,), config.audio_prompt_token_id),
                    text.words(feeding, said),
                    torch.tensor([config.audio_bos_token_id]),
                ]
            )
            for said in (5, 3)
        ]
    )


def _latents(count: int, *names: str) -> Feed:
    """So many latents of each row, as wide as a setting says."""
    return Feed(lambda feeding: feeding.normal(2, count, feeding.setting(*names)), "audio")


_TTS = {
    "input_ids": Feed(_voice_and_sound, "text"),
    "audio_latents": _latents(4, "latent_dim"),
    "attention_mask": feeds.mask(12, 2),
}

_SPEAKING = Recipe(
    prompt={
        "input_ids": Feed(_voice_and_text, "text"),
        "attention_mask": feeds.constant([[1] * 8, [0] * 2 + [1] * 6]),
        "audio_latents": feeds.NOTHING,
        "max_new_tokens": feeds.constant(8),  # as many as others make, and not by the text's length
    },
    generation={"eos_threshold": 1e9},  # it goes on speaking
)
# A transducer writes at most so many tokens before it hears on, and begins with a blank.
_TRANSDUCER = Recipe(config={"max_symbols_per_step": 2}, generation={"decoder_start_token_id": 127})


_STREAMING = Recipe(
    config={"sliding_window": 64},
    attention="sdpa",
    why="its encoder inverts the additive mask of eager attention, and softmax gives NaN",
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
    # Most letters last for no frame at all: it takes many to hear something.
    **dict.fromkeys(
        ("fastspeech2_conformer", "fastspeech2_conformer_with_hifigan"),
        Recipe(config={"speaking_speed": 2.0}, inputs={"input_ids": feeds.words(2, 96)}),
    ),
    "qwen3_asr_encoder": _MEL_FIRST,
    **dict.fromkeys(("nemotron_asr_streaming", "nemotron3_5_asr"), _STREAMING.over(_TRANSDUCER)),
    "nemotron_asr_streaming_encoder": _STREAMING,
    "parakeet_rnnt": _TRANSDUCER,
    # Up to four frames a token.
    "parakeet_tdt": Recipe(prompt={"input_features": feeds.normal("audio", 2, 4 * 64, 80)}).over(
        _TRANSDUCER
    ),
    "fun_asr_nano": Recipe(
        config={"adaptor_config": {"intermediate_size": 16}}, inputs=_STACKED_FRAMES
    ),
    "granite_speech": _GRANITE_SPEECH,
    "granite_speech_plus": _GRANITE_SPEECH,
    "speech_to_text": _features(80),
    "qwen3_asr": _MEL_FIRST,
    "omniasr": _LONE_CHANNEL,
    "omniasr_audio": _LONE_CHANNEL,
    "omniasr_ctc": _LONE_CHANNEL,
    "vits": Recipe(
        # Its durations are whole numbers: of many letters some change, and without noise its flows
        # would have nothing to shape.
        config={"noise_scale": 0.0, "use_stochastic_duration_prediction": False},
        inputs={"input_ids": feeds.words(2, 24)},
        unheard={r"posterior_encoder\..*": "it is for training, which the library does not have"},
        why="it draws noise in each forward: only at scale zero are two runs the same",
    ),
    "bark": Recipe(
        around=Speaking,
        inputs={
            "semantic_ids": feeds.integers("text", 0, 64, 2, 12),
            "coarse_ids": feeds.integers("audio", 0, 64, 2, 12),
            "fine_ids": feeds.integers("audio", 0, 64, 2, 12, 8),
        },
        unheard={r"model\.codec_model\.encoder\..*": "it speaks: its codec decodes only"},
        prompt={
            "input_ids": feeds.integers("text", 0, 64, 2, 12),
            "attention_mask": feeds.mask(12),
        },
        # Of 128 tokens: 32 meanings and an end, then texts; two books of 16 codes, and their end.
        generation={
            "codebook_size": 16,
            "semantic_config": {
                "semantic_vocab_size": 32,
                "eos_token_id": 32,
                "semantic_infer_token": 33,
                "text_encoding_offset": 34,
                "text_pad_token": 126,
                "max_input_semantic_length": 12,
                "semantic_rate_hz": 50,
                "max_new_tokens": 8,
            },
            "coarse_acoustics_config": {
                "coarse_semantic_pad_token": 64,
                "coarse_infer_token": 65,
                "coarse_rate_hz": 50,
                "max_coarse_input_length": 12,
                "max_coarse_history": 8,
                "sliding_window_len": 8,
            },
            "fine_acoustics_config": {"max_fine_history_length": 8, "max_fine_input_length": 16},
        },
    ),
    "csm": Recipe(
        # Of a frame's 32 codes all but the first, whatever the number of frames.
        prompt={"depth_decoder_max_new_tokens": feeds.constant(31)},
        uncached="CsmGenerationMixin._sample puts the first frame in place of the prompt",
        inputs={
            "input_values": feeds.normal("audio", 2, 1, 2 * 1920),
            "input_values_cutoffs": feeds.constant([[2 * 1920], [1920]]),
            "input_ids": Feed(_said_and_heard, "text"),
            "attention_mask": feeds.ones(2, 12),
            "labels": Feed(_heard_only),
        },
        unheard={
            r"codec_model\.(decoder|upsample|decoder_transformer)\..*": (
                "it reads the codes of sound, and generate alone decodes them"
            )
        },
    ),
    "higgs_audio_v2": Recipe(
        inputs={
            "input_ids": Feed(_codes_among_text, "text"),
            "audio_input_ids": feeds.integers("audio", 0, 64, 2, 3, 8),
            "audio_input_ids_mask": feeds.mask(3, 1, boolean=True),
        }
    ),
    "moshi_depth": Recipe(
        config={"input_size": 64},
        inputs={
            # A token of text, then one of each codebook but the last.
            "input_ids": feeds.integers("audio", 0, 64, 2, 8),
            "last_hidden_state": feeds.normal("", 2, 8, 64),
        },
        omit=("attention_mask",),
        instead={"text": "text and sound share its tokens"},
        prompt={
            # A token of text; those of all codebooks follow.
            "input_ids": feeds.constant([[5], [9]], "text"),
            "last_hidden_state": feeds.normal("", 2, 1, 64),
        },
        uncached="GenerationMixin.generate drops a mask of ones, and MoshiDepthDecoder.forward is "
        "causal only where it is given a mask",
    ),
    "musicflamingo": Recipe(inputs={"input_features_mask": _SPECTROGRAM_OF_TOKENS}),
    "qwen2_audio": Recipe(inputs={"feature_attention_mask": _SPECTROGRAM_OF_TOKENS}),
    "qwen2_5_omni_dit": Recipe(
        inputs={
            "hidden_states": feeds.normal("audio", 2, 16, 80),
            "condition_vector": feeds.normal("audio", 2, 20, 80),
            "speaker_embedding": feeds.normal("speaker", 2, 16, 64),
            "quantized_code": feeds.integers("codes", 0, 64, 2, 8),
            "time_step": feeds.constant([0.25, 0.75]),
        },
        attention="sdpa",
        unheard={
            r".*\.asp\.conv\.bias": Cancels(
                "it adds the same to the scores of all frames, and the softmax takes it away"
            )
        },
        why="it has no eager attention",
    ),
    "vibevoice": Recipe(
        around=Denoising,
        inputs={
            "noisy_latents": feeds.normal("latents", 2, 64),
            "timesteps": feeds.constant([3.0, 7.0]),
        },
        prompt={
            "num_diffusion_steps": feeds.constant(2),
            "sample": feeds.constant(False),  # no noise on what it hears
            "attention_mask": feeds.ones(2, 16),  # masked queries overflow in float64
            # It goes on speaking: of its four tokens of sound, the others begin and end it.
            "suppress_tokens": feeds.sequence(125, 126, 127),
        },
    ).over(_waveform_of_tokens(2)),
    "vibevoice_asr": Recipe(
        config={"acoustic_tokenizer_chunk_size": 2 * 3200},
        inputs={"sample": feeds.constant(False)},
        why="it draws its latents at random unless told not to sample",
    ).over(_waveform_of_tokens(4)),
    # Sound and text go in step: eight frames to a token.
    "voxtral_realtime": Recipe(
        inputs={"input_features": feeds.normal("audio", 2, 128, 8 * 12)},
        prompt={"input_ids": feeds.words(2, 4), "attention_mask": feeds.ones(2, 4)},
    ),
    "voxtral_realtime_text": Recipe(inputs={"t_cond": feeds.normal("delay", 1, 1, 64)}),
    "wav2vec2-conformer": Recipe(
        unheard={r"encoder\.pos_conv_embed\..*": "its encoder makes it and never calls it"}
    ),
    # Five chunks, whose speakers it keeps in a few slots until those overflow.
    "nemotron3_5_transcribe_audio": Recipe(
        config={
            "diarization_config": {
                "chunk_length": 8,
                "chunk_left_context": 1,
                "chunk_right_context": 1,
                "fifo_length": 2,
                "speaker_cache_update_period": 8,
                "streaming_config": {"speaker_cache_length": 24},
            }
        },
        inputs=_LONG_SPEECH,
    ),
    # Its default names the kinds of 52 layers one by one.
    "nemo_speechlm": Recipe(
        config={
            "text_config": {"layers_block_type": ["linear_attention", "moe", "full_attention"]}
        },
        inputs=_LONG_SPEECH,
        unheard={r"word_timestamp_encoder\..*": "get_word_timestamp_hidden_states alone calls it"},
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
        # It codes what it hears by itself, eight frames of 1920 samples, and begins with no text.
        prompt={
            "input_values": feeds.normal("audio", 2, 1, 8 * 1920),
            "input_ids": feeds.NOTHING,
            "attention_mask": feeds.NOTHING,
        },
    ),
    "moonshine_streaming": Recipe(
        config={"num_key_value_heads": 4},
        uncached="MoonshineStreamingDecoder.forward adds its positions to the encoder's output in "
        "place, and so once more at each step",
    ),
    # It codes the sound, by as many codebooks as its decoder reads, and goes on from the codes.
    # 320 samples make a frame; the decoder has a token for each code of the codec, and one more.
    "musicgen": Recipe(
        around=Composing,
        config={
            "audio_encoder": {"target_bandwidths": [1.8]},
            "decoder": {"vocab_size": 64, "pad_token_id": 64, "bos_token_id": 64},
        },
        inputs={"input_values": feeds.normal("audio", 2, 1, 4 * 320)},
    ),
    "musicgen_decoder": _CODEBOOK_ROWS,
    "musicgen_melody_decoder": _CODEBOOK_ROWS,
    "musicgen_melody": Recipe(
        config={"decoder": {"vocab_size": 64, "pad_token_id": 64, "bos_token_id": 64}},
        inputs={
            "input_features": feeds.normal("audio", 2, 16, 12),
            "decoder_input_ids": feeds.integers("audio", 0, 64, 8, 7),
        },
        omit=("decoder_attention_mask",),
        unheard={r"audio_encoder\..*": "its forward takes codes: generate alone calls the codec"},
    ),
    "phi4_multimodal_audio": Recipe(
        config={
            "nemo_conv_channels": 64,
            "ext_pw_out_channel": 64,
            "depthwise_separable_out_channel": 64,
        },
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
        generation={"composer_to_feature_token": {f"composer{n + 1}": n for n in range(21)}},
        unheard={r"mel_conditioner\..*": "generate alone puts a composer before the spectrogram"},
        why="its spectrogram takes the place of the token embeddings",
    ),
    "qwen2_5_omni_audio_encoder": Recipe(
        unheard={r"audio_bos_eos_token\.weight": "no code of the library reads it"}
    ).over(_OMNI_ENCODER),
    "qwen3_omni_moe_audio_encoder": _OMNI_ENCODER,
    "seamless_m4t": _SEAMLESS,
    "seamless_m4t_v2": _SEAMLESS,
    "pocket_tts": Recipe(
        inputs={**_TTS, "audio_prompt_latents": _latents(2, "latent_dim")},
    ).over(_SPEAKING),
    "gradium_phonon_tts": Recipe(
        inputs={**_TTS, "audio_prompt_latents": _latents(2, "audio_prompt_dim")},
    ).over(_SPEAKING),
    "speech-encoder-decoder": Recipe(
        omit=("input_features",),
        inputs={"mask_time_indices": feeds.constant([[False, True, True, *[False] * 4]] * 2)},
    ),
    "speecht5": Recipe(
        inputs={"input_values": feeds.normal("audio", 2, 2560)},
        model_class="SpeechT5ForSpeechToText",
        unheard={rf".*\.prenet\.{MASKED}": TRAINED_BY_MASKING},
        why="its base model takes what the prenets of its tasks make",
    ),
}
