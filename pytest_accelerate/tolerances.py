"""The bound on the relative error, by precision.

fp32's is two orders above what correct backends show (the 99th percentile over OpenVINO
conversions is 6e-6) and two below what a wrong one does. The half precisions' are about ten units
in the last place of their significand (2**-11 and 2**-8), as rounding adds up over layers.
"""

from __future__ import annotations

_TOLERANCES = {"fp64": 1e-9, "fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2, "int8": 1e-1, "int4": 2e-1}


def tolerance_of(precision: str) -> float:
    """The bound on ``max|a-b| / max|ref|`` at which a precision still agrees."""
    return _TOLERANCES[precision]
