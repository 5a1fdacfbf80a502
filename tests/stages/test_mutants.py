"""A wrong backend never gets a green square."""

from __future__ import annotations

import pytest

from pytest_accelerate import hardware, zoo
from pytest_accelerate.cells import CellSettings, ModelCell, Verdict
from pytest_accelerate.stages.agree import agree
from pytest_accelerate.stages.base import Context
from pytest_accelerate.stages.base import verdict_of as verdict_of_error
from pytest_accelerate.stages.run import run
from pytest_accelerate.zoo.specimen import Specimen
from tests.stages.mutants import MUTATIONS, Mutant

TYPES = (
    "bert", "roberta", "deberta-v2", "electra", "gpt2", "llama", "mistral", "mixtral", "qwen2",
    "gemma2", "phi3", "mamba", "rwkv", "opt", "bloom", "t5", "bart", "marian", "pegasus",
    "vit", "swin", "convnext", "resnet", "beit", "deit", "mobilevit", "segformer", "dpt",
    "clip", "siglip", "blip", "llava", "qwen2_vl", "idefics3", "layoutlmv3", "vilt",
    "whisper", "wav2vec2", "hubert", "encodec", "speecht5",
    "time_series_transformer", "patchtst", "informer", "detr", "yolos", "sam",
)  # fmt: skip
"""Of every family: text of all kinds, mixtures of experts, recurrent models, images, detection,
images with text, documents, sound, time series."""
LEAST = {"scaled": 40, "dropped": 40, "swapped": 15, "noisy": 40, "permuted": 40, "skipped": 25}
"""For how many types there must be such a mutant: one that cannot be made proves nothing."""


def verdict_of(specimen: Specimen, mutant: Mutant) -> Verdict:
    """What the gates say of a mutant that stands in for the CPU."""
    cell = ModelCell(specimen.model_type, "mutant")
    context = Context(cell, CellSettings(), hardware.create("cpu"))
    context.specimen, context.loaded = specimen, mutant  # type: ignore[assignment]
    try:
        ran = run(context).verdict
        return ran if ran is not Verdict.PASS else agree(context).verdict
    except Exception as error:  # as the funnel has it
        return verdict_of_error(error)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_mutant_passes(mutation: str) -> None:
    """Of at least 40 types over all families, every one that can be mutated so is caught."""
    passed, made = [], 0
    for name in TYPES:
        specimen = zoo.construct(name)
        mutant = MUTATIONS[mutation](specimen)
        if mutant is None:
            continue
        made += 1
        if verdict_of(specimen, mutant) is Verdict.PASS:
            passed.append(name)
    assert not passed
    assert made >= LEAST[mutation], made


@pytest.mark.parametrize("name", ["bert", "convnext", "whisper", "mixtral"])
def test_what_is_not_mutated_passes(name: str) -> None:
    """The gates catch what is wrong, not what is unusual: the same stand-in without a fault."""
    specimen = zoo.construct(name)
    assert verdict_of(specimen, Mutant(specimen.model)) is Verdict.PASS
