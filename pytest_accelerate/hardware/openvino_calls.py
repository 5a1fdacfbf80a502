"""What generation calls its modules with, and what they answer: the specimens of their graphs.

A module may do more than answer. It changes what it is given, as transducers do with the state of
their decoder, or keeps something in itself for its next call, as recurrent_gemma does. A graph does
neither: it takes what is kept as one more input, and makes what becomes of both as further outputs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from pytest_accelerate.hardware.generation import Call, greedily, watching
from pytest_accelerate.hardware.layout import lays_out
from pytest_accelerate.hardware.leaves import filled, leaves

CACHES = (
    "past_key_values",
    "cache",
    "cache_params",
    "state",
    "mems",
    "past_buckets_states",
    "encoder_past_key_values",
    "padding_cache",
)
"""What transformers calls the inputs that are handed on from call to call."""
KEPT = "kept"
"""The name, among the tensors of a call, of those that its module keeps in itself."""
_CHANGED = "changed"
_SIZES = 2
"""Most sizes for which a module gets graphs of their own: an image's and a video's."""


@dataclass(frozen=True)
class Outcome:
    """What a call comes to."""

    output: Any
    changes: Mapping[str, Any]
    """Those of its arguments that the module changes in place and that later calls read, as they
    are afterwards."""
    kept: Mapping[str, torch.Tensor]
    """What the module keeps in itself for its next call, by path."""

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors by dotted name: those that a graph of the module has to make."""
        return leaves(self.output) | leaves({_CHANGED: self.changes, KEPT: self.kept})

    def filled(self, tensors: Mapping[str, torch.Tensor]) -> Outcome:
        """The same with other tensors, of which each has the name of one of these."""
        return Outcome(
            filled(self.output, tensors),
            filled(self.changes, tensors, _CHANGED),
            filled(self.kept, tensors, KEPT),
        )


_NOTHING = Outcome(None, {}, {})


@dataclass
class WatchedCall:
    """One call of a module, as it was before and after."""

    module: torch.nn.Module
    arguments: dict[str, Any]
    """Copies, by name."""
    kept: dict[str, torch.Tensor]
    """What the module kept in itself when it was called, by path."""
    continues: bool
    """Whether it was given the very cache that an earlier call handed on."""
    outcome: Outcome

    @property
    def taken(self) -> dict[str, torch.Tensor]:
        """All tensors that it depends on by dotted name, weights apart."""
        return taken_by(self.arguments, self.kept)


