"""From a specimen to one that generates: the class with a head for it, and a prompt."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from pytest_accelerate.errors import NotConstructible, in_one_line
from pytest_accelerate.zoo.build import drawn, offline, quiet, seed_of
from pytest_accelerate.zoo.classes import generating_class
from pytest_accelerate.zoo.initialise import settle_norms
from pytest_accelerate.zoo.inputs.base import Feeding
from pytest_accelerate.zoo.recipe import Feed, Recipe
from pytest_accelerate.zoo.recipes import recipe_for
from pytest_accelerate.zoo.specimen import Specimen

_ANSWERS = frozenset(("decoder_input_ids", "decoder_attention_mask", "labels"))
"""What a forward pass is given and ``generate`` makes by itself."""


@dataclass(frozen=True)
class GeneratingSpecimen:
    """A real model of one type that generates, with something to go on from."""

    model_type: str
    model: torch.nn.Module
    """In eval mode, fp32, on the CPU, of a class with transformers' ``generate``."""
    prompt: Mapping[str, Any]
    """Keyword arguments of ``generate``: the specimen's inputs, its padding before the text where
    the text is gone on with, and what its recipe feeds to a generation alone."""
    carriers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What of the prompt carries each modality."""
    unable: str = ""
    """Why the library's own generation of the type fails, where it is known to."""
    uncached: str = ""
    """Why the library's own generation without a cache is wrong, where it is known to be."""
    weights: str = "tiny"

    @property
    def model_class(self) -> str:
        """Name of the model's class, such as ``BertLMHeadModel``."""
        return type(self.model).__name__


def generator(specimen: Specimen) -> GeneratingSpecimen | None:
    """The class of a specimen's type that generates, of the same config, weights' seed and inputs.

    Args:
        specimen: as the zoo hands it out; a model of it that can generate is used as it is, and of
            a checkpoint no other, which would have a head without trained weights.

    Returns:
        ``None`` where no class of the type can generate.

    Raises:
        NotConstructible: there is such a class, and it cannot be built.
    """
    recipe = recipe_for(specimen.model_type)
    own = _generating_itself(specimen.model)
    if recipe.build or recipe.compose or specimen.weights == "pretrained":
        kind = type(own) if own is not None else None
    else:
        kind = generating_class(specimen.model_type, recipe.model_class)
    if kind is None:
        return None
    model: Any = own if own is not None and type(own) is kind else _built(specimen, kind, recipe)
    prompt = _prompt(specimen, model)
    carriers = {modality: [*names] for modality, names in specimen.carriers.items()}
    if specimen.weights != "pretrained":  # whose processor and generation config say the rest
        for name, value in recipe.generation.items():
            setattr(model.generation_config, name, value)
        prompt = _with_feeds(recipe.prompt, prompt, specimen.model_type, model)
        for name, feed in recipe.prompt.items():
            if feed.modality:
                carriers.setdefault(feed.modality, []).append(name)
    fed = {
        modality: [name for name in names if name in prompt] for modality, names in carriers.items()
    }
    return GeneratingSpecimen(
        model_type=specimen.model_type,
        model=model,
        prompt=prompt,
        carriers={modality: tuple(names) for modality, names in fed.items() if names},
        unable=recipe.unable,
        uncached=recipe.uncached,
        weights=specimen.weights,
    )


def _generating_itself(model: torch.nn.Module) -> torch.nn.Module | None:
    from transformers import GenerationMixin

    mixin: Any = GenerationMixin
    candidates = (model, getattr(model, "model", None))  # the zoo's own frames hold a model
    return next((part for part in candidates if isinstance(part, mixin)), None)


def _built(specimen: Specimen, kind: type[Any], recipe: Recipe) -> torch.nn.Module:
    attention = recipe.attention or "eager"
    try:
        with quiet(), offline():
            held: Any = specimen.model.config
            config = copy.deepcopy(held)
            if hasattr(config, "is_decoder") and not getattr(config, "is_encoder_decoder", False):
                config.is_decoder = True  # an encoder by default, and one that sees what follows
            model = drawn(
                specimen.model_type,
                lambda: kind._from_config(
                    config, attn_implementation=attention, dtype=torch.float32
                ),
            )
            settle_norms(model, specimen.inputs)
            return model
    except Exception as error:
        raise NotConstructible(
            f"{specimen.model_type} ({kind.__name__}) cannot be built to generate: "
            f"{in_one_line(error)}"
        ) from error


def _prompt(specimen: Specimen, model: Any) -> dict[str, Any]:
    # A mask goes through ``**kwargs`` where the forward does not name it.
    taken = {*_parameters(model.forward), *_parameters(model.generate), "attention_mask"} - _ANSWERS
    prompt = {name: value for name, value in specimen.inputs.items() if name in taken}
    if not model.config.is_encoder_decoder:
        prompt = _padded_before(prompt)
    return prompt


def _with_feeds(
    feeds: Mapping[str, Feed], prompt: Mapping[str, Any], model_type: str, model: Any
) -> dict[str, Any]:
    """The prompt with what a recipe feeds to ``generate`` alone."""
    generator = torch.Generator().manual_seed(seed_of(model_type) + 1)  # not the inputs once more
    feeding = Feeding(model, model.config, generator, inputs=dict(prompt))
    for name, feed in feeds.items():
        feeding.inputs[name] = feed.make(feeding)
    return {name: value for name, value in feeding.inputs.items() if value is not None}


def _parameters(function: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def _padded_before(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt with its padding moved before the text, which goes on at its end."""
    ids, mask = prompt.get("input_ids"), prompt.get("attention_mask")
    if ids is None or mask is None or mask.shape != ids.shape[:2]:
        return dict(prompt)
    padding = (mask == 0).sum(-1).tolist()

    def moved(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.shape[:2] != ids.shape[:2]:
            return value
        return torch.stack([row.roll(by, 0) for row, by in zip(value, padding, strict=True)])

    return {name: moved(value) for name, value in prompt.items()}
