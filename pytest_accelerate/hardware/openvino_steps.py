"""Modules that generation calls again and again, as compiled OpenVINO graphs with a state.

A module is called with something to begin with, and then for each token with the cache that it has
made. These are two graphs: the first is of fixed shapes; in the second, what differs in size from
one call to the next may be of any size. What it hands on from call to call is a state of the
compiled graph and does not leave the hardware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openvino
import torch
from openvino._offline_transformations import apply_make_stateful_transformation

from pytest_accelerate.agreement import Agreement, compare
from pytest_accelerate.hardware.generation import Call
from pytest_accelerate.hardware.layout import lays_out
from pytest_accelerate.hardware.leaves import filled, leaves
from pytest_accelerate.hardware.openvino_conversion import LostOutputs, as_dtype
from pytest_accelerate.hardware.openvino_step_conversion import CACHES, ConvertedStep

Compile = Callable[[Any], Any]
"""From an ``openvino.Model`` to a compiled one."""

_HOLE = torch.empty(0)


@dataclass(frozen=True)
class Signature:
    """What calls of one graph have in common: all but the values of tensors that it takes."""

    tensors: tuple[tuple[str, int, torch.dtype], ...]
    plain: tuple[tuple[str, Any], ...]
    sizes: tuple[torch.Size, ...] | None
    """``None`` for a graph that takes several."""
    layouts: tuple[tuple[str, str], ...]
    """Values of the tensors that are constants of a graph of fixed sizes: an image and a video may
    have as many patches, in other grids."""

    @classmethod
    def of(cls, inputs: Mapping[str, Any], *, sized: bool) -> Signature:
        """The signature of a call with these arguments."""
        found = sorted(leaves(dict(inputs)).items())
        return cls(
            tuple((name, leaf.dim(), leaf.dtype) for name, leaf in found),
            tuple(
                (name, value)
                for name, value in sorted(inputs.items())
                if isinstance(value, bool | int | float | str)
            ),
            tuple(leaf.shape for _, leaf in found) if sized else None,
            tuple((name, str(leaf.tolist())) for name, leaf in found if lays_out(name, leaf))
            if sized
            else (),
        )

    @property
    def goes_on(self) -> bool:
        """Whether such a call is given what an earlier one has handed on."""
        return any(name.partition(".")[0] in CACHES for name, *_ in self.tensors)


class StepGraph:
    """A module on OpenVINO, for calls of one signature."""

    def __init__(self, step: ConvertedStep, calls: Sequence[Call], compile_model: Compile) -> None:
        """Compile; more calls than one give the graph a state.

        Args:
            step: the module, converted from the first of the calls.
            calls: how the module was called, and what it answered.
            compile_model: brings the graph onto the device.
        """
        self.path = step.path
        self.disagreement = ""
        """What it is off by from the module that it was made of."""
        outputs = leaves(calls[0].output)
        self._template = filled(calls[0].output, dict.fromkeys(outputs, _HOLE))
        self._dtypes = {name: value.dtype for name, value in outputs.items()}
        self._tensors = step.tensors
        self._states = _made_stateful(step, calls)
        self._growth = _growth(calls)
        self._shapes: dict[str, list[int]] = {}
        self._handed: Any = None
        # In the order of the ports: a graph has lost unused inputs, and outputs that became states.
        self._fed = _in_order(step.model.inputs, step.taken)
        self._made = _in_order(step.model.outputs, step.given)
        self._compiled = compile_model(step.model)
        self._request = self._compiled.create_infer_request()

    @property
    def stateful(self) -> bool:
        """Whether it keeps what it hands on from call to call."""
        return bool(self._states)

    def __call__(self, inputs: Mapping[str, Any]) -> Any:
        """What the module answers to these arguments."""
        tensors = self._tensors(inputs)
        if self._states and cache_in(inputs) is not self._handed:
            self._begin_with(tensors)
        feed = {
            index: tensors[name].detach().contiguous().numpy()
            for index, name in enumerate(self._fed)
        }
        answer = self._request.infer(feed, share_inputs=True, share_outputs=False)
        made = {
            name: as_dtype(torch.from_numpy(answer[port]), self._dtypes[name])
            for name, port in zip(self._made, self._compiled.outputs, strict=True)
        }
        made |= {name: self._stand_in(name) for name in self._shapes}
        output = filled(self._template, made)
        self._handed = cache_in(output)
        return output

    def _begin_with(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Fill the state with the cache that another graph has made."""
        for variable in self._request.query_state():
            name = self._states[variable.name]
            value = tensors[name].detach().contiguous()
            self._shapes[name] = list(value.shape)
            variable.state = openvino.Tensor(value.numpy())

    def _stand_in(self, name: str) -> torch.Tensor:
        # The loop looks at how long a cache is; what is in it stays on the hardware.
        for axis, more in self._growth[name].items():
            self._shapes[name][axis] += more
        return torch.zeros((), dtype=self._dtypes[name]).expand(self._shapes[name])

    def agreement(self, call: Call, tolerance: float) -> Agreement:
        """How far what it hands out is from what the module itself answered in a call."""
        answered, expected = leaves(self(call.inputs)), leaves(call.output)
        names = [name for name in expected if name not in self._shapes]
        return compare(
            {name: answered[name] for name in names if name in answered},
            {name: expected[name] for name in names},
            tolerance,
        )


def _made_stateful(step: ConvertedStep, calls: Sequence[Call]) -> dict[str, str]:
    """Give a graph its state; returns the name of the tensor of each variable.

    What stands between the calls may take a piece of the cache, as xlnet's drops the last two
    tokens, which it reads anew. It has to have the cache in its hands then.
    """
    if len(calls) == 1 or not all(call.continues for call in calls):
        return {}
    used = {name for port in step.model.inputs for name in port.get_names()}
    pairs = {
        name: (step.taken[name], step.given[name])
        for name, leaf in leaves(calls[0].inputs).items()
        if name.partition(".")[0] in CACHES
        and name in step.given
        and step.taken.get(name) in used
        # OpenVINO keeps no integers, and what has no rows is of the settings.
        and leaf.is_floating_point()
        and leaf.dim() > 1
    }
    if pairs:
        apply_make_stateful_transformation(step.model, dict(pairs.values()))
    return {f"{before}{after}": name for name, (before, after) in pairs.items()}


def _in_order(ports: Sequence[Any], names: Mapping[str, str]) -> list[str]:
    """The names of the tensors that ports stand for."""
    tensors = {port: name for name, port in names.items()}
    known = [[tensors[name] for name in port.get_names() if name in tensors] for port in ports]
    if [] in known:
        port = ports[known.index([])]
        raise LostOutputs(f"the graph has a port of unknown origin: {port.get_names()}")
    return [found[0] for found in known]


def cache_in(values: Any) -> Any:
    """What is handed on from call to call among arguments or outputs; ``None`` for nothing."""
    if not isinstance(values, Mapping):
        return None
    return next((values[name] for name in CACHES if values.get(name) is not None), None)


def _growth(calls: Sequence[Call]) -> dict[str, dict[int, int]]:
    """By how much each tensor grows along its axes from one call to the next."""
    if len(calls) == 1:
        return {}
    first, second = (leaves(call.inputs) for call in calls[:2])
    return {
        name: {
            axis: second[name].shape[axis] - size
            for axis, size in enumerate(value.shape)
            if second[name].shape[axis] != size
        }
        for name, value in first.items()
    }
