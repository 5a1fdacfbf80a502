"""The form in which a model can be traced: tensors in, tensors out, every input by a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

from pytest_accelerate.hardware.leaves import filled
from pytest_accelerate.hardware.openvino_layout import FixedLayout
from pytest_accelerate.hardware.openvino_substitution import substituted
from pytest_accelerate.hardware.outputs import flatten

_SIZES_IN_THE_GRAPH = frozenset({"dinov3_vit"})
"""Types whose sizes stay operations of the graph: with those of the patches as constants, OpenVINO
2026.4.1 dies of SIGFPE within ``convert_model``."""


_JIT: Any = torch.jit
_PASSES: Any = torch._C


class Traceable:
    """A model with tensors as the only parameters of ``forward``; other inputs are constants."""

    def __init__(
        self, model: torch.nn.Module, inputs: Mapping[str, Any], names: tuple[str, ...]
    ) -> None:
        self.model = model
        self.inputs = dict(inputs)
        self.names = names
        """Dotted leaf names of the tensors, in the order of ``forward``'s parameters."""

    @property
    def examples(self) -> tuple[torch.Tensor, ...]:
        """The tensors that the model is traced with."""
        leaves = flatten(self.inputs)
        return tuple(leaves[name].clone() for name in self.names)

    def _layout(
        self, constants: list[torch.Tensor], weights: tuple[torch.Tensor, ...]
    ) -> AbstractContextManager[object]:
        config = getattr(self.model, "config", None)
        if getattr(config, "model_type", "") in _SIZES_IN_THE_GRAPH:
            return nullcontext()
        return FixedLayout(constants, weights)

    def call(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the model on these tensors in place of its inputs' own."""
        named = dict(zip(self.names, tensors, strict=True))
        constants = [leaf for name, leaf in flatten(self.inputs).items() if name not in named]
        weights = (*self.model.parameters(), *self.model.buffers())
        with self._layout(constants, weights), substituted():
            outputs = flatten(self.model(**filled(self.inputs, named)))
        # An output that is an input, or another output, would be one port for both.
        return tuple(value.clone() for value in outputs.values())

    @property
    def port_names(self) -> tuple[str, ...]:
        """What the traced graph calls its inputs."""
        return tuple(f"input_{index}" for index in range(len(self.names)))

    def trace(self) -> Any:
        """What the model does to its inputs, for ``openvino.convert_model``."""
        return trace(self.call, self.port_names, self.examples)


@dataclass(frozen=True)
class _Traced:
    """What OpenVINO's decoder wants of a traced module."""

    inlined_graph: Any


def trace(
    call: Callable[..., Any], ports: Sequence[str], examples: Sequence[torch.Tensor]
) -> TorchScriptPythonDecoder:
    """What ``call`` does to tensors, for ``openvino.convert_model``, with a name for each input.

    Weights are constants of the graph, so none may require gradients. ``torch.jit.trace`` of a
    module makes a script of each of its parts first, which takes four fifths of its time; of a
    function it keeps the constants for as long as the process lives.

    Half of a graph are constants, most of them the numbers 0 and 1. OpenVINO looks at each in
    Python, which takes a third of a conversion.
    """

    def method(_: torch.Tensor, *tensors: torch.Tensor) -> Any:
        # OpenVINO takes a first input that nothing uses for ``self``, and leaves it out.
        return call(*tensors)

    graph, _ = _JIT._get_trace_graph(method, (torch.empty(0), *examples), strict=False)
    _PASSES._jit_pass_constant_pooling(graph)
    for value, port in zip(graph.inputs(), ("self", *ports), strict=True):
        value.setDebugName(port)
    return TorchScriptPythonDecoder(_Traced(graph))
