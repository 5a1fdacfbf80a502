"""Checkpoints in folders: fed raw inputs by their own processors, on each hardware."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pytest_accelerate import Endpoints
from pytest_accelerate.agreement import compare
from pytest_accelerate.errors import InvalidInputs
from pytest_accelerate.zoo.samples import raw_samples
from tests.endpoints import checkpoints

TEXTS = ["the cat sleeps", "what is in this picture of bread"]
KINDS = {
    "text": ("bert", ["text"]),
    "masked": ("bert", ["text"]),
    "causal": ("gpt2", ["text"]),
    "image": ("vit", ["images"]),
    "sound": ("wav2vec2", ["audio"]),
    "speech": ("whisper", ["audio"]),
    "pairs": ("clip", ["text", "images"]),
    "chat": ("llava", ["text", "images"]),
}
"""Maker of the folder -> the model type, and what it is fed."""
MODALITIES = {"text": "text", "images": "image", "audio": "audio"}

Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Endpoints]:
    """Pretrained weights, as outside pytest."""
    endpoints = Endpoints()
    yield endpoints
    endpoints.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The folder of one kind, made once."""
    root = tmp_path_factory.mktemp("checkpoints")

    def folder(kind: str) -> Path:
        there = root / kind
        if not there.exists():
            getattr(checkpoints, kind)(there)
        return there

    return folder


def given(words: list[str]) -> dict[str, Any]:
    """Two of each, the texts in words that the tokenizers here know."""
    samples = raw_samples(words, 16_000)
    return {**samples, "text": TEXTS} if "text" in words else samples


@pytest.mark.parametrize("kind", KINDS)
def test_both_hardwares_agree_on_raw_inputs(endpoints: Endpoints, made: Made, kind: str) -> None:
    """Words, pictures and sound give the same numbers on OpenVINO as on the CPU."""
    model_type, words = KINDS[kind]
    folder = str(made(kind))
    cpu = endpoints(model_type, "cpu", checkpoint=folder)
    openvino = endpoints(model_type, "openvino", checkpoint=folder)
    expected, found = cpu(given(words)), openvino(given(words))
    agreement = compare(found, expected, 1e-4)
    assert agreement.agrees, agreement
    assert found.weights == expected.weights == "pretrained"
    assert set(cpu.specimen.modalities) == {MODALITIES[word] for word in words}
    assert not cpu.specimen.unfed
    assert "fed by its own" in cpu.loading


@pytest.mark.parametrize("kind", ["text", "image", "sound", "speech", "pairs", "chat"])
def test_another_raw_input_gives_another_answer(
    endpoints: Endpoints, made: Made, kind: str
) -> None:
    """Each of what is given is heard: changed alone, it moves an output."""
    model_type, words = KINDS[kind]
    endpoint = endpoints(model_type, "cpu", checkpoint=str(made(kind)))
    usual = endpoint(given(words))
    for word in words:
        other = given(words)
        other[word] = list(reversed(other[word]))
        assert not compare(endpoint(other), usual, 1e-4).agrees, word


def test_text_is_what_transformers_makes_of_it(endpoints: Endpoints, made: Made) -> None:
    """The numbers of a tokenizer and model called by hand, with padding and its mask."""
    folder = made("text")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(TEXTS, padding=True, return_tensors="pt")
    assert not tokens["attention_mask"].all()
    output = endpoints("bert", "cpu", checkpoint=str(folder))(text=TEXTS)
    same(output, by_hand(transformers.BertModel, folder, tokens))


def test_one_text_needs_no_list(endpoints: Endpoints, made: Made) -> None:
    """A string is a batch of one."""
    endpoint = endpoints("bert", "cpu", checkpoint=str(made("text")))
    one = endpoint(text=TEXTS[0])
    assert one["last_hidden_state"].shape[0] == 1
    same(one, endpoint(text=TEXTS[:1]))


