"""Modules that generation calls again and again, as compiled OpenVINO graphs with a state.

A module is called with something to begin with, and then for each token with the cache that it has
made. These are two graphs: the first is of fixed shapes; in the second, what differs in size from
one call to the next may be of any size. What it hands on from call to call is a state of the
compiled graph and does not leave the hardware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import openvino
import torch
from openvino._offline_transformations import apply_make_stateful_transformation

from pytest_accelerate.agreement import Agreement, compare
from pytest_accelerate.hardware.leaves import leaves
from pytest_accelerate.hardware.openvino_calls import (
    CACHES,
    KEPT,
    Group,
    Outcome,
    WatchedCall,
    cache_in,
)
from pytest_accelerate.hardware.openvino_conversion import LostOutputs, as_dtype
from pytest_accelerate.hardware.openvino_step_conversion import ConvertedStep

Compile = Callable[[Any], Any]
"""From an ``openvino.Model`` to a compiled one."""

_HOLE = torch.empty(0)


class StepGraph:
    """A module on OpenVINO, for calls of one signature."""

    def __init__(self, step: ConvertedStep, group: Group, compile_model: Compile) -> None:
        """Compile; a graph for calls of several sizes has a state.

        Args:
            step: the module, converted from the first of the calls.
            group: how the module was called, and what it answered.
            compile_model: brings the graph onto the device.
        """
        self.path = step.path
        self.disagreement = ""
        """What it is off by from the module that it was made of."""
        outputs = group.first.outcome.tensors
        self._template = group.first.outcome.filled(dict.fromkeys(outputs, _HOLE))
        self._dtypes = {name: value.dtype for name, value in outputs.items()}
        self._tensors = step.tensors
        self.keeps = frozenset(group.first.kept) | frozenset(group.first.outcome.kept)
        """What its module keeps in itself that the graph takes or makes, by path."""
        self._states = _made_stateful(step, group)
        self._growth = _growth(group)
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

    def __call__(self, arguments: Mapping[str, Any], kept: Mapping[str, torch.Tensor]) -> Outcome:
        """What becomes of a call with these arguments, of a module that keeps these tensors."""
        tensors = self._tensors(arguments) | leaves({KEPT: kept})
        if self._states and cache_in(arguments) is not self._handed:
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
        outcome = self._template.filled(made)
        self._handed = cache_in(outcome.output)
        return outcome

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

    def agreement(self, call: WatchedCall, tolerance: float) -> Agreement:
        """How far what it makes is from what the module itself made of a call, its state apart."""
        made, expected = self(call.arguments, call.kept).tensors, call.outcome.tensors
        names = [name for name in expected if name not in self._shapes]
        return compare(
            {name: made[name] for name in names if name in made},
            {name: expected[name] for name in names},
            tolerance,
        )


def _made_stateful(step: ConvertedStep, group: Group) -> dict[str, str]:
    """Give a graph its state; returns the name of the tensor of each variable.

    What stands between the calls may take a piece of the cache, as xlnet's drops the last two
    tokens, which it reads anew. It has to have the cache in its hands then.
    """
    if group.fixed or not all(call.continues for call in group.calls):
        return {}
    used = {name for port in step.model.inputs for name in port.get_names()}
    pairs = {
        name: (step.taken[name], step.given[name])
        for name, leaf in group.first.taken.items()
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


def _growth(group: Group) -> dict[str, dict[int, int]]:
    """By how much each tensor grows along its axes from one call to the next."""
    if group.fixed:
        return {}
    first, second = (call.taken for call in group.calls[:2])
    return {
        name: {
            axis: second[name].shape[axis] - size
            for axis, size in enumerate(value.shape)
            if second[name].shape[axis] != size
        }
        for name, value in first.items()
    }
