"""OpenVINO, on any of its devices.

**The policy.** A model reaches OpenVINO by one of two paths, and the result names the one taken:

- ``trace``: ``torch.jit.trace``, then ``openvino.convert_model``: the cheaper one;
- ``export``: transformers' ``OpenVINOExporter`` (``torch.export`` with fixes for OpenVINO): costs
  two to three times as much and converts more.

Trace comes first. Export is taken where the trace does not convert, or where what it converted to
does not agree with the model itself on the specimen's own inputs. Where both convert and neither
agrees, the trace is kept and the stage ``agree`` shows how far off it is. Where neither converts,
the operators that OpenVINO named are the reason.

The path is chosen in fp32, whatever the precision: what a precision is off by says nothing of a
conversion. The graph of that path is then compiled at the precision, or compressed first.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from pytest_accelerate.errors import MissingPackage, NotConstructible, UnknownPrecision
from pytest_accelerate.hardware import openvino_precision
from pytest_accelerate.hardware.base import Availability
from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.hardware.registry import PRECISIONS_OF
from pytest_accelerate.ties import compare_beyond_ties
from pytest_accelerate.tolerances import tolerance_of
from pytest_accelerate.zoo.generating_specimen import GeneratingSpecimen
from pytest_accelerate.zoo.specimen import Specimen

# OpenVINO reads no variable that would keep it from sending telemetry, and importing it starts the
# thread that does; without the package it uses a stub of its own.
if "openvino" not in sys.modules:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
try:
    import openvino
except ImportError as error:
    raise MissingPackage("openvino", "openvino") from error

from pytest_accelerate.hardware.openvino_conversion import Conversion, export, trace
from pytest_accelerate.hardware.openvino_generation import OpenVINOGenerator
from pytest_accelerate.hardware.openvino_policy import Reached, cheapest
from pytest_accelerate.hardware.openvino_weights import compress
from pytest_accelerate.hardware.quantized import QUANTIZED_PRECISIONS, Quantized

Convert = Callable[[Specimen, Mapping[str, torch.Tensor]], Conversion]
_PATHS: Mapping[str, Convert] = {"trace": trace, "export": export}


class OpenVINOHardware:
    """One OpenVINO device; ``openvino`` alone is its CPU plugin."""

    fixed_shapes = True
    precisions: tuple[str, ...] = PRECISIONS_OF["openvino"]

    def __init__(self, name: str) -> None:
        self.name = name
        self.device = name.partition(":")[2] or "CPU"

    def availability(self) -> Availability:
        """Ask OpenVINO for its devices; loads their plugins."""
        core = openvino.Core()
        devices = core.available_devices
        if self.device in devices:
            return Availability(
                True, device=str(core.get_property(self.device, "FULL_DEVICE_NAME"))
            )
        seen = ", ".join(devices) or "none"
        return Availability(
            False,
            reason=f"OpenVINO {openvino.__version__.split('-')[0]} sees these devices: {seen}",
            remedy=f"Install the driver of the {self.device}, or use openvino:{devices[0]}"
            if devices
            else "Reinstall openvino",
        )

    def load(self, specimen: Specimen, precision: str) -> OpenVINOModel:
        """Convert by the policy above and compile.

        Raises:
            UnknownPrecision: OpenVINO has none of this name.
            UnsupportedOperation: neither path converts, and the operators are named; or the device
                runs another precision in the place of this one, or nothing can be quantized.
        """
        self._check(precision)
        reference = _eager_outputs(specimen)

        def by(convert: Convert) -> tuple[OpenVINOModel, str]:
            model = self._compile(convert(specimen, reference), "fp32")
            answer = model.run(specimen.inputs)
            found = compare_beyond_ties(
                answer, reference, tolerance_of("fp32"), partial(_eager_outputs, specimen)
            )
            return model, found.reason

        reached = cheapest({path: partial(by, convert) for path, convert in _PATHS.items()})
        reached.made.fault = reached.disagreement
        reached.made.path_reason = reached.disagreement or _why(reached)
        if reached.passed_over is not None:
            reached.passed_over[0].close()
        if precision == "fp32":
            return reached.made
        reached.made.close()
        return self._at_precision(reached.made, precision)

    def _check(self, precision: str) -> None:
        """Refuse at once what the device has not."""
        if precision not in self.precisions:
            raise UnknownPrecision(precision, self.precisions, self.name)
        openvino_precision.check(self.device, precision)

    def _at_precision(self, reached: OpenVINOModel, precision: str) -> OpenVINOModel:
        """The graph of the path that was taken in fp32, at another precision."""
        model = self._compile(reached.conversion, precision)
        model.path_reason, model.fault = reached.path_reason, reached.fault
        return model

    def load_generator(
        self, specimen: GeneratingSpecimen, precision: str, tokens: int
    ) -> OpenVINOGenerator:
        """Trace and compile the modules that generation calls.

        Raises:
            UnknownPrecision: OpenVINO has none of this name.
            UnsupportedOperation: a module does not convert; names the operators.
        """
        self._check(precision)
        return OpenVINOGenerator(
            specimen,
            tokens,
            lambda model: self._compiled(_compressed(model, precision)[0], precision),
            tolerance_of(precision),
        )

    def _compile(self, conversion: Conversion, precision: str) -> OpenVINOModel:
        graph, quantized = _compressed(conversion.model, precision)
        if quantized is not None:
            quantized.or_refused()
        compiled = self._compiled(graph, precision)
        executed = openvino_precision.executed(compiled, precision)
        return OpenVINOModel(compiled, conversion, quantized, executed)

    def _compiled(self, model: Any, precision: str) -> Any:
        config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": openvino_precision.hint_of(precision),
            "PERFORMANCE_HINT": "LATENCY",
        }
        if precision in QUANTIZED_PRECISIONS and self.device.partition(".")[0] in ("CPU", "GPU"):
            # By default a device that multiplies integers rounds activations too, in groups of 32:
            # a column would be of another thing on each machine. bert's outputs move by 0.03.
            config["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
        if self.device == "CPU":
            config["INFERENCE_NUM_THREADS"] = torch.get_num_threads()
            # Its default keeps the state of attention as 8-bit integers.
            halves = precision in ("fp16", "bf16")
            config["KV_CACHE_PRECISION"] = "f16" if halves else "f32"
        return openvino.Core().compile_model(model, self.device, config)


class OpenVINOModel:
    """A compiled model; every call takes an inference request of its own from a pool."""

    def __init__(
        self,
        compiled: Any,
        conversion: Conversion,
        quantized: Quantized | None = None,
        executed: str = "",
    ) -> None:
        self.quantized = quantized
        self.executed = executed
        """How much of it runs at the precision, where the device has a choice."""
        self.conversion = conversion
        self.path = conversion.path
        self.path_reason = ""
        """Why the cheaper path was not taken, or what it disagrees by."""
        self.fault = ""
        """What its graph is off by in fp32; empty where it agrees."""
        self._compiled = compiled
        self._idle: list[Any] = []
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Run one forward pass."""
        if self._compiled is None:
            raise RuntimeError("the model was closed")
        feed = self.conversion.feed(inputs)
        request = self._take()
        try:
            answer = request.infer(feed, share_inputs=True, share_outputs=False)
            arrays = [answer[port] for port in self._compiled.outputs]
        finally:
            self._put_back(request)
        return self.conversion.name_outputs(arrays)

    def _take(self) -> Any:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._compiled.create_infer_request()

    def _put_back(self, request: Any) -> None:
        with self._lock:
            self._idle.append(request)

    def close(self) -> None:
        """Let the compiled model go."""
        with self._lock:
            self._idle.clear()
            self._compiled = None


