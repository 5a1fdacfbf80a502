"""Generating text greedily with transformers' own loop, and what is seen of it step by step.

``generate`` calls a few modules one after another: an encoder, the model itself for each token, a
codec at the end. Those that nothing else calls are the *outermost* ones. On hardware that does not
run torch it is they that run there, and the loop between them is the same everywhere.
"""

from __future__ import annotations

import copy
import inspect
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch

from pytest_accelerate.hardware.outputs import flatten

_PLACEHOLDER = re.compile(r"^(image|video|audio|vision|frame)\w*_token_(id|index)$")


@dataclass(frozen=True)
class Step:
    """One call of the part of a model that says which token follows."""

    logits: torch.Tensor
    """(rows, ..., vocabulary) fp32 on the CPU: of the last position alone."""
    fed: int
    """Tokens of each row that it was given: few, wherever a cache holds those before."""
    finished: float
    """When, in seconds of ``time.perf_counter``."""


@dataclass(frozen=True)
class Generation:
    """What one call of ``generate`` came to."""

    outputs: Mapping[str, torch.Tensor]
    """What it returned, CPU tensors by name: ``output`` where it is one, of tokens or of sound."""
    steps: tuple[Step, ...]

    @property
    def cached(self) -> bool:
        """Whether most steps were given no more than the one before, as the text grew longer."""
        grown = [later.fed > step.fed for step, later in pairwise(self.steps)]
        return len(grown) > 1 and sum(grown) * 2 < len(grown)

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens of all rows a second, once the prompt was read."""
        if len(self.steps) < 3:
            return None
        seconds = self.steps[-1].finished - self.steps[0].finished
        return (len(self.steps) - 1) * self.steps[0].logits.shape[0] / seconds


@dataclass
class Call:
    """One call of an outermost module."""

    module: torch.nn.Module
    inputs: dict[str, Any]
    """Its arguments by name, as they are: a module may change them."""
    output: Any = field(default=None)


def generate(
    model: Any, prompt: Mapping[str, Any], tokens: int, *, cache: bool = True, timed: bool = False
) -> Generation:
    """Let a model generate greedily, always the same number of tokens.

    Args:
        model: of a class with transformers' ``generate``; left as it was.
        prompt: keyword arguments of ``generate``, on the model's device; left as they were.
        tokens: how many follow the prompt.
        cache: whether what was computed for earlier tokens is kept, or computed anew each time.
        timed: whether the times of the steps are to be those of the model: it runs twice then.
    """
    steps: list[Step] = []

    def note(call: Call) -> None:
        logits = getattr(call.output, "logits", None)
        if isinstance(logits, torch.Tensor) and logits.dim() > 2:
            last = logits[:, -1].detach().float().cpu().clone()
            steps.append(Step(last, _tokens_in(call.inputs), time.perf_counter()))

    # Watching all modules costs as much as they themselves do where they are tiny.
    modules = outermost(model, prompt, tokens) if timed else list(model.modules())
    with watching(modules, after=note):
        returned = greedily(model, prompt, tokens, cache=cache)
    outputs = {name: value.detach().cpu() for name, value in flatten(returned).items()}
    return Generation(outputs, tuple(steps))


def outermost(model: Any, prompt: Mapping[str, Any], tokens: int) -> list[torch.nn.Module]:
    """The modules that ``generate`` itself calls."""
    called: dict[int, torch.nn.Module] = {}

    def note(call: Call) -> None:
        called[id(call.module)] = call.module

    with watching(model.modules(), after=note):
        greedily(model, prompt, tokens)
    return list(called.values())


def greedily(model: Any, prompt: Mapping[str, Any], tokens: int, *, cache: bool = True) -> Any:
    """What ``generate`` returns under settings that take the likeliest token and stop at none."""
    with _greedy(model, tokens, cache), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # vibevoice begins each piece of sound with noise
        return model.generate(**copy.deepcopy(dict(prompt)))


@contextmanager
def watching(
    modules: Iterable[torch.nn.Module],
    *,
    before: Callable[[Call], None] | None = None,
    after: Callable[[Call], None] | None = None,
) -> Iterator[None]:
    """Be told of the calls of modules that no other of them makes."""
    depth = 0

    def enter(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and before is not None:
            before(Call(module, named(module, args, kwargs)))

    def leave(module: torch.nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        nonlocal depth
        depth -= 1
        if depth == 0 and after is not None:
            after(Call(module, named(module, args, kwargs), output))

    hooks = []
    try:
        for module in modules:
            hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
            hooks.append(module.register_forward_hook(leave, with_kwargs=True))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def named(module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a module's forward by name, those of ``**kwargs`` among them."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs)
    arguments = dict(bound.arguments)
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(name, {})
        elif parameter.kind is parameter.VAR_POSITIONAL and not arguments.get(name):
            arguments.pop(name, None)
    return arguments


def _tokens_in(inputs: Mapping[str, Any]) -> int:
    for name in (
        "decoder_input_ids",
        "inputs_embeds",
        "decoder_inputs_embeds",
        "input_ids",
        "audio_input_ids",
    ):
        value = inputs.get(name)
        if isinstance(value, torch.Tensor) and value.dim() > 1:
            return value.shape[1]
    return 0


@contextmanager
def _greedy(model: Any, tokens: int, cache: bool) -> Iterator[None]:
    """Settings under which the likeliest token is taken, and none ends the generation early."""
    before = {part: part.generation_config for part in _generating(model)}
    for part, config in before.items():
        changed = copy.deepcopy(config)
        changed.update(
            do_sample=False,
            num_beams=1,
            max_length=None,
            max_new_tokens=tokens,
            min_new_tokens=None,
            use_cache=cache,
            eos_token_id=None,
            suppress_tokens=_placeholders(model) or None,
            pad_token_id=_first_number(config.pad_token_id, config.eos_token_id),
            decoder_start_token_id=_first_number(
                config.decoder_start_token_id, config.bos_token_id, config.pad_token_id
            ),
        )
        for name, value in vars(changed).items():
            if isinstance(value, dict) and name.endswith("_config"):  # bark's, of its parts
                setattr(changed, name, {**value, "use_cache": cache})
        part.generation_config = changed
    try:
        yield
    finally:
        for part, config in before.items():
            part.generation_config = config


def _generating(model: Any) -> list[Any]:
    """The model, and those of its parts that it lets generate."""
    found = (part for part in model.modules() if hasattr(part, "generate"))
    return [part for part in found if getattr(part, "generation_config", None) is not None]


def _placeholders(model: Any) -> list[int]:
    """The tokens that stand for what is seen or heard: one that is generated would want another."""
    from transformers import GenerationMixin, PreTrainedConfig

    mixin: Any = GenerationMixin
    if type(model)._sample is not mixin._sample:
        return []  # a loop of the type's own, which may choose something other than text
    found: set[int] = set()
    parts = [model.config]
    while parts:
        part = parts.pop()
        for name, value in vars(part).items():
            if isinstance(value, PreTrainedConfig):
                parts.append(value)
            elif _PLACEHOLDER.search(name) and type(value) is int and value >= 0:
                found.add(value)
    vocabulary = model.config.get_text_config(decoder=True).vocab_size if found else 0
    return sorted(token for token in found if token < vocabulary)


def _first_number(*values: Any) -> int:
    """The first that is a token, also of a list of them; 0 where none is."""
    for value in values:
        for token in value if isinstance(value, list | tuple) else [value]:
            if isinstance(token, int) and token >= 0:
                return token
    return 0
