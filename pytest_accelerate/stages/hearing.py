"""Whether a model's outputs hear its weights and its inputs: an agreement of the deaf is empty.

A tensor is heard when noise added to it moves some output by more than the tolerance. One backward
pass from a random projection of the outputs tells it for most of them at once: to first order the
noise moves the outputs by the gradient's norm times its size, and among ``n`` entries the one that
moves most moves by at least that over ``sqrt(n)``. Where that does not suffice, or gradients do not
flow, noise is added to the one tensor. All of it happens on the CPU, in fp32.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.zoo.specimen import Specimen
from pytest_accelerate.zoo.unheard import Unheard, rule_for

NOISE = 0.3
"""Standard deviation of the noise, in units of the root mean square of what it is added to."""
LEAST_NOISE = 1e-3
"""The same for what is all zero."""
ROUNDING = 1e-5
"""What cancels in exact arithmetic moves an output by less than this in fp32."""
MUCH = 10.0
"""So much more noise for what :data:`NOISE` moves nothing by, to the bit."""
MOST_RUNS = 1000
"""Forward passes of a hearing; what is in doubt after them was not asked. The zoo takes 160 at most
(sam3_video). A bound in seconds would make a verdict depend on the machine."""

Outputs = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Hearing:
    """What was heard."""

    tensors: int
    """Weight tensors of the model."""
    excused: Mapping[str, int] = field(default_factory=dict)
    """Tensors that no output can hear, counted by the reason of their rule."""
    deaf: tuple[str, ...] = ()
    """Weight tensors that are not heard, without a rule."""
    deaf_modalities: tuple[str, ...] = ()
    """Modalities that are fed and not heard."""
    unasked: int = 0
    """Weight tensors in doubt after :data:`MOST_RUNS`."""

    @property
    def heard(self) -> int:
        """Weight tensors that are heard."""
        return self.tensors - len(self.deaf) - sum(self.excused.values()) - self.unasked

    @property
    def complaint(self) -> str:
        """One line about what is not heard; empty where all is."""
        parts = []
        if self.deaf_modalities:
            parts.append(f"does not hear its {', '.join(self.deaf_modalities)}")
        if self.deaf:
            more = f" and {len(self.deaf) - 1} more" if len(self.deaf) > 1 else ""
            parts.append(f"does not hear its weight {self.deaf[0]}{more}")
        if self.unasked:
            parts.append(
                f"heard {self.heard} of {self.tensors} weights in {MOST_RUNS} runs; "
                f"{self.unasked} not asked"
            )
        return "; ".join(parts)


def hear(specimen: Specimen, tolerance: float) -> Hearing:
    """Find out what the outputs of a specimen hear.

    Args:
        specimen: left as it was.
        tolerance: on ``max|a-b| / max|ref|`` of an output: what moves it by more is heard.
    """
    with _one_thread():
        return _hear(specimen, tolerance)


def _hear(specimen: Specimen, tolerance: float) -> Hearing:
    listener = _Listener(specimen, tolerance)
    unheard = listener.weights()
    out_of_question = {*unheard, *listener.unasked}
    heard = [name for name in listener.parameters if name not in out_of_question]
    excused: Counter[str] = Counter()
    deaf = []
    for name, moved in unheard.items():
        rule = rule_for(name, specimen.unheard)
        if rule is not None and _holds(rule, name, moved, heard, specimen):
            excused[rule.why] += 1
        else:
            deaf.append(name)
    return Hearing(
        tensors=len(listener.parameters),
        excused=dict(excused),
        deaf=tuple(deaf),
        deaf_modalities=tuple(
            modality
            for modality, names in sorted(specimen.carriers.items())
            if not any(listener.hears_input(name) for name in names)
        ),
        unasked=len(listener.unasked),
    )


def _holds(
    rule: Unheard, name: str, moved: float, heard: Sequence[str], specimen: Specimen
) -> bool:
    """Whether what a rule claims is what was measured."""
    if moved > 0.0 and not rule.cancels:
        return False
    if moved > ROUNDING and not _cancels(name, specimen):
        return False
    alike = rule.alike(name)
    return alike is None or any(alike.fullmatch(other) for other in heard)


def _cancels(name: str, specimen: Specimen) -> bool:
    """Whether a tensor cancels in float64 as well, where the rounding of float32 does not reach.

    Some models magnify it past :data:`ROUNDING`: pp_doclayout_v2 to 2.7e-5.
    """
    inputs = {
        key: value.double()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
        else value
        for key, value in specimen.inputs.items()
    }
    model = copy.deepcopy(specimen.model).double()
    try:
        listener = _Listener(replace(specimen, model=model, inputs=inputs), ROUNDING)
    except Exception:
        return False  # it has no float64
    return listener.moved_by([name]) <= ROUNDING**2


class _Listener:
    """One model and its undisturbed outputs."""

    def __init__(self, specimen: Specimen, tolerance: float) -> None:
        self._model, self._inputs, self._tolerance = specimen.model, specimen.inputs, tolerance
        self.parameters = {
            name: parameter
            for name, parameter in specimen.model.named_parameters()
            if parameter.is_floating_point() and parameter.numel()
        }
        self.unasked: list[str] = []
        """Weights that were in doubt when the runs were spent; known after :meth:`weights`."""
        self._runs = 0
        self._generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            self._undisturbed = self._outputs(self._inputs)
        floats = _floats(self._undisturbed)
        self._scales = {name: _scale(value) for name, value in floats.items()}
        self._entries = max(sum(value.numel() for value in floats.values()), 1)

    def _outputs(self, inputs: Mapping[str, Any]) -> Outputs:
        self._runs += 1
        # Some models write into what they are given.
        return {name: value.clone() for name, value in
                flatten(self._model(**copy.deepcopy(dict(inputs)))).items()}  # fmt: skip

    def weights(self) -> dict[str, float]:
        """The tensors that are not heard, and by how much noise in each moves an output."""
        gradients = self._gradients()
        doubtful = [name for name in self.parameters if not self._surely(name, gradients)]
        # What takes no part at all, often half of a model, is disturbed together.
        apart = [name for name in doubtful if gradients.get(name, math.nan) in (None, 0.0)]
        moves = self._moves_by_each(apart)
        moves.update({name: self.moved_by([name]) for name in doubtful if name not in moves})
        # What acts by a choice alone (a code, a duration) takes more to choose otherwise.
        unmoved = [name for name in doubtful if moves[name] == 0.0]
        moves.update(self._moves_by_each(unmoved, MUCH))
        self.unasked = [name for name in doubtful if math.isnan(moves[name])]
        return {name: moves[name] for name in doubtful if moves[name] <= self._tolerance}

    def _moves_by_each(self, names: Sequence[str], times: float = 1.0) -> dict[str, float]:
        """How far noise in each tensor moves an output, of many that move none.

        Those that move nothing together move nothing alone; others are quartered until they stand
        alone: where few move it takes as many runs as halving, and two thirds where all do.
        """
        if not names:
            return {}
        moved = self.moved_by(names, times)
        if len(names) == 1 or moved == 0.0:
            return dict.fromkeys(names, moved)
        quarter = -(-len(names) // 4)
        moves: dict[str, float] = {}
        for start in range(0, len(names), quarter):
            moves |= self._moves_by_each(names[start : start + quarter], times)
        return moves

    def _surely(self, name: str, gradients: Mapping[str, float | None]) -> bool:
        gradient = gradients.get(name)
        if gradient is None or not math.isfinite(gradient):
            return False
        moved = gradient * _noise(self.parameters[name]) / math.sqrt(self._entries)
        return moved > self._tolerance

    def _gradients(self) -> dict[str, float | None]:
        """Norms of the gradients of a random projection; ``None`` for what takes no part.

        Empty where gradients do not flow.
        """
        for way in (_through_no_grad, nullcontext):
            with suppress(Exception):  # written in place, or without a derivative
                return self._gradients_of_one_pass(way)
        return {}

    def _gradients_of_one_pass(
        self, way: Callable[[], AbstractContextManager[None]]
    ) -> dict[str, float | None]:
        parameters = list(self.parameters.values())
        with _requiring_gradients(parameters), torch.enable_grad(), way():
            projected = self._projection()
            if projected is None:
                return {}
            found = torch.autograd.grad(projected, parameters, allow_unused=True)
        return {
            name: None if gradient is None else float(gradient.double().norm())
            for name, gradient in zip(self.parameters, found, strict=True)
        }

    def _projection(self) -> torch.Tensor | None:
        parts = []
        for name, value in _floats(self._outputs(self._inputs)).items():
            if not value.requires_grad:
                continue
            direction = torch.randn(value.shape, generator=self._generator)
            finite = torch.isfinite(value)
            parts.append((torch.where(finite, value, 0.0) * direction).sum() / self._scales[name])
        return torch.stack(parts).sum() if parts else None

    def moved_by(self, names: Sequence[str], times: float = 1.0) -> float:
        """How far an output moves when noise is added to tensors; NaN when no run is left."""
        if self._runs >= MOST_RUNS:
            return math.nan
        tensors = [self.parameters[name] for name in names]
        before = [tensor.detach().clone() for tensor in tensors]
        try:
            with torch.no_grad():
                for tensor in tensors:
                    noise = torch.randn(tensor.shape, generator=self._generator)
                    tensor.add_((noise * times * _noise(tensor)).to(tensor.dtype))
                return self._moved(self._inputs)
        finally:
            with torch.no_grad():
                for tensor, kept in zip(tensors, before, strict=True):
                    tensor.copy_(kept)

    def hears_input(self, name: str) -> bool:
        """Whether an output moves when one input is changed."""
        value = self._inputs[name]
        if not isinstance(value, torch.Tensor):
            return True  # lists of tensors, of images in other sizes: run, and not looked into
        with torch.no_grad():
            return any(
                self._moved({**self._inputs, name: changed}) > self._tolerance
                for changed in other_values(value, self._generator)
            )

    def _moved(self, inputs: Mapping[str, Any]) -> float:
        """The largest relative movement of an output; infinite where it is another one at all."""
        try:
            outputs = self._outputs(inputs)
        except Exception:
            return math.inf  # what makes it fail is not unheard
        if list(outputs) != list(self._undisturbed):
            return math.inf
        return max(
            (_movement(outputs[name], before) for name, before in self._undisturbed.items()),
            default=0.0,
        )


def other_values(value: torch.Tensor, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Other values of an input that are valid as well."""
    if value.is_floating_point():
        noise = torch.randn(value.shape, generator=generator)
        yield value + noise * max(NOISE * float(value.std()), LEAST_NOISE)
        return
    if value.dtype is torch.bool:
        yield ~value
        return
    for axis in range(value.dim()):  # the same values in another order
        yield value.flip(axis)
        yield value.roll(1, axis)


