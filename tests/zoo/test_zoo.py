"""The zoo builds tiny real models and feeds them all they take."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from pytest_accelerate import zoo
from pytest_accelerate.errors import NotConstructible, UnknownModelType, UsageError
from pytest_accelerate.hardware.outputs import flatten

# One type of each family, and each kind of input.
REPRESENTATIVES = {
    "bert": {"text"},
    "llama": {"text"},
    "t5": {"text"},
    "mixtral": {"text"},
    "mamba2": {"text"},
    "deepseek_v3": {"text"},
    "layoutlm": {"text", "boxes"},
    "vit": {"image"},
    "swin": {"image"},
    "resnet": {"image"},
    "detr": {"image"},
    "videomae": {"image"},
    "sam": {"image", "points", "boxes", "masks"},
    "wav2vec2": {"audio"},
    "whisper": {"audio", "text"},
    "clip": {"image", "text"},
    "llava": {"image", "text"},
    "qwen2_vl": {"image", "text", "video"},
    "llava_next": {"image", "text"},
    "patchtst": {"timeseries"},
}
# Those that transformers 5.24 brought, where it is installed.
BROUGHT = {
    "apertus1p5": {"audio", "image", "text"},
    "hy_v4_vl": {"image", "text", "video"},
    "inkling2_loop": {"image", "text"},
    "omniasr": {"audio", "text"},
    "wavtokenizer": {"audio"},
}
REPRESENTATIVES |= {name: BROUGHT[name] for name in BROUGHT if name in CONFIG_MAPPING_NAMES}


def leaves(value: Any) -> list[torch.Tensor]:
    """All tensors in a model's output, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return (
        [leaf for item in value for leaf in leaves(item)] if isinstance(value, list | tuple) else []
    )


def forward(specimen: zoo.Specimen) -> list[torch.Tensor]:
    """The outputs of one forward pass."""
    with torch.no_grad():
        return leaves(specimen.model(**specimen.inputs))


@pytest.mark.parametrize("model_type", REPRESENTATIVES)
def test_representative_runs_fully_fed(model_type: str) -> None:
    """A type of each family runs, all its modalities fed, finite and twice the same to the bit."""
    specimen = zoo.construct(model_type)
    assert set(specimen.modalities) == REPRESENTATIVES[model_type]
    assert specimen.unfed == ()
    assert 0 < specimen.parameters <= 5_000_000
    first, second = forward(specimen), forward(specimen)
    assert first
    assert all(torch.isfinite(leaf).all() for leaf in first if leaf.is_floating_point())
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_specimen_is_ready_to_compare() -> None:
    """A specimen is in eval mode, fp32, on the CPU, without gradients, caches or full masks."""
    specimen = zoo.construct("llama")
    assert not specimen.model.training
    assert {parameter.dtype for parameter in specimen.model.parameters()} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in specimen.model.parameters())
    assert specimen.model.config.use_cache is False
    mask = specimen.inputs["attention_mask"]
    assert mask.shape[0] >= 2
    assert 0 < int(mask.sum()) < mask.numel()


def test_image_tokens_match_image_features() -> None:
    """The text has one placeholder for each feature that the vision tower makes."""
    specimen = zoo.construct("llava")
    token = specimen.model.config.image_token_index
    placeholders = int((specimen.inputs["input_ids"] == token).sum())
    features = specimen.model.get_image_features(specimen.inputs["pixel_values"]).pooler_output
    assert placeholders == sum(len(rows) for rows in features) > 0


def test_weights_and_inputs_are_the_same_in_every_process() -> None:
    """Two processes with different hash seeds draw the same weights and inputs."""
    script = (
        "from pytest_accelerate import zoo; s = zoo.construct('clip');"
        "print(sum(p.double().sum().item() for p in s.model.parameters()),"
        " {k: v.double().sum().item() for k, v in s.inputs.items()})"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_construct_leaves_the_global_generator_alone() -> None:
    """Building a specimen neither reads nor moves torch's global random state."""
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    zoo.construct("bert")
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("model_type", "carriers"),
    [
        ("phi4_multimodal", ("image_pixel_values", "audio_input_features")),
        ("dots3_note", ("pixel_values", "pixel_values_videos", "input_features")),
        ("qwen3_omni_moe_thinker", ("pixel_values", "pixel_values_videos", "input_features")),
        ("csm", ("input_values",)),
        ("encodec", ("input_values",)),
        ("mimi", ("input_values",)),
        ("pi0", ("pixel_values", "action_embeds")),
        ("vibevoice", ("input_values", "noisy_latents")),
        ("bark", ("semantic_ids", "coarse_ids", "fine_ids")),
        ("rag", ("context_input_ids",)),
        ("jev", ("input_ids",)),
    ],
)
def test_every_modality_reaches_the_output(model_type: str, carriers: tuple[str, ...]) -> None:
    """Each input that carries a modality changes what the model answers."""
    specimen = zoo.construct(model_type)
    assert specimen.unfed == ()
    first = forward(specimen)
    for name in carriers:
        other = {**specimen.inputs, name: specimen.inputs[name].flip(-1)}
        changed = forward(dataclasses.replace(specimen, inputs=other))
        assert not all(map(torch.equal, first, changed)), name


