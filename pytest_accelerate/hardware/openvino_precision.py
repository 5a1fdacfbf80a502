"""What an OpenVINO device makes of the precision that it is asked for.

``INFERENCE_PRECISION_HINT`` is a hint: a CPU without half-precision products takes ``f16`` for
``bf16`` or for ``f32`` and says so only where it is asked. So each device is asked, by compiling
something tiny, and each compiled model is looked through for what really runs in the precision.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as operators

from pytest_accelerate.errors import UnsupportedOperation

_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
_PRECISIONS = {hint: precision for precision, hint in _HINTS.items()}
_MOVING = frozenset({"Const", "Input", "Output", "Reorder", "Convert", "Reshape", "Transpose"})
"""Kinds of operations that compute nothing."""
_OF_FLOATS = frozenset({"f32", "f16", "bf16"})


def hint_of(precision: str) -> str:
    """OpenVINO's name for the kind of floats that a precision computes with.

    What is not quantized is computed in fp32, though a CPU's own choice may be bf16: a column is
    about one thing.
    """
    return _HINTS.get(precision, "f32")


def check(device: str, precision: str) -> None:
    """See that a device takes a precision for what it is.

    Raises:
        UnsupportedOperation: it runs another in its place; names it.
    """
    hint = hint_of(precision)
    if (device, hint) == ("CPU", "f32"):
        return  # every CPU does, and asking takes 12 ms of each cell
    runs = _understood(device, hint)
    if runs != hint:
        raise UnsupportedOperation(
            f"OpenVINO's {device} runs {precision} as {_PRECISIONS.get(runs, runs)} on this machine"
        )


@functools.cache
def _understood(device: str, hint: str) -> str:
    """The kind of floats that a compiled model says it computes with, asked for ``hint``."""
    x = operators.parameter([1, 8], np.float32)
    product = operators.matmul(x, operators.constant(np.ones((8, 8), np.float32)), False, False)
    tiny = openvino.Model([product], [x], "asked")
    config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint}
    if device == "CPU":
        config["INFERENCE_NUM_THREADS"] = 1
    compiled = openvino.Core().compile_model(tiny, device, config)
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").to_string())


def executed(compiled: Any, precision: str) -> str:
    """How many operations of a compiled model run in a half precision; empty for other precisions.

    Raises:
        UnsupportedOperation: none does.
    """
    hint = hint_of(precision)
    if hint == "f32":
        return ""
    kinds = [_kind(op) for op in compiled.get_runtime_model().get_ops()]
    of_floats = [kind for layer, kind in kinds if layer not in _MOVING and kind in _OF_FLOATS]
    count = of_floats.count(hint)
    if not count:
        raise UnsupportedOperation(
            f"none of the {len(of_floats)} operations on floats runs in {precision}"
        )
    return f"{count} of {len(of_floats)} operations on floats run in {precision}"


def _kind(operation: Any) -> tuple[str, str]:
    """The kind of an operation of a runtime model, and of the numbers that it computes with."""
    info = operation.get_rt_info()
    return info["layerType"].astype(str), info["runtimePrecision"].astype(str)
