"""Generation on OpenVINO: transformers' own loop, and every module that it calls a graph there.

That holds for all models alike: an encoder is one graph, a decoder two of them
(:mod:`pytest_accelerate.hardware.openvino_steps`), the codec that makes sound of tokens another.
What remains in Python is what transformers has between the calls: choosing the likeliest token.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch

from pytest_accelerate.errors import UnsupportedOperation
from pytest_accelerate.hardware.generation import Generation, generate, named
from pytest_accelerate.hardware.openvino_calls import (
    Group,
    Signature,
    WatchedCall,
    change,
    groups_of,
    keep,
    keeping,
    kept_by,
)
from pytest_accelerate.hardware.openvino_conversion import broadcast_masks
from pytest_accelerate.hardware.openvino_experts import all_experts
from pytest_accelerate.hardware.openvino_policy import cheapest
from pytest_accelerate.hardware.openvino_step_conversion import (
    ConvertedStep,
    export_step,
    trace_step,
)
from pytest_accelerate.hardware.openvino_steps import Compile, StepGraph
from pytest_accelerate.hardware.openvino_windows import watched_in_windows
from pytest_accelerate.zoo.generating_specimen import GeneratingSpecimen

_PATHS = ("trace", "export")
Convert = Callable[[Group], ConvertedStep]
Graphs = dict[Signature, StepGraph]


class OpenVINOGenerator:
    """A model that generates, its modules compiled."""

    def __init__(
        self,
        specimen: GeneratingSpecimen,
        tokens: int,
        compile_model: Compile,
        tolerance: float,
    ) -> None:
        """Watch the model generate, then convert and compile what it called.

        Args:
            specimen: left as it was.
            tokens: how many it will generate.
            compile_model: brings a graph onto the device.
            tolerance: on the relative error of a graph, past which the dearer path is tried.

        Raises:
            UnsupportedOperation: a module does not convert; names the operators.
        """
        self._model: Any = specimen.model
        calls, self._caches = watched_in_windows(self._model, specimen.prompt, tokens)
        self._graphs: dict[int, Graphs] = {}
        self._of_each_size = False
        tracing = (all_experts(self._model), self._caches(), broadcast_masks())
        with ExitStack() as stack, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for context in tracing:
                stack.enter_context(context)
            for group in groups_of(calls):
                made = _graphs(group, compile_model, tolerance)
                self._graphs.setdefault(id(group.first.module), {}).update(made)
                self._of_each_size |= len(made) > 1

    @property
    def path(self) -> str:
        """How the model got there: ``trace, stateful decode``."""
        graphs = self._all_graphs
        parts = [path for path in _PATHS if any(graph.path == path for graph in graphs)]
        parts += ["stateful decode"] if any(graph.stateful for graph in graphs) else []
        parts += ["a graph for each size"] if self._of_each_size else []
        return ", ".join(parts)

    @property
    def path_reason(self) -> str:
        """What the graphs disagree by with the modules that they were made of; empty for none."""
        found = dict.fromkeys(graph.disagreement for graph in self._all_graphs)
        return "; ".join(filter(None, found))

    @property
    def _all_graphs(self) -> list[StepGraph]:
        return [graph for known in self._graphs.values() for graph in known.values()]

    def generate(self, prompt: Mapping[str, Any], tokens: int, *, cache: bool = True) -> Generation:
        """Generate greedily.

        Args:
            prompt: of the shapes of the specimen's.
            tokens: how many follow the prompt.
            cache: must be true: without one, every call would be of other shapes.
        """
        if not cache:
            raise UnsupportedOperation("OpenVINO generates with a cache only")
        with keeping(self._model), self._in_place(), self._caches():
            return generate(self._model, prompt, tokens)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Let the graphs answer for the modules."""
        replaced = [module for module in self._model.modules() if id(module) in self._graphs]
        with ExitStack() as stack:
            for module in replaced:
                stand_in: Any = _Forward(module, self._graphs[id(module)])
                module.forward = stand_in
                stack.callback(delattr, module, "forward")
            yield

    def close(self) -> None:
        """Let the compiled graphs go."""
        self._graphs.clear()


class _Forward:
    """Stands for a module's forward, and has its signature."""

    def __init__(self, module: torch.nn.Module, graphs: Mapping[Signature, StepGraph]) -> None:
        self._module, self._graphs = module, graphs
        self._keeps = {path for graph in graphs.values() for path in graph.keeps}
        self.__wrapped__ = module.forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        arguments = named(self._module, args, kwargs)
        kept = self._kept_by_module()
        for sized in (True, False):
            graph = self._graphs.get(Signature.of(arguments, kept, sized=sized))
            if graph is not None:
                outcome = graph(arguments, kept)
                for name, changed in outcome.changes.items():
                    change(arguments[name], changed)
                keep(self._module, outcome.kept)
                return outcome.output
        kind = type(self._module).__name__
        raise UnsupportedOperation(f"{kind} is called in a way that it was not converted for")

    def _kept_by_module(self) -> dict[str, torch.Tensor]:
        if not self._keeps:
            return {}
        return {path: value for path, value in kept_by(self._module).items() if path in self._keeps}


def _graphs(group: Group, compile_model: Compile, tolerance: float) -> Graphs:
    """By the cheaper path, or by a dearer one where that answers otherwise than the module.

    Where no graph holds for all sizes, each size gets one of its own, without a state. That is a
    module which makes sizes numbers of Python: cpmant has a list of ``range(length)``, and moshi's
    decoder of codebooks as many embeddings as codebooks, of which the length of the cache chooses.
    Eight such traces take 3 s, and one graph of the exporter's 4 to 10 s.
    """
    kind = type(group.first.module).__name__
    unlike: list[WatchedCall] = []
    """Calls in which a graph answered otherwise than the module."""

    def made_by(convert: Convert, group: Group) -> tuple[Graphs, str]:
        graph = StepGraph(convert(group), group, compile_model)
        differs, difference = _difference(graph, group, tolerance)
        unlike.extend(differs)
        return {group.signature: graph}, difference

    def by_size() -> tuple[Graphs, str]:
        made: Graphs = {}
        differences: list[str] = []
        for size in group.by_size():
            graphs, difference = made_by(trace_step, size)
            made |= graphs
            differences.append(difference)
        return made, next(filter(None, differences), "")

    def of_a_later_call() -> tuple[Graphs, str]:
        return made_by(trace_step, group.made_from((unlike or group.calls[1:])[0]))

    paths: dict[str, Callable[[], tuple[Graphs, str]]] = {
        f"trace of {kind}": partial(made_by, trace_step, group)
    }
    if not group.fixed:
        paths[f"trace of {kind} in each size"] = by_size
    elif len(group.calls) > 1:
        paths[f"trace of {kind} in a later call"] = of_a_later_call
    paths[f"export of {kind}"] = partial(made_by, export_step, group)
    reached = cheapest(paths)
    if reached.disagreement:
        for graph in reached.made.values():
            graph.disagreement = f"{graph.path} of {kind}: {reached.disagreement}"
    return reached.made


def _difference(graph: StepGraph, group: Group, tolerance: float) -> tuple[list[WatchedCall], str]:
    """The first call in which a graph answers otherwise than its module did, and by what."""
    for call in group.calls:
        answer = graph.agreement(call, tolerance)
        if not answer.agrees:
            return [call], answer.reason
    return [], ""
