"""Folders with real checkpoints, made on the spot: tiny models, tokenizers trained here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers

CORPUS = (
    "the ferry crosses the harbour twice a day except on sundays",
    "bread is dear and butter is dearer",
    "a cat sleeps on the sofa while rain falls on the harbour",
    "what is in this picture",
)
WIDTHS = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2,
          "num_hidden_layers": 2}  # fmt: skip


def text(folder: Path) -> Path:
    """A BERT, with a WordPiece tokenizer trained on :data:`CORPUS`."""
    tokenizer = _word_pieces()
    _saved(transformers.BertModel(_bert(len(tokenizer))), folder)
    tokenizer.save_pretrained(folder)
    return folder


def masked(folder: Path) -> Path:
    """A BERT as a masked language model has it: without a pooler, with a head."""
    tokenizer = _word_pieces()
    _saved(transformers.BertForMaskedLM(_bert(len(tokenizer))), folder)
    tokenizer.save_pretrained(folder)
    return folder


def causal(folder: Path) -> Path:
    """A GPT-2, whose byte-level tokenizer has no token for padding."""
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(CORPUS, vocab_size=300, special_tokens=["<|end|>"])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, eos_token="<|end|>", model_max_length=64
    )
    config = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=2, n_positions=64, vocab_size=len(tokenizer),
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    _saved(transformers.GPT2Model(config), folder)
    tokenizer.save_pretrained(folder)
    return folder


def image(folder: Path) -> Path:
    """A ViT, with the processor that resizes and scales its pictures."""
    config = transformers.ViTConfig(image_size=32, patch_size=8, **WIDTHS)
    _saved(transformers.ViTModel(config), folder)
    _pictures(transformers.ViTImageProcessorPil, size={"height": 32, "width": 32}, to=folder)
    return folder


def sound(folder: Path) -> Path:
    """A wav2vec2 without the vector that masks frames in training, as published ones are."""
    config = transformers.Wav2Vec2Config(
        conv_dim=(16, 16), conv_kernel=(10, 8), conv_stride=(5, 4), num_feat_extract_layers=2,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, vocab_size=32, **WIDTHS
    )  # fmt: skip
    model = _settled(transformers.Wav2Vec2Model(config))
    kept = {k: v for k, v in model.state_dict().items() if k != "masked_spec_embed"}
    model.save_pretrained(folder, state_dict=kept)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=16_000).save_pretrained(folder)
    return folder


def speech(folder: Path) -> Path:
    """A whisper with its processor: log-mel features of 2 seconds, and a decoder."""
    tokenizer = _word_pieces()
    config = transformers.WhisperConfig(
        d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, num_mel_bins=80,
        max_source_positions=100, max_target_positions=32, vocab_size=len(tokenizer),
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3,
    )  # fmt: skip
    _saved(transformers.WhisperModel(config), folder)
    transformers.WhisperFeatureExtractor(feature_size=80, chunk_length=2).save_pretrained(folder)
    return folder


def pairs(folder: Path) -> Path:
    """A CLIP, with the processor of both its texts and its pictures."""
    tokenizer = _word_pieces()
    config = transformers.CLIPConfig(
        text_config={**WIDTHS, "vocab_size": len(tokenizer), "max_position_embeddings": 32,
                     "eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0},
        vision_config={**WIDTHS, "image_size": 32, "patch_size": 8}, projection_dim=16,
    )  # fmt: skip
    _saved(transformers.CLIPModel(config), folder)
    pictures = _pictures(
        transformers.CLIPImageProcessorPil,
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32},
    )  # fmt: skip
    transformers.CLIPProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}"
)


def chat(folder: Path, template: str | None = TEMPLATE) -> Path:
    """A LLaVA, whose processor puts places for the pictures into the text."""
    tokenizer = _word_pieces("<image>")
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(image_size=32, patch_size=8, **WIDTHS),
        text_config=transformers.LlamaConfig(
            vocab_size=len(tokenizer), num_key_value_heads=2, max_position_embeddings=128, **WIDTHS
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        image_seq_length=16,
    )
    _saved(transformers.LlavaModel(config), folder)
    pictures = _pictures(
        transformers.CLIPImageProcessorPil,
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32},
    )  # fmt: skip
    transformers.LlavaProcessor(
        pictures, tokenizer, patch_size=8, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=template,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def edited(folder: Path, file: str = "config.json", **changes: Any) -> Path:
    """The folder with a JSON file of its changed; ``None`` takes an entry out."""
    data = json.loads((folder / file).read_text())
    data = {name: value for name, value in {**data, **changes}.items() if value is not None}
    (folder / file).write_text(json.dumps(data))
    return folder


def pickled(folder: Path) -> Path:
    """The folder with its weights as a pickle alone."""
    from safetensors.torch import load_file

    safe = folder / "model.safetensors"
    torch.save(load_file(safe), folder / "pytorch_model.bin")
    safe.unlink()
    return folder


def without(folder: Path, *names: str) -> Path:
    """The folder with its weights but for some."""
    from safetensors.torch import load_file, save_file

    safe = folder / "model.safetensors"
    kept = {name: value for name, value in load_file(safe).items() if name not in names}
    save_file(kept, safe, metadata={"format": "pt"})
    return folder


def _bert(vocabulary: int) -> Any:
    return transformers.BertConfig(vocab_size=vocabulary, max_position_embeddings=32, **WIDTHS)


def _word_pieces(*more: str) -> Any:
    from tokenizers import BertWordPieceTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *more]
    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(CORPUS, vocab_size=160, min_frequency=1, special_tokens=special)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, pad_token="[PAD]", unk_token="[UNK]",
        cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", model_max_length=32,
        extra_special_tokens={"image_token": "<image>"} if more else {},
    )  # fmt: skip


def _pictures(kind: Any, to: Path | None = None, **sizes: Any) -> Any:
    processor = kind(**sizes)
    if to is not None:
        processor.save_pretrained(to)
    return processor


def _settled(model: torch.nn.Module) -> Any:
    """Weights from a seed, large enough that every input is heard."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.1, generator=generator)
    return model.eval()


def _saved(model: torch.nn.Module, folder: Path) -> None:
    _settled(model).save_pretrained(folder)
