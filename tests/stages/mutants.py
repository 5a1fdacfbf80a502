"""Backends that are wrong in one way each, which no green square may hide."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any

import torch

from pytest_accelerate.hardware.torch import TorchModel
from pytest_accelerate.zoo.specimen import Specimen

Outputs = dict[str, torch.Tensor]


class Mutant:
    """A loaded model that is wrong."""

    path, path_reason, quantized, executed, fault = "eager", "", None, "", ""

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        inputs: Mapping[str, Any] | None = None,
        outputs: Callable[[Outputs], Outputs] = lambda outputs: outputs,
    ) -> None:
        self._model = TorchModel(model, torch.device("cpu"), torch.float32)
        self._inputs, self._outputs = inputs, outputs

    def run(self, inputs: Mapping[str, Any]) -> Outputs:
        """The outputs, wrong."""
        return self._outputs(self._model.run(inputs if self._inputs is None else self._inputs))

    def close(self) -> None:
        """Let go."""
        self._model.close()


def scaled(specimen: Specimen) -> Mutant | None:
    """One weight matrix is 1 % too large: one of those whose size matters, drawn by the type."""
    model = copy.deepcopy(specimen.model)
    names = _matrices_whose_size_matters(model, specimen.inputs)
    if not names:
        return None
    name = random.Random(specimen.model_type).choice(names)
    with torch.no_grad():
        model.get_parameter(name).mul_(1.01)
    return Mutant(model)


def _matrices_whose_size_matters(model: torch.nn.Module, inputs: Mapping[str, Any]) -> list[str]:
    """Those whose scale moves the outputs, to first order: a norm behind one takes it away."""
    from pytest_accelerate.hardware.outputs import flatten

    matrices = {name: p for name, p in model.named_parameters() if p.dim() >= 2}
    generator = torch.Generator().manual_seed(0)
    for parameter in matrices.values():
        parameter.requires_grad_(True)
    with torch.enable_grad():
        outputs = flatten(model(**copy.deepcopy(dict(inputs))))
        projected = sum(
            (value * torch.randn(value.shape, generator=generator)).sum()
            / (value.detach().abs().max() * value.numel() ** 0.5)
            for value in outputs.values()
            if value.is_floating_point() and value.requires_grad and value.isfinite().all()
        )
        assert isinstance(projected, torch.Tensor)
        found = torch.autograd.grad(projected, list(matrices.values()), allow_unused=True)
    for parameter in matrices.values():
        parameter.requires_grad_(False)
    moves = {
        name: 0.0 if gradient is None else abs(float((gradient * matrices[name]).sum()))
        for name, gradient in zip(matrices, found, strict=True)
    }
    # 1 % of it is to be ten times the tolerance.
    return [name for name, moved in moves.items() if moved > 0.1]


def dropped(specimen: Specimen) -> Mutant | None:
    """One of the inputs does not arrive: it is left out, or else all zero."""
    inputs = dict(specimen.inputs)
    carriers = [name for names in specimen.carriers.values() for name in names]
    name = carriers[-1] if carriers else list(inputs)[-1]
    value = inputs[name]
    if not isinstance(value, torch.Tensor):
        return None
    inputs[name] = torch.zeros_like(value)
    return Mutant(specimen.model, inputs=inputs)


def swapped(specimen: Specimen) -> Mutant | None:
    """Two outputs have changed places: two of one shape, where there are such."""

    def swap(outputs: Outputs) -> Outputs:
        first, second = _alike(outputs)
        return {**outputs, first: outputs[second], second: outputs[first]}

    mutant = Mutant(specimen.model, outputs=swap)
    return mutant if _alike(Mutant(specimen.model).run(specimen.inputs)) else None


def _alike(outputs: Outputs) -> tuple[str, ...]:
    names = list(outputs)
    others = tuple(names[:2]) if len(names) > 1 else ()
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            one, other = outputs[first], outputs[second]
            if (one.shape, one.dtype) == (other.shape, other.dtype) and not one.equal(other):
                return first, second
    return others


def noisy(specimen: Specimen) -> Mutant | None:
    """Each output has noise of a thousandth of its size."""

    def add(outputs: Outputs) -> Outputs:
        generator = torch.Generator().manual_seed(0)  # the same in two runs
        return {
            name: value + 1e-3 * value.abs().max() * torch.randn(value.shape, generator=generator)
            if value.is_floating_point() else value
            for name, value in outputs.items()
        }  # fmt: skip

    return Mutant(specimen.model, outputs=add)


def permuted(specimen: Specimen) -> Mutant | None:
    """The rows of the batch come in another order."""

    def permute(outputs: Outputs) -> Outputs:
        return {name: value.flip(0) if value.dim() else value for name, value in outputs.items()}

    outputs = Mutant(specimen.model).run(specimen.inputs)
    rows = [value for value in outputs.values() if value.dim() and value.shape[0] > 1]
    return Mutant(specimen.model, outputs=permute) if rows else None


def skipped(specimen: Specimen) -> Mutant | None:
    """The last layer of a stack gives back what it was given."""
    model = copy.deepcopy(specimen.model)
    stacks = [each for each in model.modules()
              if isinstance(each, torch.nn.ModuleList) and len(each) > 1]  # fmt: skip
    if not stacks:
        return None

    def give_back(module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        given = args[0] if args else kwargs.get("hidden_states")
        if isinstance(output, tuple):
            return (given, *output[1:])
        return given

    right = Mutant(specimen.model).run(specimen.inputs)
    for stack in stacks:
        stack[-1].register_forward_hook(give_back, with_kwargs=True)
        try:
            wrong = Mutant(model).run(specimen.inputs)
        except Exception:
            wrong = right  # its layers change the shape, or are no chain
        # Llava reads the last layer but one of its images': to skip the last is no fault there.
        same = list(wrong) == list(right)
        if not same or any(not wrong[name].equal(value) for name, value in right.items()):
            return Mutant(model)
        stack[-1]._forward_hooks.clear()
    return None


MUTATIONS: Mapping[str, Callable[[Specimen], Mutant | None]] = {
    "scaled": scaled,
    "dropped": dropped,
    "swapped": swapped,
    "noisy": noisy,
    "permuted": permuted,
    "skipped": skipped,
}