def test_pictures_are_what_transformers_makes_of_them(endpoints: Endpoints, made: Made) -> None:
    """The numbers of an image processor and model called by hand; arrays do as well."""
    folder = made("image")
    pictures = raw_samples(["images"], None)["images"]
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    pixels = processor(images=pictures, return_tensors="pt")
    endpoint = endpoints("vit", "cpu", checkpoint=str(folder))
    expected = by_hand(transformers.ViTModel, folder, pixels)
    same(endpoint(images=pictures), expected)
    import numpy as np

    same(endpoint(images=[np.asarray(picture) for picture in pictures]), expected)


def test_a_picture_in_a_file(endpoints: Endpoints, made: Made, tmp_path: Path) -> None:
    """A path is read; one that is no picture is an error that names it."""
    endpoint = endpoints("vit", "cpu", checkpoint=str(made("image")))
    picture = raw_samples(["images"], None)["images"][0]
    picture.save(tmp_path / "there.png")
    same(endpoint(images=tmp_path / "there.png"), endpoint(images=picture))
    with pytest.raises(InvalidInputs, match=r"absent\.png is no picture that can be read"):
        endpoint(images=tmp_path / "absent.png")


def test_sound_is_what_transformers_makes_of_it(endpoints: Endpoints, made: Made) -> None:
    """The numbers of a feature extractor and model called by hand."""
    folder = made("sound")
    sounds = given(["audio"])
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    values = extractor(sounds["audio"], sampling_rate=16_000, padding=True, return_tensors="pt")
    output = endpoints("wav2vec2", "cpu", checkpoint=str(folder))(sounds)
    same(output, by_hand(transformers.Wav2Vec2Model, folder, values))


def test_a_class_whose_weights_are_there_is_taken(endpoints: Endpoints, made: Made) -> None:
    """A masked language model has no pooler: its own class runs, and that is said."""
    endpoint = endpoints("bert", "cpu", checkpoint=str(made("masked")))
    assert endpoint.model_class == "BertForMaskedLM"
    assert "pooler" in endpoint.loading
    assert list(endpoint(text=TEXTS)) == ["logits"]


def test_a_tensor_that_no_output_hears_may_be_absent(endpoints: Endpoints, made: Made) -> None:
    """The vector that masks frames in training is missing, and the checkpoint loads and says so."""
    endpoint = endpoints("wav2vec2", "cpu", checkpoint=str(made("sound")))
    assert "masked_spec_embed" in endpoint.loading


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"sampling_rate": 8_000}, r"sampling_rate 8000 .* takes, 16000.*resample_poly\(audio, 2"),
        ({"sampling_rate": None}, r"needs sampling_rate=.* takes 16000"),
        ({"sampling_rate": "fast"}, r"sampling_rate 'fast' is no number"),
        ({"audio": "a.wav"}, "'audio' is an array"),
        ({"text": "hello"}, "has nothing that takes 'text'"),
    ],
)
def test_sound_that_cannot_be_taken(
    endpoints: Endpoints, made: Made, inputs: dict[str, Any], told: str
) -> None:
    """Another rate is not resampled unasked; each mistake is named, with what would be right."""
    endpoint = endpoints("wav2vec2", "cpu", checkpoint=str(made("sound")))
    with pytest.raises(InvalidInputs, match=told):
        endpoint({**given(["audio"]), **inputs})


def test_text_longer_than_the_checkpoint_takes(endpoints: Endpoints, made: Made) -> None:
    """Nothing is cut off unasked."""
    endpoint = endpoints("bert", "cpu", checkpoint=str(made("text")))
    with pytest.raises(InvalidInputs, match=r"comes to .* tokens, and the checkpoint takes 32"):
        endpoint(text="bread " * 100)


@pytest.mark.parametrize("word", ["text", "images", "audio"])
def test_raw_inputs_without_a_checkpoint(word: str) -> None:
    """Tiny weights have no tokenizer, and the error names the ways on."""
    endpoint = Endpoints(weights="tiny")("bert", "cpu")
    with pytest.raises(InvalidInputs, match=f"{word!r} takes .*weights='pretrained'.*input_ids"):
        endpoint({word: "hi"})


def by_hand(kind: Any, folder: Path, inputs: Any) -> dict[str, torch.Tensor]:
    """The outputs of transformers alone."""
    model = kind.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        return dict(model(**inputs).items())


def same(found: Any, expected: Any) -> None:
    """Hold every output to the very same numbers."""
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6)
