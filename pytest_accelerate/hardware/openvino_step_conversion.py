"""The two paths by which a module that generation calls becomes an OpenVINO graph.

As for whole models, a trace comes first, and transformers' exporter is taken where it does not
convert or is wrong for other sizes than its own. The exporter follows sizes as symbols, which takes
4 to 10 s for a graph where a trace takes 0.4 s.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import openvino
import torch
from torch.overrides import TorchFunctionMode

from pytest_accelerate.errors import UnsupportedOperation
from pytest_accelerate.hardware.leaves import filled, leaves
from pytest_accelerate.hardware.openvino_calls import (
    CACHES,
    KEPT,
    Group,
    Outcome,
    WatchedCall,
    keep,
    keeping,
    kept_by,
)
from pytest_accelerate.hardware.openvino_conversion import leave_out_unread
from pytest_accelerate.hardware.openvino_inputs import Preparation
from pytest_accelerate.hardware.openvino_layout import FixedLayout, traceable, untraced
from pytest_accelerate.hardware.openvino_substitution import substituted
from pytest_accelerate.hardware.openvino_tracing import trace
from pytest_accelerate.hardware.outputs import flatten

_ANY = -1


@dataclass(frozen=True)
class ConvertedStep:
    """A graph, with what its ports stand for."""

    path: str
    model: Any
    """``openvino.Model``, without a state."""
    taken: Mapping[str, str]
    """Name of an input tensor: the name of its port."""
    given: Mapping[str, str]
    """Name of an output tensor: the name of its port."""
    tensors: Callable[[Mapping[str, Any]], dict[str, torch.Tensor]]
    """From the arguments of a call to the tensors to feed of them, by name."""


def trace_step(group: Group) -> ConvertedStep:
    """Trace the module on the first of its calls."""
    step = _TracedStep(group)
    model = step.converted()
    outputs = group.first.outcome.tensors
    return ConvertedStep(
        "trace",
        model,
        taken={name: _input_port(index) for index, name in enumerate(step.names)},
        given={name: _output_port(index) for index, name in enumerate(outputs)},
        tensors=step.tensors,
    )


def export_step(group: Group) -> ConvertedStep:
    """Convert by transformers' exporter.

    Raises:
        UnsupportedOperation: the module hands on more than it returns.
    """
    from transformers.exporters.exporter_openvino import OpenVINOConfig, OpenVINOExporter

    first = group.first
    if first.outcome.changes or first.outcome.kept or first.kept:
        raise UnsupportedOperation("an exported graph changes nothing in place, as its module does")
    module, inputs = first.module, copy.deepcopy(first.arguments)
    config = OpenVINOConfig(dynamic=not group.fixed, stateful=False)
    module_of_the_library: Any = module
    with torch.no_grad():
        model, _ = OpenVINOExporter().export_program(module_of_the_library, inputs, config=config)
    preparation = _preparation(first)
    taken = _ports(model.inputs, leaves(preparation.complete(first.arguments)), "input.")
    leave_out_unread(model, taken.values())
    return ConvertedStep(
        "export",
        model,
        taken=taken,
        given=_ports(model.outputs, first.outcome.tensors, "output."),
        tensors=lambda given: leaves(preparation.complete(given)),
    )


def _preparation(call: WatchedCall) -> Preparation:
    return Preparation.of(call.module, call.arguments, flatten(call.outcome.output))


def _ports(ports: Sequence[Any], tensors: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """The port of each tensor; the exporter puts a prefix where input and output share a name."""
    known = {name for port in ports for name in port.get_names()}
    return {name: port for name in tensors for port in (name, f"{prefix}{name}") if port in known}


class _TracedStep:
    """A module with tensors as the only parameters of ``forward``, for calls of one signature."""

    def __init__(self, group: Group) -> None:
        first = group.first
        self.module, self._outcome = first.module, first.outcome
        self._fixed = group.fixed
        self._preparation = _preparation(first) if self._fixed else None
        self._arguments = self._complete(first.arguments)
        found = leaves(self._arguments)
        baked = self._preparation.baked if self._preparation is not None else {}
        self._kept = first.kept
        self._examples = {
            name: leaf for name, leaf in found.items() if name not in baked and leaf.numel()
        } | leaves({KEPT: self._kept})
        self.names = tuple(self._examples)
        """Dotted leaf names of the tensors, in the order of ``forward``'s parameters."""
        self._sizes = _sizes(self._examples, group)
        # The exporter makes lists of layouts, and not every model that reads them takes lists.
        self._arguments |= {
            name: value
            for name, value in first.arguments.items()
            if isinstance(value, torch.Tensor) and isinstance(self._arguments.get(name), list)
        }

    def _complete(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self._preparation is None:
            return dict(arguments)
        return self._preparation.complete(arguments)

    def tensors(self, arguments: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """The tensors of a call's arguments by name."""
        return leaves(self._complete(arguments))

    def call(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the module on these tensors in place of those that it was traced with."""
        named = dict(zip(self.names, tensors, strict=True))
        given = filled(self._arguments, named)
        for name in (*CACHES, *self._outcome.changes):
            if name in given and not isinstance(given[name], torch.Tensor):
                # The module writes into it, also where it holds no tensor yet.
                # A copy that is traced has no axes where it has no elements.
                blank = untraced(copy.deepcopy, (self._arguments[name],), {})
                given[name] = filled(blank, named, name)
        keep(self.module, filled(self._kept, named, KEPT))
        with ExitStack() as stack:
            stack.enter_context(self._layout(named))
            stack.enter_context(substituted())
            output = self.module(**given)
        kept = kept_by(self.module)
        outcome = Outcome(
            output,
            {name: given[name] for name in self._outcome.changes},
            {path: kept[path] for path in self._outcome.kept},
        )
        return tuple(value.clone() for value in outcome.tensors.values())

    def _layout(self, named: Mapping[str, torch.Tensor]) -> AbstractContextManager[object]:
        if not self._fixed:
            return _Traceable()
        constants = [leaf for name, leaf in leaves(self._arguments).items() if name not in named]
        return FixedLayout(constants, (*self.module.parameters(), *self.module.buffers()))

    def converted(self) -> Any:
        """The ``openvino.Model`` of the module, ports named by number."""
        ports = [_input_port(index) for index in range(len(self.names))]
        examples = [value.clone() for value in self._examples.values()]
        with torch.no_grad(), keeping(self.module):
            model = openvino.convert_model(
                trace(self.call, ports, examples),
                input=[openvino.PartialShape(self._sizes[name]) for name in self.names],
            )
        for index, port in enumerate(model.outputs):
            # One that is an input as well keeps the name that it has as such.
            port.get_tensor().add_names({_output_port(index)})
        return model


class _Traceable(TorchFunctionMode):
    """Calls functions of torch as ``torch.jit`` and OpenVINO can have them.

    Concatenations leave out the tensors of shape (0,) that caches begin as, as torch does; what is
    filled is filled by numbers, since ``torch.jit`` fails at truth values.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run ``func`` with arguments changed where they have to be."""
        return func(*traceable(func, args), **(kwargs or {}))


def _input_port(index: int) -> str:
    return f"input_{index}"


def _output_port(index: int) -> str:
    return f"output_{index}"


def _sizes(examples: Mapping[str, torch.Tensor], group: Group) -> dict[str, list[int]]:
    """The shape of each tensor; -1 where it is another in another call."""
    others = [] if group.fixed else [call.taken for call in group.calls[1:]]
    return {
        name: [
            size if all(other[name].shape[axis] == size for other in others) else _ANY
            for axis, size in enumerate(value.shape)
        ]
        for name, value in examples.items()
    }
