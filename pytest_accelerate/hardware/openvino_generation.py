"""Generation on OpenVINO: transformers' own loop, and every module that it calls a graph there.

That holds for all models alike: an encoder is one graph, a decoder two of them
(:mod:`pytest_accelerate.hardware.openvino_steps`), the codec that makes sound of tokens another.
What remains in Python is what transformers has between the calls: choosing the likeliest token.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch

from pytest_accelerate.errors import UnsupportedOperation
from pytest_accelerate.hardware.generation import (
    Call,
    Generation,
    generate,
    greedily,
    named,
    watching,
)
from pytest_accelerate.hardware.leaves import leaves
from pytest_accelerate.hardware.openvino_conversion import broadcast_masks
from pytest_accelerate.hardware.openvino_experts import all_experts
from pytest_accelerate.hardware.openvino_policy import cheapest
from pytest_accelerate.hardware.openvino_step_conversion import (
    CACHES,
    ConvertedStep,
    export_step,
    trace_step,
)
from pytest_accelerate.hardware.openvino_steps import Compile, Signature, StepGraph, cache_in
from pytest_accelerate.zoo.generating_specimen import GeneratingSpecimen

_PATHS = {"trace": trace_step, "export": export_step}
_SIZES = 2
"""Most sizes for which a module gets graphs of their own: an image's and a video's."""

Group = tuple[Signature, list[Call]]
Graphs = dict[Signature, StepGraph]


class ChangedInPlace(Exception):
    """A module changes what it is given and does not return it, which no graph does."""


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
            ChangedInPlace: a graph cannot do what a module does.
        """
        self._model: Any = specimen.model
        groups = _groups(_called(self._model, specimen.prompt, tokens))
        self._graphs: dict[int, Graphs] = {}
        self._of_each_size = False
        tracing = (all_experts(self._model), _whole_caches(), broadcast_masks())
        with ExitStack() as stack, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for context in tracing:
                stack.enter_context(context)
            for group in groups:
                made = _graphs(group, compile_model, tolerance)
                self._graphs.setdefault(id(group[1][0].module), {}).update(made)
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
        return "; ".join(filter(None, (graph.disagreement for graph in self._all_graphs)))

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
        with self._in_place(), _whole_caches():
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
        self.__wrapped__ = module.forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs = named(self._module, args, kwargs)
        for sized in (True, False):
            graph = self._graphs.get(Signature.of(inputs, sized=sized))
            if graph is not None:
                return graph(inputs)
        kind = type(self._module).__name__
        raise UnsupportedOperation(f"{kind} is called in a way that it was not converted for")


def _called(model: Any, prompt: Mapping[str, Any], tokens: int) -> list[Call]:
    """The calls that ``generate`` makes, in their order."""
    calls: list[Call] = []
    # What a module changed and did not hand on, and the caches that it did, by id; kept, so that
    # nothing else gets the id.
    changed: dict[int, tuple[Any, str]] = {}
    handed: dict[int, Any] = {}

    def before(call: Call) -> None:
        for value in call.inputs.values():
            if id(value) in changed:
                raise ChangedInPlace(f"{changed[id(value)][1]}, which no graph does")
        continues = id(cache_in(call.inputs)) in handed
        calls.append(Call(call.module, copy.deepcopy(call.inputs), continues=continues))

    def after(call: Call) -> None:
        calls[-1].output = copy.deepcopy(call.output)
        cache = cache_in(call.output)
        if cache is not None:
            handed[id(cache)] = cache
        if name := _changed(calls[-1], call.inputs):
            kind = type(call.module).__name__
            told = f"{kind} changes its {name}, does not return it, and a later call reads it"
            changed[id(call.inputs[name])] = (call.inputs[name], told)

    with _whole_caches(), watching(model.modules(), before=before, after=after):
        greedily(model, prompt, tokens)
    return calls


def _changed(call: Call, now: Mapping[str, Any]) -> str:
    """The argument that a module has changed and does not hand on, if there is one."""
    before = leaves(call.inputs)
    handed_on = {name.partition(".")[0] for name in leaves(call.output)} & {*CACHES}
    for name, leaf in leaves(dict(now)).items():
        argument = name.partition(".")[0]
        same = name in before and torch.equal(before[name], leaf)
        if argument not in handed_on and not same and not leaf.isnan().any():
            return argument
    return ""


