"""Rows that are no type of transformers: models put together from several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from pytest_accelerate import discovery, zoo
from pytest_accelerate.cells import CellSettings, ModelCell, Verdict
from pytest_accelerate.commands import discover
from pytest_accelerate.compositions import COMPOSITIONS
from pytest_accelerate.errors import NotConstructible
from pytest_accelerate.registry_source import installed_model_types
from pytest_accelerate.stages import run_cell
from pytest_accelerate.zoo import accounts
from pytest_accelerate.zoo.build import PARAMETER_BUDGET
from pytest_accelerate.zoo.recipes.compositions import RECIPES

MODALITIES = {
    "blip-captioning": ("image", "text"),
    "stable-diffusion": ("noise", "text"),
    "vision-t5": ("image", "text"),
    "whisper-large": ("audio", "text"),
}


def test_every_name_has_a_recipe_that_composes_it() -> None:
    """Names and recipes are the same, and none is a type of transformers."""
    assert RECIPES.keys() == COMPOSITIONS.keys() == MODALITIES.keys()
    assert all(recipe.compose is not None for recipe in RECIPES.values())
    assert not COMPOSITIONS.keys() & installed_model_types()


def test_compositions_are_rows_beside_the_types(tmp_path: Path) -> None:
    """They are listed and selected like any type, also where someone's own list has none."""
    own = tmp_path / "types.json"
    own.write_text('["bert"]')
    rows = {kind.name: kind for kind in discovery.model_types(own)}
    for name, what in COMPOSITIONS.items():
        assert rows[name].installed
        assert rows[name].note == what
    chosen = discovery.select(tuple(rows.values()), ["stable-*,vision-t5"])
    assert [kind.name for kind in chosen] == ["stable-diffusion", "vision-t5"]


def test_discover_writes_what_a_composition_is() -> None:
    """In a list that is brought up to date each is an object that says what it is."""
    found = discover.discover(discovery.ModelTypeList(()), discovery.installed_names())
    text = discover.dumps(discovery.ModelTypeList(found.entries))
    for name, what in COMPOSITIONS.items():
        assert json.dumps({"model_type": name, "note": what}) in text


@pytest.mark.parametrize("hardware", ["cpu", "openvino"])
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_a_composition_passes(name: str, hardware: str) -> None:
    """Each is built, fed all it takes, agrees with its reference and hears all its weights."""
    result = run_cell(ModelCell(name, hardware), CellSettings(stages=()))
    assert result.verdict is Verdict.PASS, result.reason
    measures = result.measures
    assert measures.modalities == MODALITIES[name]
    assert measures.parameters is not None
    assert measures.parameters <= PARAMETER_BUDGET
    assert measures.weights_heard is not None
    assert measures.weight_tensors is not None
    # What none can hear is the bias of some keys, four of Stable Diffusion's 368 tensors at most.
    assert measures.weight_tensors - measures.weights_heard <= 4


@pytest.mark.parametrize("weights", ["published", "pretrained"])
def test_a_composition_has_tiny_weights_alone(weights: str) -> None:
    """Other weights are refused, and not quietly replaced by random ones."""
    with pytest.raises(NotConstructible, match=f"vision-t5 .* not '{weights}'"):
        zoo.construct("vision-t5", weights, checkpoint="some/checkpoint")


def test_without_diffusers_its_row_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed the row is skipped, with the command that helps."""
    monkeypatch.setattr(accounts, "find_spec", lambda name: None)
    found = zoo.account("stable-diffusion")
    assert isinstance(found, zoo.Skipped)
    assert "diffusers not installed. pip install 'pytest-accelerate[diffusers]'" in found.reason
    assert zoo.account("vision-t5") == zoo.Runs()


def test_whisper_large_has_the_layout_of_its_name() -> None:
    """Layers, heads, mel bins, vocabulary and positions of text are those of large-v3."""
    specimen = zoo.construct("whisper-large")
    config: Any = specimen.model.config
    assert (config.encoder_layers, config.decoder_layers) == (32, 32)
    assert (config.encoder_attention_heads, config.decoder_attention_heads) == (20, 20)
    assert (config.num_mel_bins, config.vocab_size) == (128, 51866)
    assert config.max_target_positions == 448
    assert specimen.inputs["input_features"].shape[1] == 128


def test_t5_tells_what_the_vit_sees() -> None:
    """transformers' own ``generate`` begins with what one forward pass says of the image."""
    specimen = zoo.construct("vision-t5")
    model: Any = specimen.model
    pixels = specimen.inputs["pixel_values"]
    start = torch.zeros((2, 1), dtype=torch.int64)
    first = model(pixels, start).logits[:, -1].argmax(-1)
    told = model.generate(pixel_values=pixels, max_new_tokens=8, do_sample=False)
    assert torch.equal(told[:, 1], first)
    assert not torch.equal(told[0], told[1])
    again = model.generate(pixel_values=pixels, max_new_tokens=8, do_sample=False, use_cache=True)
    assert torch.equal(told, again)
