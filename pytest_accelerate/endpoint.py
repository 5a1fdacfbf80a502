"""Endpoints: loaded models that are called like functions, outside pytest as well as in it.

::

    from pytest_accelerate import endpoints

    bert = endpoints("bert", "openvino", weights="tiny")
    output = bert(bert.example_inputs)
    output["last_hidden_state"], output.implementation_type

An endpoint with pretrained weights takes words, pictures and sound as well, by the tokenizer or
processor of its checkpoint: ``bert(text="Hello")``, ``clip(text=[...], images=["cat.png"])``,
``whisper(audio=samples, sampling_rate=16_000)``.

``endpoints(model_type, hardware)`` and ``endpoints[model_type][hardware]`` are the same handler. A
handler is real unless it was made by :meth:`Endpoints.mock`; nothing turns one into the other.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_accelerate import discovery
from pytest_accelerate import hardware as registry
from pytest_accelerate.cells import PRECISIONS, WEIGHTS, ModelCell
from pytest_accelerate.endpoint_inputs import InputRules, signature_of
from pytest_accelerate.endpoint_models import BUILDING, LoadedModels
from pytest_accelerate.endpoint_raw import is_raw, prepared
from pytest_accelerate.errors import (
    AccelerateError,
    HardwareUnavailable,
    InvalidInputs,
    NotConstructible,
    UnknownModelType,
    UnknownPrecision,
    UsageError,
)
from pytest_accelerate.vocabulary import ALLOWANCES

if TYPE_CHECKING:
    import torch

    from pytest_accelerate.hardware.base import LoadedModel
    from pytest_accelerate.zoo.specimen import Specimen

REAL, MOCK = "REAL", "MOCK"


@dataclass(frozen=True)
class EndpointOutput(Mapping[str, "torch.Tensor"]):
    """What one call gave: CPU tensors by dotted leaf name, and where they come from."""

    tensors: Mapping[str, torch.Tensor]
    cell: ModelCell
    implementation_type: str
    """``REAL`` or ``MOCK``."""
    weights: str
    """``tiny``, ``published``, ``pretrained``, or ``mock``."""

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


class _Callable(ABC):
    """The call forms that real and mock handlers share."""

    cell: ModelCell
    implementation_type: str

    def __call__(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> EndpointOutput:
        """Run one forward pass.

        Args:
            inputs: keyword arguments of the model's forward: tensors, arrays, nested lists of
                numbers, or what is not a tensor as it is; with pretrained weights ``text``,
                ``images`` and ``audio`` (with ``sampling_rate``) as well.
            named: more of the same.

        Raises:
            InvalidInputs: the model does not take these.
        """
        if inputs is not None and not isinstance(inputs, Mapping):
            raise InvalidInputs(
                f"{self.cell.id} takes a mapping of input names to values, "
                f"not {type(inputs).__name__}"
            )
        return self._answer({**(inputs or {}), **named})

    async def acall(
        self, inputs: Mapping[str, Any] | None = None, /, **named: Any
    ) -> EndpointOutput:
        """The same as a call, awaitable; the event loop goes on meanwhile."""
        return await asyncio.to_thread(self, inputs, **named)

    @abstractmethod
    def _answer(self, inputs: dict[str, Any]) -> EndpointOutput:
        """Run one forward pass on inputs that are a mapping."""

    def __repr__(self) -> str:
        return f"<endpoint {self.cell.id} {self.implementation_type}>"


class Endpoint(_Callable):
    """One model on one hardware, loaded at its first use; safe to call from many threads."""

    implementation_type = REAL

    def __init__(
        self,
        cell: ModelCell,
        weights: str,
        checkpoint: str | None,
        hardware_plugins: tuple[tuple[str, str], ...] = (),
        allow: tuple[str, ...] = (),
    ) -> None:
        self.cell = cell
        self.weights = weights
        self._checkpoint = checkpoint
        self._allow = allow
        self._hardware = registry.create(cell.hardware, hardware_plugins)
        if cell.precision not in self._hardware.precisions:
            raise UnknownPrecision(cell.precision, self._hardware.precisions, cell.hardware)
        self._specimen: Specimen | None = None
        self._rules: InputRules | None = None
        self._models = LoadedModels()

    @property
    def specimen(self) -> Specimen:
        """The model and example inputs behind the endpoint, built at first use.

        Raises:
            NotConstructible: it cannot be built, or is no model of its own.
        """
        if self._specimen is None:
            with BUILDING:
                if self._specimen is None:
                    self._specimen = self._construct()
        return self._specimen

    def _construct(self) -> Specimen:
        from pytest_accelerate import zoo
        from pytest_accelerate.zoo.specimen import CoveredBy, Skipped

        account = zoo.account(self.cell.model_type)
        if isinstance(account, CoveredBy):
            raise NotConstructible(
                f"{self.cell.model_type} has no forward pass of its own ({account.reason}); "
                f"use the type that it belongs to: {account.parent}"
            )
        if isinstance(account, Skipped):
            raise NotConstructible(f"{self.cell.model_type}: {account.reason}")
        return zoo.construct(self.cell.model_type, self.weights, self._checkpoint, self._allow)

    @property
    def example_inputs(self) -> dict[str, Any]:
        """Inputs that the model takes: feed them, or learn names, shapes and dtypes from them."""
        return copy.deepcopy(dict(self.specimen.inputs))

    @property
    def model_class(self) -> str:
        """Name of the model's class."""
        return self.specimen.model_class

    @property
    def loading(self) -> str:
        """Of pretrained weights, what came of the checkpoint: unused tensors, who feeds it."""
        return self.specimen.loading

    def prepare(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> dict[str, Any]:
        """What a call makes of its inputs: tensors by name, for a look or for more calls.

        Raises:
            InvalidInputs: the model, or its checkpoint's processor, does not take these.
        """
        rules = self._input_rules()
        return rules.check(self._tensors({**(inputs or {}), **named}, rules))

    def load(self) -> Endpoint:
        """Load now rather than at the first call.

        Raises:
            HardwareUnavailable: this machine does not have it.
            UnsupportedOperation: the backend cannot run the model.
        """
        with self._loaded_for(self.specimen.inputs):
            return self

    def _answer(self, inputs: dict[str, Any]) -> EndpointOutput:
        rules = self._input_rules()
        checked = rules.check(self._tensors(inputs, rules))
        try:
            with self._loaded_for(checked) as loaded:
                tensors = self._run(loaded, checked)
        except NotConstructible as error:
            # The model is built by now: it is these inputs on which it does not run.
            raise InvalidInputs(f"{self.cell.id}: {error}\n{rules.hint()}") from error
        return EndpointOutput(tensors, self.cell, self.implementation_type, self.weights)

    def _tensors(self, inputs: Mapping[str, Any], rules: InputRules) -> Mapping[str, Any]:
        """The inputs with tensors in the place of words, pictures and sound."""
        if not any(is_raw(name, rules.accepted) for name in inputs):
            return inputs
        return prepared(self.cell.id, self.specimen, inputs, rules)

    def _run(self, loaded: LoadedModel, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
        try:
            return loaded.run(inputs)
        except (AccelerateError, MemoryError):
            raise
        except Exception as error:
            raise InvalidInputs(
                f"{self.cell.id} cannot run on these inputs: {type(error).__name__}: {error}\n"
                f"{self._input_rules().hint()}"
            ) from error

    def _input_rules(self) -> InputRules:
        if self._rules is None:
            self._rules = InputRules.of(self.cell.id, self.specimen)
        return self._rules

    def _loaded_for(self, inputs: Mapping[str, Any]) -> AbstractContextManager[LoadedModel]:
        """The loaded model for inputs of this shape; converted anew where shapes are fixed."""
        key = signature_of(inputs) if self._hardware.fixed_shapes else None
        return self._models.using(key, lambda: self._load_for(inputs))

    def _load_for(self, inputs: Mapping[str, Any]) -> LoadedModel:
        if not self._models:
            self._require_hardware()
        specimen = replace(self.specimen, inputs=dict(inputs))
        return self._hardware.load(specimen, self.cell.precision)

    def _require_hardware(self) -> None:
        state = self._hardware.availability()
        if not state.available:
            raise HardwareUnavailable(self.cell.hardware, state.reason, state.remedy)

    def close(self) -> None:
        """Free the models on the device, in use after their last call; the next loads again."""
        self._models.close()

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class MockEndpoint(_Callable):
    """Answers with what it was given; says ``MOCK`` wherever an endpoint says what it is."""

    implementation_type = MOCK

    def __init__(self, cell: ModelCell, answer: Mapping[str, Any]) -> None:
        self.cell = cell
        self.calls: list[dict[str, Any]] = []
        """The inputs of each call so far."""
        self._tensors = dict(answer)

    def _answer(self, inputs: dict[str, Any]) -> EndpointOutput:
        self.calls.append(inputs)
        return EndpointOutput(self._tensors, self.cell, MOCK, "mock")


class Endpoints(Mapping[str, Mapping[str, Endpoint]]):
    """Every endpoint there is: ``endpoints(model_type, hardware)``, one handler for each."""

    def __init__(
        self,
        weights: str = "pretrained",
        hardware_plugins: tuple[tuple[str, str], ...] = (),
        recipe_modules: tuple[str, ...] = (),
        allow: Collection[str] = (),
    ) -> None:
        self._weights = weights
        self._allow = _allowed(allow)
        self._hardware_plugins = hardware_plugins
        self._recipe_modules = recipe_modules
        self._handlers: dict[tuple[object, ...], Endpoint] = {}
        self._lock = threading.Lock()
        self._names: tuple[str, ...] | None = None

    def __call__(
        self,
        model_type: str,
        hardware: str,
        *,
        precision: str = "fp32",
        weights: str | None = None,
        checkpoint: str | None = None,
        allow: Collection[str] = (),
    ) -> Endpoint:
        """The handler of a model type on some hardware, always the same one.

        Args:
            model_type: such as ``bert``.
            hardware: such as ``cpu``, ``cuda:1``, ``openvino``.
            precision: one of :data:`~pytest_accelerate.cells.PRECISIONS`.
            weights: ``tiny`` (random), ``published`` (random, full size) or ``pretrained``;
                outside pytest the default is ``pretrained``.
            checkpoint: Hub id, local folder or ``s3://bucket/prefix``; by default the one in
                ``mapped_models.json``.
            allow: what a checkpoint may bring that can run what its author wrote, and is refused
                otherwise: ``pickle`` for weights without safetensors, ``remote-code``.

        Raises:
            UnknownModelType, UnknownHardware, UnknownPrecision: no such thing.
            NotConstructible: pretrained weights are asked for and no checkpoint is mapped.
        """
        weights = weights or ("pretrained" if checkpoint is not None else self._weights)
        if weights not in WEIGHTS:
            raise UsageError(f"unknown weights {weights!r}; known: {', '.join(WEIGHTS)}")
        if precision not in PRECISIONS:
            raise UnknownPrecision(precision, PRECISIONS)
        if model_type not in self._model_types():
            raise UnknownModelType(model_type, self._model_types())
        if weights == "pretrained" and checkpoint is None:
            checkpoint = _mapped_checkpoint(model_type)
        cell = ModelCell(model_type, hardware, precision)
        allowed = _allowed((*self._allow, *_allowed(allow)))
        key = (cell, weights, checkpoint, allowed)
        with self._lock:
            if key not in self._handlers:
                self._handlers[key] = Endpoint(
                    cell, weights, checkpoint, self._hardware_plugins, allowed
                )
            return self._handlers[key]

    def mock(
        self,
        model_type: str,
        hardware: str,
        answer: Mapping[str, Any],
        *,
        precision: str = "fp32",
    ) -> MockEndpoint:
        """A handler that answers with ``answer``: the only way to get a mock.

        Raises:
            UnknownModelType, UnknownHardware: no such thing.
        """
        if model_type not in self._model_types():
            raise UnknownModelType(model_type, self._model_types())
        registry.create(hardware, self._hardware_plugins)
        return MockEndpoint(ModelCell(model_type, hardware, precision), answer)

    def __getitem__(self, model_type: str) -> Mapping[str, Endpoint]:
        if model_type not in self._model_types():
            raise UnknownModelType(model_type, self._model_types())
        return _ByHardware(self, model_type, registry.known(self._hardware_plugins))

    def __iter__(self) -> Iterator[str]:
        return iter(self._model_types())

    def __len__(self) -> int:
        return len(self._model_types())

    def _model_types(self) -> tuple[str, ...]:
        if self._names is None:
            names = [kind.name for kind in discovery.model_types() if kind.installed]
            if self._recipe_modules:
                from pytest_accelerate import zoo

                zoo.register(self._recipe_modules)
            self._names = tuple(names)
        return self._names

    def close(self) -> None:
        """Free every model that was loaded."""
        with self._lock:
            for handler in self._handlers.values():
                handler.close()


class _ByHardware(Mapping[str, Endpoint]):
    """``endpoints[model_type]``: the handlers of one model type by hardware."""

    def __init__(self, endpoints: Endpoints, model_type: str, known: tuple[str, ...]) -> None:
        self._endpoints, self._model_type, self._known = endpoints, model_type, known

    def __getitem__(self, hardware: str) -> Endpoint:
        return self._endpoints(self._model_type, hardware)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _allowed(names: Collection[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not set(names) <= set(ALLOWANCES):
        raise UsageError(f"allow={names!r}: expected a collection of {', '.join(ALLOWANCES)}")
    return tuple(sorted(set(names)))


def _mapped_checkpoint(model_type: str) -> str:
    checkpoint = discovery.checkpoints().get(model_type)
    if checkpoint is None:
        raise NotConstructible(
            f"no checkpoint is mapped for {model_type!r}: add one to mapped_models.json, pass "
            "checkpoint=, or ask for random weights with weights='tiny'"
        )
    return checkpoint


endpoints = Endpoints()
"""The library's own: pretrained weights unless others are asked for."""