def _groups(calls: list[Call]) -> list[Group]:
    """Calls of one graph together: a graph of fixed sizes where a module sees but a few of them."""
    alike: dict[tuple[int, Signature], list[Call]] = {}
    for call in calls:
        key = (id(call.module), Signature.of(call.inputs, sized=False))
        alike.setdefault(key, []).append(call)
    groups: list[Group] = []
    for (_, signature), members in alike.items():
        sized = _by_size(members)
        if signature.goes_on or len(sized) > _SIZES:
            groups.append((signature, members))
        else:
            groups += [(fixed, found[:1]) for fixed, found in sized.items()]
    return groups


def _by_size(calls: Sequence[Call]) -> dict[Signature, list[Call]]:
    """Calls with inputs of the same sizes together."""
    sized: dict[Signature, list[Call]] = {}
    for call in calls:
        sized.setdefault(Signature.of(call.inputs, sized=True), []).append(call)
    return sized


def _graphs(group: Group, compile_model: Compile, tolerance: float) -> Graphs:
    """By the cheaper path, or by a dearer one where that answers otherwise than the module.

    Where no graph holds for all sizes, each size gets one of its own, without a state. That is a
    module which makes sizes numbers of Python: cpmant has a list of ``range(length)``, and moshi's
    decoder of codebooks as many embeddings as codebooks, of which the length of the cache chooses.
    Eight such traces take 3 s, and one graph of the exporter's 4 to 10 s.
    """
    signature, calls = group
    kind = type(calls[0].module).__name__

    def by(convert: Callable[[Sequence[Call]], ConvertedStep]) -> tuple[Graphs, str]:
        graph = StepGraph(convert(calls), calls, compile_model)
        return {signature: graph}, _difference(graph, calls, tolerance)

    def by_size() -> tuple[Graphs, str]:
        made: Graphs = {}
        differences: list[str] = []
        for size, alike in _by_size(calls).items():
            made[size] = StepGraph(trace_step(alike[:1]), alike[:1], compile_model)
            differences.append(_difference(made[size], alike, tolerance))
        return made, next(filter(None, differences), "")

    paths: dict[str, Callable[[], tuple[Graphs, str]]] = {}
    for path, convert in _PATHS.items():
        paths[f"{path} of {kind}"] = partial(by, convert)
        if convert is trace_step and len(calls) > 1:
            paths[f"trace of {kind} in each size"] = by_size
    reached = cheapest(paths)
    if reached.disagreement:
        for graph in reached.made.values():
            graph.disagreement = f"{graph.path} of {kind}: {reached.disagreement}"
    return reached.made


def _difference(graph: StepGraph, calls: Sequence[Call], tolerance: float) -> str:
    """How a graph answers otherwise than its module did in one of the calls; empty for alike."""
    answers = [graph.agreement(call, tolerance) for call in calls]
    return next((answer.reason for answer in answers if not answer.agrees), "")


@contextmanager
def _whole_caches() -> Iterator[None]:
    """Let a layer with a window keep all tokens: its mask keeps it to the window anyway.

    It counts tokens in a Python number, which a trace cannot follow. transformers' exporters do the
    same. A layer that keeps a prompt beside its window (unlimited_ocr) adds the prompt's length to
    both sizes, so neither may be derived from the other as it has it.
    """
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    length = DynamicLayer.get_seq_length

    # The exporter looks it up again by its name.
    def get_mask_sizes(layer: DynamicLayer, query_length: int) -> tuple[int, int]:
        return length(layer) + query_length, 0

    whole = {
        "update": DynamicLayer.update,
        "get_mask_sizes": get_mask_sizes,
        "get_seq_length": length,
    }
    before = {name: getattr(DynamicSlidingWindowLayer, name) for name in whole}
    for name, method in whole.items():
        setattr(DynamicSlidingWindowLayer, name, method)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(DynamicSlidingWindowLayer, name, method)
