"""cpu, cuda, mps and xpu: torch's devices, by one code path."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any

import torch

from pytest_accelerate.errors import UnknownPrecision
from pytest_accelerate.hardware.base import Availability
from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.hardware.probing import torch_build
from pytest_accelerate.hardware.quantized import Quantized
from pytest_accelerate.hardware.registry import PRECISIONS_OF
from pytest_accelerate.hardware.torch_device import free, moved, refusals_named
from pytest_accelerate.hardware.torch_generation import TorchGenerator
from pytest_accelerate.zoo.generating_specimen import GeneratingSpecimen
from pytest_accelerate.zoo.specimen import Specimen

DTYPES = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    # What is not quantized stays as it is.
    "int8": torch.float32,
    # Not a column of the matrix: the reference of the cell cpu-fp32.
    "fp64": torch.float64,
}


class TorchHardware:
    """A device of torch's, named as torch names it."""

    fixed_shapes = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.device = torch.device(name)
        self.precisions: tuple[str, ...] = PRECISIONS_OF.get(self.device.type, PRECISIONS_OF["xpu"])

    def availability(self) -> Availability:
        """Look for the device; touches its driver."""
        kind = self.device.type
        if kind == "cpu":
            return Availability(True)
        backend = getattr(torch, kind)
        if not backend.is_available():
            return Availability(False, reason=self._absence(), remedy=_REMEDIES[kind])
        count, index = backend.device_count(), self.device.index or 0
        if index >= count:
            reason = f"there are {count} {kind} devices, numbered from 0"
            return Availability(False, reason=reason, remedy=f"Use {kind}:{count - 1} or lower")
        get_name = getattr(backend, "get_device_name", None)
        return Availability(True, device=get_name(index) if get_name is not None else kind)

    def _absence(self) -> str:
        kind = self.device.type
        if kind == "cuda" and torch.version.cuda is None and torch.version.hip is None:
            return f"{torch_build()} is built without CUDA"
        return f"{torch_build()} finds no {kind} device"

    def load(self, specimen: Specimen, precision: str) -> TorchModel:
        """Copy the model to the device at ``precision``; on the CPU in fp32 it needs no copy.

        Raises:
            UnknownPrecision: torch has none of this name, or not on this device.
            UnsupportedOperation: nothing of the model can be quantized.
            MemoryError: it does not fit.
        """
        model, quantized = self._brought(specimen.model, precision)
        return TorchModel(model, self.device, DTYPES[precision], quantized)

    def load_generator(
        self, specimen: GeneratingSpecimen, precision: str, tokens: int
    ) -> TorchGenerator:
        """As :meth:`load`, for a model that generates any number of tokens."""
        model, _ = self._brought(specimen.model, precision)
        return TorchGenerator(model, self.device, DTYPES[precision])

    def _brought(
        self, model: torch.nn.Module, precision: str
    ) -> tuple[torch.nn.Module, Quantized | None]:
        """A model on the device at a precision; on the CPU in fp32 it needs no copy."""
        if precision not in (*self.precisions, "fp64"):
            raise UnknownPrecision(precision, self.precisions, self.name)
        if self.device.type == "cuda":
            _full_precision()
        if (self.device.type, precision) == ("cpu", "fp32"):
            return model, None
        try:
            copied = copy.deepcopy(model)
            quantized = _quantized(copied) if precision == "int8" else None
            brought = _with_floats(copied.to(self.device), DTYPES[precision])
            if precision == "fp64":
                _use_plain_experts(brought)
        except torch.OutOfMemoryError as error:
            raise MemoryError(str(error)) from error
        return brought, quantized


class TorchModel:
    """A model on a torch device."""

    path = "eager"
    path_reason = ""
    executed = ""
    fault = ""

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        dtype: torch.dtype,
        quantized: Quantized | None = None,
    ) -> None:
        self._model: torch.nn.Module | None = model
        self._device, self._dtype = device, dtype
        self.quantized = quantized
        # Some models keep state between calls (rotary caches, routing); one call at a time.
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Run one forward pass and bring its outputs to the CPU, which waits for the device.

        Raises:
            MemoryError: the device has not enough.
            UnsupportedOperation: torch has an operator not at this precision; names it.
        """
        with self._lock, torch.no_grad():
            if self._model is None:
                raise RuntimeError("the model was closed")
            with refusals_named():
                outputs = flatten(self._model(**moved(dict(inputs), self._device, self._dtype)))
                return {name: value.detach().cpu().clone() for name, value in outputs.items()}

    def close(self) -> None:
        """Let the model go."""
        with self._lock:
            self._model = None
            free(self._device)


def _quantized(model: torch.nn.Module) -> Quantized:
    from pytest_accelerate.hardware.torch_int8 import quantize

    return quantize(model).or_refused()


def _with_floats(model: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """``model`` with its real floats in ``dtype``.

    ``model.to(dtype)`` would also cast complex buffers, to real numbers: llama4 keeps its rotations
    in one, and what lost the imaginary parts was then taken for its reference.
    """
    change: Any = model._apply
    change(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)
    return model


def _use_plain_experts(model: torch.nn.Module) -> None:
    # The grouped product of a mixture of experts has no float64 form; one by one they do.
    choose = getattr(model, "set_experts_implementation", None)
    if choose is not None and getattr(model.config, "_experts_implementation", None) is not None:
        choose("eager")


def _full_precision() -> None:
    # TF32 has 10 bits of significand: a matrix product in it differs from fp32 by 1e-3, ten times
    # the tolerance.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


_REMEDIES = {
    "cuda": "Install a CUDA build of torch and the NVIDIA driver; nvidia-smi tells if it works",
    "mps": "It needs macOS on Apple silicon",
    "xpu": "Install an XPU build of torch and Intel's GPU driver",
}
