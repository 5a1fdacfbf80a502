"""The bound on the relative error, by precision, and where each comes from.

- **fp32**: two orders above what correct backends show (the 99th percentile over OpenVINO's
  conversions is 6e-6) and two below what a wrong one does.
- **fp16, bf16, int8**: 32 times what one rounding is off by: half a unit in the last place, which
  is 2**-11, 2**-8, and half of the 127th part of the largest number that shares a scale. Roundings
  add up over layers, and norms and softmaxes enlarge what comes in. By how much was measured over
  64 types of all families. On the CPU bf16 is off by 0.014 in the median and by 0.07 in the 90th
  percentile, fp16 by 0.0017 and 0.008, int8 by 0.026 and 0.053; on OpenVINO int8 is by 0.026 and
  0.073.
- **int4**: measured alone, as roundings this coarse obey no rule of small errors. Over the
  46 types of ``mapped_models.json`` that have weights for it, 0.17 in the median and 0.43 in the
  90th percentile.

What is wrong is further off: of 170 faults in these types (an input that is lost, rows exchanged,
the last layer left out) 165 move the outputs by more than 0.5, and all but one by more than 0.125.
A weight that is 1 % too large is told from rounding in fp32 and fp16 alone: that is less than what
int8 and int4 do to all of them. So a graph that is wrong in fp32 already is a mismatch at every
precision (stage ``agree``).

Models that choose (codes, experts, the largest of many) or that have no norm between their layers
can be off by more: sam, mobilenet_v2 and encodec in bf16 are. That is what they are at such a
precision, and it stands in the matrix as a mismatch. The figures are those of
``python benchmarks/precisions.py errors``.
"""

from __future__ import annotations

_ROUNDINGS = 32
_TOLERANCES = {
    "fp64": 1e-9,
    "fp32": 1e-4,
    "fp16": _ROUNDINGS * 2**-11,
    "bf16": _ROUNDINGS * 2**-8,
    "int8": _ROUNDINGS * 2**-8,
    "int4": 0.5,
}


def tolerance_of(precision: str) -> float:
    """The bound on ``max|a-b| / max|ref|`` at which a precision still agrees."""
    return _TOLERANCES[precision]