def _compressed(model: Any, precision: str) -> tuple[Any, Quantized | None]:
    return compress(model, precision) if precision in QUANTIZED_PRECISIONS else (model, None)


def _eager_outputs(specimen: Specimen) -> dict[str, torch.Tensor]:
    """What the model itself answers; that it does not run at all is no matter of OpenVINO's."""
    try:
        with torch.no_grad():
            outputs = flatten(specimen.model(**dict(specimen.inputs)))
    except MemoryError:
        raise
    except Exception as error:
        raise NotConstructible(
            f"{specimen.model_type} does not run on the CPU either: {type(error).__name__}: {error}"
        ) from error
    return {name: value.clone() for name, value in outputs.items()}


def _why(reached: Reached[OpenVINOModel]) -> str:
    """Why no cheaper path was taken."""
    if reached.passed_over is not None:
        model, wrong = reached.passed_over
        return f"{model.path}: {wrong}"
    return "; ".join(f"{path}: {_first_line(error)}" for path, error in reached.failures.items())


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def warm() -> None:
    """Convert something tiny by both paths, so that a process forked from this one is warm.

    Compiles nothing: a compiled model brings a thread pool, which does not survive a fork.
    """
    from pytest_accelerate.hardware.openvino_conversion import tiny_specimen

    specimen = tiny_specimen()
    with torch.no_grad():
        reference = flatten(specimen.model(**dict(specimen.inputs)))
    for convert in _PATHS.values():
        convert(specimen, reference)
