"""int8 and int4 on OpenVINO: NNCF's compression of weights.

Weights become integers with scales, and products are of floats. Full integer models, which take a
data set to calibrate activations with, are another thing: random weights have none, and what is
asked of a tiny model is whether its operations run with compressed weights and are right.

- ``int8`` is NNCF's ``INT8_ASYM``, of all layers: its default.
- ``int4`` is ``INT4_ASYM`` in groups of 16 weights, each with a scale of its own; of 8 where a
  layer's inputs are no multiple of 16. NNCF's default is 128, which tiny layers do not have, and
  the outputs of tiny models are off by a third less with 16 (vit by 0.43 instead of 0.60, qwen2 by
  0.25 instead of 0.34): a narrower bound tells more of what is wrong. Of tables that are looked up,
  of convolutions and of the last layer NNCF makes int8, as it does for those who deploy: the result
  says how many.

What was compressed is counted in the graph itself.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.errors import MissingPackage
from pytest_accelerate.hardware.quantized import Quantized

_BITS = {"int8": ("u8", "i8"), "int4": ("u4", "i4")}
_INTEGERS = frozenset(kind for kinds in _BITS.values() for kind in kinds)
_FLOATS = frozenset({"f32", "f16", "bf16"})
_GROUP, _SMALLEST_GROUP = 16, 8
_LOOKING_UP = frozenset({"Gather", "EmbeddingBagOffsets", "EmbeddingBagPacked"})
_MULTIPLYING = frozenset({
    "MatMul", "Convolution", "GroupConvolution", "ConvolutionBackpropData",
    "GroupConvolutionBackpropData", "LSTMSequence", "GRUSequence", "LSTMCell", "GRUCell",
})  # fmt: skip
_BETWEEN = frozenset({
    "Convert", "Multiply", "Subtract", "Reshape", "Transpose", "Squeeze", "Unsqueeze",
})  # fmt: skip
"""What may stand between a weight and the layer that it is of: its scale, mostly."""


@dataclass(frozen=True)
class _Weight:
    kind: str
    elements: int


def compress(model: Any, precision: str) -> tuple[Any, Quantized]:
    """Compress the weights of an ``openvino.Model``; it is changed in place.

    Raises:
        MissingPackage: NNCF is not installed.
    """
    learnt = _elements_of_floats(model)
    compressed = _by_nncf(model, precision)
    weights = _weights(compressed).values()
    asked = [each for each in weights if each.kind in _BITS[precision]]
    others = sum(each.kind in _INTEGERS for each in weights) - len(asked)
    beside = f"; {others} more in int8_asym" if others else ""
    return compressed, Quantized(
        modules=len(asked),
        of_modules=len(weights),
        share=sum(each.elements for each in asked) / (learnt or 1),
        how=f"nncf {precision}_asym, weights alone{beside}",
        why_none="" if asked else _none(precision, len(weights), others),
    )


def _none(precision: str, weights: int, others: int) -> str:
    if others:
        return f"NNCF compresses {others} of {weights} weights, to int8 and none to {precision}"
    return f"NNCF compresses none of the {weights} weights"


def _by_nncf(model: Any, precision: str) -> Any:
    try:
        import nncf
        from nncf.quantization import advanced_parameters as advanced
    except ImportError as error:
        raise MissingPackage("nncf", "nncf") from error
    # Its table of layers is for people, and has no place among the output of tests.
    nncf.set_log_level(logging.ERROR)
    in_groups: dict[str, Any] = {}
    if precision == "int4":
        in_groups = {
            "group_size": _GROUP,
            "advanced_parameters": advanced.AdvancedCompressionParameters(
                group_size_fallback_mode=advanced.GroupSizeFallbackMode.ADJUST,
                min_adjusted_group_size=_SMALLEST_GROUP,
            ),
        }
    mode = getattr(nncf.CompressWeightsMode, f"{precision.upper()}_ASYM")
    with _no_progress_bar():
        return nncf.compress_weights(model, mode=mode, **in_groups)


@contextlib.contextmanager
def _no_progress_bar() -> Iterator[None]:
    # Rich draws it on standard output, and nothing that NNCF reads turns it off.
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def _elements_of_floats(model: Any) -> int:
    constants = (op for op in model.get_ops() if op.get_type_name() == "Constant")
    return sum(math.prod(op.get_output_shape(0)) for op in constants if _kind(op) in _FLOATS)


def _weights(model: Any) -> dict[str, _Weight]:
    """The weights of layers by the names of their constants, each counted once."""
    found: dict[str, _Weight] = {}
    for op in model.get_ops():
        kind = op.get_type_name()
        if kind not in _MULTIPLYING | _LOOKING_UP:
            continue
        for number in range(1 if kind in _LOOKING_UP else op.get_input_size()):
            constant = _behind(op.input_value(number).get_node())
            if constant is not None:
                elements = math.prod(constant.get_output_shape(0))
                found[constant.get_friendly_name()] = _Weight(_kind(constant), elements)
    return found


def _behind(op: Any) -> Any | None:
    """The constant that a weight comes from; ``None`` for what is computed from inputs."""
    while op.get_type_name() in _BETWEEN:
        op = op.input_value(0).get_node()
    is_weight = op.get_type_name() == "Constant" and _kind(op) in _FLOATS | _INTEGERS
    return op if is_weight and len(op.get_output_shape(0)) > 1 else None


def _kind(op: Any) -> str:
    return str(op.get_output_element_type(0).to_string())
