"""One array of each datatype of the Open Inference Protocol, and twice it."""

from __future__ import annotations

from typing import Any

import numpy

KINDS = {
    "BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64",
    "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64",
    "FP16": "float16", "FP32": "float32", "FP64": "float64", "BYTES": "object",
}  # fmt: skip


def array_of(datatype: str) -> Any:
    """Two by three elements, the largest and the smallest of the datatype among them."""
    kind = numpy.dtype(KINDS[datatype])
    if datatype == "BYTES":
        return numpy.array([[b"a", b"", "é".encode()], [b"bc", b"\n", b"0"]], dtype=kind)
    if datatype == "BOOL":
        return numpy.array([[True, False, True], [False, False, True]])
    if kind.kind in "ui":
        limits = numpy.iinfo(kind)
        most, least = limits.max // 2, -(-limits.min // 2)
        return numpy.array([[0, 1, 2], [3, most, least]], dtype=kind)
    return numpy.array([[0.0, 1.5, -2.25], [0.1, 1000.0, -3.0]], dtype=kind)


def twice(array: Any) -> Any:
    """What the servers' model makes of an array."""
    if array.dtype == object:
        return array
    return ~array if array.dtype == bool else array + array


def same(one: Any, other: Any) -> bool:
    """Whether two arrays have the same kind, shape and elements."""
    return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