def test_what_needs_a_package_is_fed_where_it_is_installed() -> None:
    """An input that a model takes by an optional package is left out without it, and not faked."""
    boxes = zoo.feeds.constant([[0.5, 0.5, 0.5, 0.5]], "boxes")
    feeding: Any = None
    assert zoo.feeds.with_package("torch", boxes).make(feeding) is not None
    assert zoo.feeds.with_package("no_such_package", boxes).make(feeding) is None


def test_layer_scales_are_heard() -> None:
    """Weights that start near zero in the library are redrawn so that they matter."""
    model = zoo.construct("convnext").model
    scales = [p for name, p in model.named_parameters() if "layer_scale" in name]
    assert scales
    assert all(float(scale.abs().mean()) > 0.5 for scale in scales)


def test_pictures_matter_through_faint_norms_and_few_codes() -> None:
    """Another image is another answer: norms do not drown it, and it has more codes than one."""
    for model_type in ("rt_detr", "emu3"):
        specimen = zoo.construct(model_type)
        other = {**specimen.inputs, "pixel_values": specimen.inputs["pixel_values"].flip(-1)}
        with torch.no_grad():
            first = specimen.model(**specimen.inputs).last_hidden_state
            second = specimen.model(**other).last_hidden_state
        assert not torch.allclose(first, second, rtol=0.01, atol=0.01), model_type


def test_every_call_of_a_tracker_is_a_video_of_its_own() -> None:
    """A tracker remembers earlier frames and no earlier call."""
    specimen = zoo.construct("sam2_video")
    assert specimen.model_class == "Sam2VideoModel"
    first, again = (flatten(specimen.model(**specimen.inputs)) for _ in range(2))
    assert list(first) == list(again)
    assert all(torch.equal(first[name], again[name]) for name in first)
    started_otherwise = specimen.inputs["pixel_values_videos"].clone()
    started_otherwise[:, 0] += 1.0
    other = flatten(specimen.model(**{**specimen.inputs, "pixel_values_videos": started_otherwise}))
    last = list(first)[-1]
    assert not torch.allclose(first[last], other[last])


def test_every_type_has_an_account_without_building() -> None:
    """All types of the registry are accounted for in well under a second each, by data alone."""
    started = time.monotonic()
    accounts = {name: zoo.account(name) for name in CONFIG_MAPPING_NAMES}
    assert time.monotonic() - started < 20
    assert all(
        isinstance(found, zoo.Runs | zoo.CoveredBy | zoo.Skipped) for found in accounts.values()
    )
    for name, found in accounts.items():
        if isinstance(found, zoo.CoveredBy):
            assert found.parent in accounts, name
            assert isinstance(accounts[found.parent], zoo.Runs), name
            assert found.reason
        if isinstance(found, zoo.Skipped):
            assert re.search(r"\w+ not installed\.", found.reason), name


def test_unknown_type_names_the_nearest() -> None:
    """A misspelt model type is an error that suggests the right one."""
    with pytest.raises(UnknownModelType, match="bert"):
        zoo.construct("bertt")


def test_covered_type_cannot_be_constructed() -> None:
    """Constructing a part names the type that covers it."""
    with pytest.raises(NotConstructible, match="covered by sam"):
        zoo.construct("sam_prompt_encoder")


def test_unknown_weights_are_refused() -> None:
    """Weights must be one of the known kinds."""
    with pytest.raises(UsageError, match="tiny, published, pretrained"):
        zoo.construct("bert", weights="huge")


def test_published_model_that_does_not_fit_says_what_it_needs() -> None:
    """A full-size model larger than the free memory is refused before it is built."""
    with pytest.raises(NotConstructible, match=r"need about [\d.]+ GiB"):
        zoo.construct("deepseek_v3", weights="published")


def test_pretrained_without_the_checkpoint_names_it() -> None:
    """A checkpoint that is not there is one line with its name and a remedy."""
    with pytest.raises(NotConstructible, match="no/such-folder") as caught:
        zoo.construct("bert", weights="pretrained", checkpoint="/no/such-folder")
    assert "\n" not in str(caught.value)


def test_pretrained_loads_a_local_folder(tmp_path: Any) -> None:
    """A saved model comes back with its own weights and with inputs for its config."""
    saved = zoo.construct("bert")
    saved.model.save_pretrained(tmp_path)
    loaded = zoo.construct("bert", weights="pretrained", checkpoint=str(tmp_path))
    assert loaded.weights == "pretrained"
    for key, value in saved.model.state_dict().items():
        assert torch.equal(value, loaded.model.state_dict()[key])
    assert forward(loaded)


def test_construct_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is said on stdout or stderr while a model is built."""
    zoo.construct("gpt_neo")
    zoo.construct("wav2vec2")
    assert capfd.readouterr() == ("", "")


def test_weights_that_a_library_forgets_are_drawn_as_well() -> None:
    """What a model leaves uninitialised gets weights of its own seed, not what memory held."""
    first, *others = (zoo.construct("qwen3_omni_moe_talker_text").model for _ in range(3))
    weights = first.state_dict()
    assert all(value.isfinite().all() for value in weights.values())
    for other in others:
        assert all(torch.equal(weights[name], value) for name, value in other.state_dict().items())
