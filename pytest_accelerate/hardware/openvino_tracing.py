"""The form in which a model can be traced: tensors in, tensors out, every input by a name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from pytest_accelerate.hardware.leaves import filled
from pytest_accelerate.hardware.openvino_layout import FixedLayout
from pytest_accelerate.hardware.openvino_operators import Substituted
from pytest_accelerate.hardware.outputs import flatten

_SIZES_IN_THE_GRAPH = frozenset({"dinov3_vit"})
"""Types whose sizes stay operations of the graph: with those of the patches as constants, OpenVINO
2026.4.1 dies of SIGFPE within ``convert_model``."""


class Traceable(torch.nn.Module):
    """A model with tensors as the only parameters of ``forward``; other inputs are constants."""

    def __init__(
        self, model: torch.nn.Module, inputs: Mapping[str, Any], names: tuple[str, ...]
    ) -> None:
        super().__init__()
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
        with self._layout(constants, weights), Substituted():
            outputs = flatten(self.model(**filled(self.inputs, named)))
        # An output that is an input, or another output, would be one port for both.
        return tuple(value.clone() for value in outputs.values())

    @property
    def port_names(self) -> tuple[str, ...]:
        """What the traced graph calls its inputs."""
        return tuple(f"input_{index}" for index in range(len(self.names)))

    def trace(self) -> Any:
        """``torch.jit.trace`` of the model on its inputs.

        The graph of a ``forward(*tensors)`` numbers its inputs, and freezing it numbers them anew,
        so that nobody could tell which is which; named parameters keep their names.
        """
        parameters = ", ".join(self.port_names)
        scope: dict[str, Any] = {}
        exec(f"def forward(self, {parameters}): return self.call({parameters})", scope)
        self.__class__ = type("TraceableByName", (Traceable,), {"forward": scope["forward"]})
        # check_trace would run the model twice more; the converted graph is compared anyway.
        trace: Any = torch.jit.trace
        return trace(self, self.examples, check_trace=False, strict=False)