def _movement(now: torch.Tensor, before: torch.Tensor) -> float:
    if now.shape != before.shape:
        return math.inf
    if torch.equal(now, before):
        return 0.0
    if before.is_complex():
        now, before = torch.view_as_real(now), torch.view_as_real(before)
    if not before.is_floating_point():
        return math.inf
    finite = torch.isfinite(before)
    if not torch.equal(finite, torch.isfinite(now)):
        return math.inf
    if not finite.any():
        return 0.0
    return float((now - before)[finite].abs().max()) / _scale(before)


def _floats(outputs: Outputs) -> Outputs:
    return {
        name: torch.view_as_real(value) if value.is_complex() else value
        for name, value in outputs.items()
        if value.is_floating_point() or value.is_complex()
    }


def _scale(value: torch.Tensor) -> float:
    finite = value[torch.isfinite(value)]
    return (float(finite.abs().max()) if finite.numel() else 0.0) or 1.0


def _noise(tensor: torch.Tensor) -> float:
    return max(NOISE * float(tensor.detach().double().pow(2).mean().sqrt()), LEAST_NOISE)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Tensors of a tiny model are not worth sharing: two threads take 20 times as long where other
    processes keep the cores busy, as they wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _through_no_grad() -> Iterator[None]:
    """Let gradients flow through what a model runs under ``torch.no_grad``.

    vibevoice_asr encodes its sound so: 172 of its tensors would be disturbed one by one.
    """
    guard: Any = torch.no_grad
    before = guard.__enter__

    def enter(self: Any) -> None:
        self.prev = torch.is_grad_enabled()

    guard.__enter__ = enter
    try:
        yield
    finally:
        guard.__enter__ = before


@contextmanager
def _requiring_gradients(parameters: Sequence[torch.Tensor]) -> Iterator[None]:
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
