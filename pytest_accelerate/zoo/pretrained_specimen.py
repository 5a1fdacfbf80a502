"""From a checkpoint to a specimen: its class, its weights, and inputs from its own processor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pytest_accelerate.errors import AccelerateError, NotConstructible, in_one_line
from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.zoo.build import quiet, seed_of
from pytest_accelerate.zoo.classes import model_class
from pytest_accelerate.zoo.inputs import CARRIERS, Fed, synthesise
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.pretrained import Checkpoint, Loaded, counted
from pytest_accelerate.zoo.processing import Processing, fitted
from pytest_accelerate.zoo.recipe import Recipe
from pytest_accelerate.zoo.samples import raw_samples
from pytest_accelerate.zoo.specimen import Specimen

_WORDS = {"text": "text", "image": "images", "audio": "audio"}
"""Modality -> the word by which a processor takes it."""


def pretrained(
    model_type: str, recipe: Recipe, checkpoint: str, allow: Collection[str] = ()
) -> Specimen:
    """Load a checkpoint into its type's class and feed it by its own processor.

    The class is the one that the zoo builds; where the checkpoint lacks tensors of it that an
    output depends on (the pooler of a masked language model), the one that it was saved from. Where
    it has no processor for all modalities, its inputs are synthesised from the config. Both are
    said in :attr:`Specimen.loading`.

    Raises:
        NotConstructible: it cannot be loaded whole, or fed; says what is missing.
    """
    source = Checkpoint(model_type, checkpoint, tuple(allow))
    kind = model_class(model_type, recipe.model_class)
    with quiet():
        candidate = _candidate(source, kind, recipe)
        if candidate.heard:
            own = source.own_class()
            other = _candidate(source, own, recipe) if own not in (None, kind) else candidate
            if other.heard:
                raise source.lacking(kind, candidate.heard)
            why = f"{other.name}, since it lacks {counted(candidate.heard)} of {candidate.name}"
            candidate = other.explained(why)
    return candidate.specimen(model_type, recipe)


@dataclass(frozen=True)
class _Candidate:
    """A checkpoint in one class, fed."""

    loaded: Loaded
    model: torch.nn.Module
    """The loaded one, or the zoo's own frame around it."""
    fed: Fed
    said: tuple[str, ...]
    heard: tuple[str, ...]
    """Tensors that the checkpoint lacks and an output depends on."""
    processing: Processing

    @property
    def name(self) -> str:
        return type(self.loaded.model).__name__

    def explained(self, why: str) -> _Candidate:
        return _Candidate(self.loaded, self.model, self.fed, (why, *self.said), self.heard,
                          self.processing)  # fmt: skip

    def specimen(self, model_type: str, recipe: Recipe) -> Specimen:
        said = list(self.said)
        if self.loaded.unused:
            said.append(f"{counted(self.loaded.unused)} of the checkpoint not used")
        if self.loaded.missing:
            lacked = counted(self.loaded.missing)
            said.append(f"{lacked} not in the checkpoint, and no output depends on them")
        return Specimen(
            model_type=model_type,
            model=self.model,
            inputs=self.fed.inputs,
            modalities=self.fed.modalities,
            unfed=self.fed.unfed,
            carriers=self.fed.carriers,
            unheard=recipe.unheard,
            weights="pretrained",
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            wrapped_class=self.name if self.model is not self.loaded.model else "",
            loading="; ".join(said),
            processing=self.processing,
        )


def _candidate(source: Checkpoint, kind: Any, recipe: Recipe) -> _Candidate:
    loaded = source.load(kind, recipe.attention or "eager")
    model = loaded.model if recipe.around is None else recipe.around(loaded.model).eval()
    processing = Processing(source)
    try:
        fed, said = _fed(source.model_type, model, recipe, processing)
        heard = _heard(loaded, model, fed.inputs) if loaded.missing else ()
    except (AccelerateError, MemoryError):
        raise
    except Exception as error:
        raise NotConstructible(
            f"{source.model_type} ({type(loaded.model).__name__}): its inputs cannot be made: "
            f"{in_one_line(error)}"
        ) from error
    return _Candidate(loaded, model, fed, (said,), heard, processing)


def _fed(
    model_type: str, model: torch.nn.Module, recipe: Recipe, processing: Processing
) -> tuple[Fed, str]:
    """Inputs, and who made them."""
    try:
        return _by_processor(model, recipe, processing), f"fed by its own {processing.name}"
    except _NoProcessor as error:
        said = f"fed from its config: {error}"
        return synthesise(model, recipe, seed_of(model_type)), said


class _NoProcessor(Exception):
    """Why a checkpoint's own processor does not feed it."""


def _by_processor(model: torch.nn.Module, recipe: Recipe, processing: Processing) -> Fed:
    takes = Feeding(model, model.config, torch.Generator()).takes
    wanted = {
        modality
        for name, modality in CARRIERS.items()
        if takes(name) and modality not in recipe.instead and name not in recipe.omit
    }
    if beyond := sorted(wanted - _WORDS.keys()):
        raise _NoProcessor(f"{', '.join(beyond)} is not made by processors")
    words = [_WORDS[modality] for modality in sorted(wanted)]
    if not words:
        raise _NoProcessor("it takes no text, image or sound")
    try:
        if trouble := processing.trouble(words):
            raise _NoProcessor(trouble)
        made = processing(raw_samples(words, processing.sampling_rate))
        inputs = fitted(model, made)
        with torch.no_grad():
            model(**inputs)
    except _NoProcessor:
        raise
    except MemoryError:
        raise
    except Exception as error:
        said = str(error) if isinstance(error, AccelerateError) else in_one_line(error)
        raise _NoProcessor(said) from error
    carriers = _carriers(inputs)
    return Fed(inputs, tuple(sorted(carriers)), tuple(sorted(wanted - carriers.keys())), carriers)


def _carriers(inputs: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    carriers: dict[str, tuple[str, ...]] = {}
    for name in inputs:
        if name in CARRIERS:
            carriers[CARRIERS[name]] = (*carriers.get(CARRIERS[name], ()), name)
    return carriers


def _heard(loaded: Loaded, model: torch.nn.Module, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of the tensors that were drawn at random which move an output."""
    tensors = {**dict(loaded.model.named_parameters()), **dict(loaded.model.named_buffers())}
    if unknown := tuple(name for name in loaded.missing if name not in tensors):
        return unknown
    before = {name: tensors[name].detach().clone() for name in loaded.missing}
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        undisturbed = _outputs(model, inputs)
        try:
            for name, value in before.items():
                tensors[name].copy_(value + torch.randn(value.shape, generator=generator))
            moved = _outputs(model, inputs)
        finally:
            for name, value in before.items():
                tensors[name].copy_(value)
    same = list(moved) == list(undisturbed) and all(
        torch.equal(moved[name], was) for name, was in undisturbed.items()
    )
    return () if same else loaded.missing


def _outputs(model: torch.nn.Module, inputs: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in flatten(model(**inputs)).items()}