def taken_by(
    arguments: Mapping[str, Any], kept: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """All tensors of a call by dotted name: of its arguments, and what its module keeps."""
    return leaves({**arguments, KEPT: kept})


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
    def of(
        cls, arguments: Mapping[str, Any], kept: Mapping[str, torch.Tensor], *, sized: bool
    ) -> Signature:
        """The signature of a call with these arguments, of a module that keeps these tensors."""
        found = sorted(taken_by(arguments, kept).items())
        return cls(
            tuple((name, leaf.dim(), leaf.dtype) for name, leaf in found),
            tuple(
                (name, value)
                for name, value in sorted(arguments.items())
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


@dataclass(frozen=True)
class Group:
    """Calls that one graph answers."""

    signature: Signature
    calls: tuple[WatchedCall, ...]

    @property
    def fixed(self) -> bool:
        """Whether the calls are of the same sizes throughout, and the graph needs no others."""
        return self.signature.sizes is not None

    @property
    def first(self) -> WatchedCall:
        """The call that the graph is made from."""
        return self.calls[0]

    def made_from(self, call: WatchedCall) -> Group:
        """The group with another of its calls as the first."""
        others = tuple(other for other in self.calls if other is not call)
        return Group(self.signature, (call, *others))

    def by_size(self) -> list[Group]:
        """The calls of the same sizes together."""
        sized: dict[Signature, list[WatchedCall]] = {}
        for call in self.calls:
            sized.setdefault(Signature.of(call.arguments, call.kept, sized=True), []).append(call)
        return [Group(signature, tuple(calls)) for signature, calls in sized.items()]


def groups_of(calls: Iterable[WatchedCall]) -> list[Group]:
    """Calls of one graph together: a graph of fixed sizes where a module sees but a few of them."""
    alike: dict[tuple[int, Signature], list[WatchedCall]] = {}
    for call in calls:
        key = (id(call.module), Signature.of(call.arguments, call.kept, sized=False))
        alike.setdefault(key, []).append(call)
    groups: list[Group] = []
    for (_, signature), members in alike.items():
        group = Group(signature, tuple(members))
        sized = group.by_size()
        if len(members) > 1 and (signature.goes_on or len(sized) > _SIZES):
            groups.append(group)
        else:
            groups += sized
    return groups


def watched(model: Any, prompt: Mapping[str, Any], tokens: int) -> list[WatchedCall]:
    """The calls that ``generate`` makes, in their order.

    Args:
        model: left as it was.
        prompt: keyword arguments of ``generate``.
        tokens: how many follow the prompt.
    """
    watch = _Watch()
    with keeping(model), watching(model.modules(), before=watch.before, after=watch.after):
        greedily(model, prompt, tokens)
    return watch.seen()


class _Watch:
    """Sees calls, and what of one the later ones know beside its output."""

    def __init__(self) -> None:
        self._calls: list[WatchedCall] = []
        # What a module changed and did not hand on, and the caches that it did, by id; kept, so
        # that nothing else gets the id.
        self._changed: dict[int, tuple[Any, torch.nn.Module, str]] = {}
        self._handed: dict[int, Any] = {}
        self._read: set[tuple[int, str]] = set()

    def before(self, call: Call) -> None:
        """Take down what a module is given, before it changes it."""
        for value in call.inputs.values():
            if id(value) in self._changed:
                _, module, name = self._changed[id(value)]
                self._read.add((id(module), name))
        seen = WatchedCall(
            call.module,
            copy.deepcopy(call.inputs),
            copy.deepcopy(kept_by(call.module)),
            continues=id(cache_in(call.inputs)) in self._handed,
            outcome=_NOTHING,
        )
        self._calls.append(seen)

    def after(self, call: Call) -> None:
        """Take down what came of it."""
        seen = self._calls[-1]
        changes = {name: call.inputs[name] for name in _changed(seen, call)}
        self._changed |= {id(value): (value, call.module, name) for name, value in changes.items()}
        cache = cache_in(call.output)
        if cache is not None:
            self._handed[id(cache)] = cache
        seen.outcome = copy.deepcopy(Outcome(call.output, changes, kept_by(call.module)))

    def seen(self) -> list[WatchedCall]:
        """The calls, without what no later one can know."""
        changing = {
            (id(call.module), path)
            for call in self._calls
            for path, value in call.outcome.kept.items()
            if not _same(call.kept.get(path), value)
        }
        for call in self._calls:
            module = id(call.module)
            call.kept = {k: v for k, v in call.kept.items() if (module, k) in changing}
            call.outcome = Outcome(
                call.outcome.output,
                {k: v for k, v in call.outcome.changes.items() if (module, k) in self._read},
                {k: v for k, v in call.outcome.kept.items() if (module, k) in changing},
            )
        return self._calls


def _changed(before: WatchedCall, now: Call) -> list[str]:
    """The arguments that a module has changed and does not hand on."""
    tensors = leaves(before.arguments)
    handed_on = {name.partition(".")[0] for name in leaves(now.output)} & {*CACHES}
    changed = {
        name.partition(".")[0]
        for name, leaf in leaves(now.inputs).items()
        if not _same(tensors.get(name), leaf) and not leaf.isnan().any()
    }
    return sorted(changed - handed_on)


def _same(before: torch.Tensor | None, after: torch.Tensor) -> bool:
    return before is not None and before.shape == after.shape and torch.equal(before, after)


def cache_in(values: Any) -> Any:
    """What is handed on from call to call among arguments or outputs; ``None`` for nothing."""
    if not isinstance(values, Mapping):
        return None
    return next((values[name] for name in CACHES if values.get(name) is not None), None)


def kept_by(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors that a module and its parts have as plain attributes, by path."""
    return {
        f"{path}.{name}" if path else name: value
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if isinstance(value, torch.Tensor)
    }


def keep(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Have a module keep these tensors, by their paths."""
    for path, value in tensors.items():
        part, _, name = path.rpartition(".")
        setattr(module.get_submodule(part), name, value)


@contextmanager
def keeping(module: torch.nn.Module) -> Iterator[None]:
    """Let a module keep afterwards what it keeps now."""
    before = [(part, dict(vars(part))) for part in module.modules()]
    values = [(value, value.clone()) for value in kept_by(module).values()]
    try:
        yield
    finally:
        for value, copied in values:
            value.copy_(copied)
        for part, attributes in before:
            _restore(part, attributes)


def _restore(part: torch.nn.Module, attributes: Mapping[str, Any]) -> None:
    """Give a module the tensors that it had among its attributes, and take others away."""
    for name, value in list(vars(part).items()):
        earlier = attributes.get(name)
        if earlier is value or not isinstance(earlier, torch.Tensor | None):
            continue
        if name in attributes:
            setattr(part, name, earlier)
        elif isinstance(value, torch.Tensor):
            delattr(part, name)


def change(value: Any, changed: Any) -> None:
    """Make a value, in place, what it is after a call.

    Args:
        value: an argument of the call.
        changed: one of its kind, with the tensors that it is to have.
    """
    if isinstance(value, torch.Tensor):
        value.copy_(changed)
    elif isinstance(value, Mapping):
        for key in changed:
            value[key] = changed[key]  # type: ignore[index]
    elif isinstance(value, list):
        value[:] = changed
    elif isinstance(value, tuple):
        for item, changed_item in zip(value, changed, strict=True):
            change(item, changed_item)
    else:
        vars(value).update(vars(changed))
