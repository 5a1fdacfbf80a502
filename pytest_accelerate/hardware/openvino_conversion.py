"""The two paths by which a model becomes an OpenVINO graph.

Both leave the specimen as it was, and both match inputs by name: OpenVINO drops inputs that the
graph does not use, so positions mean nothing.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray

from pytest_accelerate.hardware.openvino_experts import all_experts
from pytest_accelerate.hardware.openvino_inputs import Inputs, Preparation
from pytest_accelerate.hardware.openvino_tracing import Traceable
from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.zoo.specimen import Specimen

Tensors = Mapping[str, torch.Tensor]


class LostOutputs(Exception):
    """The converted graph does not have all outputs of the model."""


@dataclass(frozen=True)
class Conversion:
    """A graph, with what translates between its ports and the model's own names."""

    path: str
    model: Any
    """``openvino.Model``."""
    preparation: Preparation
    """From forward's keyword arguments to the tensors that ports take."""
    ports: Mapping[str, str]
    """Name of an input tensor: name of the port that takes it."""
    outputs: Mapping[str, torch.dtype]
    """Names and dtypes of the model's outputs, in the order of the graph's ports."""
    order: tuple[str, ...]
    """Names of the model's outputs in the model's own order."""

    def feed(self, inputs: Inputs) -> dict[str, NDArray[Any]]:
        """Arrays by port."""
        tensors = self.preparation.tensors(inputs)
        return {
            port: tensors[name].detach().contiguous().numpy() for name, port in self.ports.items()
        }

    def name_outputs(self, arrays: list[NDArray[Any]]) -> dict[str, torch.Tensor]:
        """The graph's outputs under the model's names, order and dtypes."""
        named = {
            name: as_dtype(torch.from_numpy(np.asarray(array)), dtype)
            for array, (name, dtype) in zip(arrays, self.outputs.items(), strict=True)
        }
        return {name: named[name] for name in self.order}


def as_dtype(answer: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """An answer in the width that the model gives, where it is of the model's kind.

    Ports of integers may be of 32 bits, and some of booleans are of 8. What is a float where the
    model gives an integer stays one: it is wrong, and rounding would hide it.
    """
    if answer.is_floating_point() != dtype.is_floating_point and not dtype.is_complex:
        return answer
    return answer.to(dtype)


def trace(specimen: Specimen, reference: Tensors) -> Conversion:
    """Trace the model on its inputs and convert what was seen."""
    preparation = Preparation.of(specimen.model, specimen.inputs, reference)
    completed = preparation.complete(specimen.inputs)
    names = preparation.variable(completed)
    # The exporter makes lists of layouts, and not every model that reads them takes lists.
    given = {
        name: value
        for name, value in specimen.inputs.items()
        if isinstance(value, torch.Tensor) and isinstance(completed.get(name), list)
    }
    traceable = Traceable(specimen.model, {**completed, **given}, names)
    quiet = warnings.catch_warnings()
    with all_experts(specimen.model), broadcast_masks(), torch.no_grad(), quiet:
        warnings.simplefilter("ignore")
        shapes = [list(value.shape) for value in traceable.examples]
        model = openvino.convert_model(traceable.trace(), input=shapes)
    known = dict(zip(traceable.port_names, traceable.names, strict=True))
    return Conversion(
        path="trace",
        model=model,
        preparation=preparation,
        ports=_match_ports(model, known),
        outputs=_by_position(model, reference),
        order=tuple(reference),
    )


def export(specimen: Specimen, reference: Tensors) -> Conversion:
    """Convert by transformers' exporter."""
    from transformers.exporters.exporter_openvino import OpenVINOConfig, OpenVINOExporter

    preparation = Preparation.of(specimen.model, specimen.inputs, reference)
    sample = preparation.complete(specimen.inputs)
    with all_experts(specimen.model), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, _ = OpenVINOExporter().export_program(
            specimen.model, sample, config=OpenVINOConfig(dynamic=False, stateful=False)
        )
    known = {name: name for name in flatten(preparation.complete(specimen.inputs))}
    # The exporter's name for an input that an output is named like.
    known |= {f"input.{name}": name for name in known}
    leave_out_unread(model, known)
    return Conversion(
        path="export",
        model=model,
        preparation=preparation,
        ports=_match_ports(model, known),
        outputs=_by_name(model, reference),
        order=tuple(reference),
    )


@contextlib.contextmanager
def broadcast_masks() -> Iterator[None]:
    """Let a mask that is made entry by entry, under vmap, be made of whole rows and columns.

    A trace does not see what happens within vmap, nor within the function of autograd by which an
    index is taken there ("unordered_map::at").
    """
    from transformers import masking_utils

    masks: Any = masking_utils
    before = masks._vmap_expansion_sdpa, masks.TransformGetItemToIndex

    def expansion(mask: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def make(*places: torch.Tensor) -> torch.Tensor:
            made = mask(*masks._non_vmap_expansion_sdpa(*places))
            return made.expand([len(along) for along in places])

        return make

    masks._vmap_expansion_sdpa = expansion
    masks.TransformGetItemToIndex = contextlib.nullcontext
    try:
        yield
    finally:
        masks._vmap_expansion_sdpa, masks.TransformGetItemToIndex = before


def leave_out_unread(model: Any, known: Iterable[str]) -> None:
    """Take from a graph the inputs that nothing in it reads and that are no tensors of the model's.

    The exporter makes an input of each number as well, though ``torch.export`` has it as a
    constant: ``logits_to_keep``, ``image_sizes_0_0``.
    """
    names = {*known}
    for port in model.inputs:
        if not port.get_target_inputs() and names.isdisjoint(port.get_names()):
            model.remove_parameter(port.get_node())


def _match_ports(model: Any, known: Mapping[str, str]) -> dict[str, str]:
    """The port of each input tensor that the graph still uses."""
    ports = {}
    for port in model.inputs:
        name = next((name for name in port.get_names() if name in known), None)
        if name is None:
            raise LostOutputs(f"the graph has an input of unknown origin: {port.get_names()}")
        ports[known[name]] = name
    return ports


def _by_position(model: Any, reference: Tensors) -> dict[str, torch.dtype]:
    if len(model.outputs) != len(reference):
        raise LostOutputs(f"{len(model.outputs)} outputs instead of {len(reference)}")
    return {name: value.dtype for name, value in reference.items()}


def _by_name(model: Any, reference: Tensors) -> dict[str, torch.dtype]:
    found: dict[str, torch.dtype] = {}
    for port in model.outputs:
        names = {name.removeprefix("output.") for name in port.get_names()}
        match = next((name for name in reference if name in names and name not in found), None)
        if match is None:
            return _by_position(model, reference)
        found[match] = reference[match].dtype
    if missing := [name for name in reference if name not in found]:
        raise LostOutputs(f"the graph lacks the outputs {', '.join(missing)}")
    return found


def tiny_specimen() -> Specimen:
    """The smallest model that takes both paths through all that they import."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=16,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=8,
    )
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 0]])
    return Specimen(
        model_type="bert",
        model=BertModel(config).eval().requires_grad_(False),
        inputs={"input_ids": ids, "attention_mask": (ids > 0).long()},
        modalities=("text",),
    )
