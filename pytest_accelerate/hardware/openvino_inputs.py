"""What becomes of a model's inputs before an OpenVINO graph takes them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pytest_accelerate.agreement import compare
from pytest_accelerate.errors import InvalidInputs
from pytest_accelerate.hardware.layout import lays_out
from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.tolerances import tolerance_of

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Preparation:
    """Computes outside the graph what depends on the values of inputs, not on their shapes alone.

    Position ids of images in text, lengths of packed sequences: a model computes them by loops over
    the values of its inputs, which no graph can hold. transformers' exporter has a function for
    each such model; both paths to OpenVINO use it.
    """

    model: torch.nn.Module
    baked: Mapping[str, Any]
    """Inputs that are constants of the graph, by leaf name: what is no tensor, and layouts."""
    completes: bool = True
    """Whether the model answers to what the exporter's function adds as it does without."""

    @classmethod
    def of(
        cls, model: torch.nn.Module, inputs: Inputs, reference: Mapping[str, torch.Tensor]
    ) -> Preparation:
        """What a graph made from ``inputs`` will need.

        Args:
            model: will be converted.
            inputs: of its forward.
            reference: what it answers to them, by leaf name.
        """
        completed = cls(model, {}).complete(inputs)
        completes = completed.keys() == inputs.keys() or _answers(model, completed, reference)
        return cls(
            model, dict(_plain_leaves("", completed if completes else dict(inputs))), completes
        )

    def complete(self, inputs: Inputs) -> dict[str, Any]:
        """A copy of the inputs with what the model would compute from their values."""
        from transformers.exporters.utils import precompute_export_inputs

        completed = copy.deepcopy(dict(inputs))
        if not self.completes:
            return completed
        with torch.no_grad():
            _place_text(self.model, completed)
            placed = completed.get("position_ids")
            precompute_export_inputs(self.model, completed)
        if placed is not None:
            # The exporter has those of patches (target_sizes) in the place of the text's.
            completed["position_ids"] = placed
        return completed

    def tensors(self, inputs: Inputs) -> dict[str, torch.Tensor]:
        """The tensors to feed, by dotted leaf name.

        Raises:
            InvalidInputs: what is a constant of the graph has another value here.
        """
        completed = self.complete(inputs)
        for name, value in _plain_leaves("", completed):
            if name not in self.baked or self.baked[name] != value:
                raise InvalidInputs(
                    f"input {name} is {value!r}; the graph was made for {self.baked.get(name)!r}"
                )
        return flatten(completed)

    def variable(self, completed: Inputs) -> tuple[str, ...]:
        """The names of the tensors that are not constants, in order."""
        return tuple(name for name in flatten(dict(completed)) if name not in self.baked)


def _answers(
    model: torch.nn.Module, completed: Inputs, reference: Mapping[str, torch.Tensor]
) -> bool:
    """Whether a model answers to completed inputs as to the plain ones.

    Of muse_spark_vision the exporter's function mixes up the windows, and some models take none of
    what it adds.
    """
    try:
        with torch.no_grad():
            answer = flatten(model(**copy.deepcopy(dict(completed))))
    except MemoryError:
        raise
    except Exception:
        return False
    return compare(answer, reference, tolerance_of("fp32")).agrees


def _place_text(model: Any, inputs: dict[str, Any]) -> None:
    """Add the position ids of text among sounds, videos and crops of images.

    Those are Qwen's omni models and MiniCPM-V. The exporter hands ``get_rope_index`` what has the
    same name there as in ``forward``; lengths of sound and pace of videos have not. Of crops it
    does not keep what it answers. Generation makes the positions itself.
    """
    hears_and_sees = "video_second_per_grid" in inputs and "feature_attention_mask" in inputs
    if inputs.get("position_ids") is not None or not hasattr(model, "get_rope_index"):
        return
    known = dict(inputs)
    if hears_and_sees:
        known["audio_seqlens"] = inputs["feature_attention_mask"].sum(-1)
        known["second_per_grids"] = inputs["video_second_per_grid"]
    elif "target_sizes" not in inputs or "input_ids" not in inputs:
        return
    taken = inspect.signature(model.get_rope_index).parameters
    positions, _ = model.get_rope_index(**{name: known[name] for name in taken if name in known})
    inputs["position_ids"] = positions


def _plain_leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Leaves that are numbers or text, and layouts as lists of numbers, by dotted name."""
    if isinstance(value, bool | int | float | str):
        yield name, value
    elif isinstance(value, torch.Tensor):
        if lays_out(name, value):
            yield name, value.tolist()
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from _plain_leaves(f"{name}.{key}" if name else str(key), child)
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield from _plain_leaves(f"{name}.{index}", child)
