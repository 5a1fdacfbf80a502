"""The models that are asked for by name: 47 with a checkpoint, and those known to be difficult."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from pytest_accelerate import discovery, hardware, zoo
from pytest_accelerate.agreement import compare
from pytest_accelerate.cells import CellSettings, ModelCell, Verdict
from pytest_accelerate.compositions import COMPOSITIONS
from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.matrix import expectations
from pytest_accelerate.stages import run_cell
from pytest_accelerate.tolerances import tolerance_of
from pytest_accelerate.zoo.specimen import Specimen

ROOT = Path(__file__).parents[2]

MAPPED = (
    "albert", "bart", "bert", "blenderbot", "blenderbot-small", "bloom", "camembert", "clap",
    "clip", "codegen", "convnext", "deberta", "deberta-v2", "deit", "detr", "distilbert", "dpr",
    "electra", "flaubert", "gpt2", "gpt_neo", "gptj", "hubert", "layoutlm", "led", "llama", "llava",
    "llava_next", "longformer", "mbart", "mobilebert", "mpnet", "mt5", "opt", "pegasus", "qwen2",
    "qwen2_vl", "roberta", "squeezebert", "swin", "t5", "videomae", "vit", "wav2vec2", "whisper",
    "xclip", "xlm-roberta",
)  # fmt: skip

DIFFICULT = (
    *("mobilevit", "upernet", "vision-t5", "stable-diffusion", "llava_next", "blip"),
    *("blip-captioning", "whisper", "whisper-large", "musicgen"),
)
"""Those that other matrices have as not compatible, or in part, with CUDA or with OpenVINO."""


def test_all_mapped_models_are_mapped_and_run() -> None:
    """Each has a checkpoint, is installed, and is run by itself: neither skipped nor covered."""
    assert len(set(MAPPED)) == 47
    assert set(MAPPED) <= discovery.checkpoints().keys()
    installed = {kind.name for kind in discovery.model_types() if kind.installed}
    for name in MAPPED:
        assert name in installed
        assert zoo.account(name) == zoo.Runs(), name


def test_nothing_but_a_pass_is_expected_of_the_mapped_models() -> None:
    """What the matrix is known not to hold is none of them, on the CPU and on OpenVINO."""
    known = expectations.load(ROOT / "matrix" / "expectations.toml")
    for name in MAPPED:
        for place in ("cpu", "openvino"):
            assert known.expected(ModelCell(name, place)) is None, (name, place)


@pytest.mark.parametrize("place", ["cpu", "openvino"])
@pytest.mark.parametrize("name", [name for name in DIFFICULT if name not in COMPOSITIONS])
def test_a_difficult_model_passes(name: str, place: str) -> None:
    """It is built, fed all it takes, and agrees; not in part, but in every stage that was asked."""
    result = run_cell(ModelCell(name, place), CellSettings(stages=()))
    assert result.verdict is Verdict.PASS, result.reason


@pytest.mark.parametrize("name", DIFFICULT)
def test_a_difficult_model_passes_on_cuda(name: str) -> None:
    """The same on a GPU, where there is one."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    result = run_cell(ModelCell(name, "cuda"), CellSettings(stages=()))
    assert result.verdict is Verdict.PASS, result.reason


@pytest.mark.parametrize(
    "name", ["mobilevit", "upernet", "vision-t5", "stable-diffusion", "blip-captioning", "whisper"]
)
def test_what_a_difficult_model_makes_it_makes_on_its_device(name: str) -> None:
    """Its forward pass adds no tensor of the CPU's to what lies on a device: here, the meta one."""
    specimen = zoo.construct(name)
    moved = {key: value.to("meta") for key, value in specimen.inputs.items()}
    outputs = flatten(specimen.model.to("meta")(**moved))
    assert {value.device.type for value in outputs.values()} == {"meta"}


def pictures() -> list[Image.Image]:
    """Two pictures, one wide and one high."""
    grey = Image.linear_gradient("L"), Image.radial_gradient("L")
    sizes = (112, 56), (56, 112)
    return [one.convert("RGB").resize(size) for one, size in zip(grey, sizes, strict=True)]


def tiles() -> Any:
    """What transformers' processor makes of pictures for the tiny LLaVA-Next."""
    from transformers import LlavaNextImageProcessorPil

    return LlavaNextImageProcessorPil(
        size={"shortest_edge": 56},
        crop_size={"height": 56, "width": 56},
        image_grid_pinpoints=[[56, 112], [112, 56]],
    )


def squares() -> Any:
    """What transformers' processor makes of pictures for the tiny BLIP."""
    from transformers import BlipImageProcessorPil

    return BlipImageProcessorPil(size={"height": 64, "width": 64})


@pytest.mark.parametrize(
    ("name", "processor"),
    [("llava_next", tiles), ("blip", squares), ("blip-captioning", squares)],
)
def test_real_pictures_are_seen_alike(name: str, processor: Any) -> None:
    """Pictures through the model's own image processor: OpenVINO and the CPU answer the same."""
    drawn = zoo.construct(name)
    pixels = processor()(pictures(), return_tensors="pt")
    assert pixels["pixel_values"].shape == drawn.inputs["pixel_values"].shape
    specimen = dataclasses.replace(drawn, inputs={**drawn.inputs, **pixels})
    seen = answers(specimen, "openvino")
    assert compare(seen, answers(specimen, "cpu"), tolerance_of("fp32")).agrees
    assert not compare(seen, answers(drawn, "cpu"), 10 * tolerance_of("fp32")).agrees


def answers(specimen: Specimen, place: str) -> dict[str, torch.Tensor]:
    """What the model answers on some hardware."""
    loaded = hardware.create(place).load(specimen, "fp32")
    try:
        return loaded.run(specimen.inputs)
    finally:
        loaded.close()
