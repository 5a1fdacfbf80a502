"""Tensors of the Open Inference Protocol: from arrays, buffers and lists, and back.

Source: https://github.com/kserve/open-inference-protocol, with the extension for binary tensors:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md

Nothing here needs numpy: arrays are known by the buffer protocol and by ``__array__``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_accelerate.errors import InvalidResponse, ProviderError

NUMERIC: Mapping[str, tuple[str, str]] = {
    "BOOL": ("?", "bool"),
    "UINT8": ("B", "uint8"),
    "UINT16": ("H", "uint16"),
    "UINT32": ("I", "uint32"),
    "UINT64": ("Q", "uint64"),
    "INT8": ("b", "int8"),
    "INT16": ("h", "int16"),
    "INT32": ("i", "int32"),
    "INT64": ("q", "int64"),
    "FP16": ("e", "float16"),
    "FP32": ("f", "float32"),
    "FP64": ("d", "float64"),
    "BF16": ("H", "uint16"),
}
"""Datatype to the format of its elements, as :mod:`struct` and numpy name it."""
DATATYPES = (*NUMERIC, "BYTES")

_LENGTH = struct.Struct("<I")
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor: what goes into a model, or what came out of it."""

    name: str
    shape: Shape
    datatype: str
    """``FP32``, ``INT64``, ``BYTES``..., one of :data:`DATATYPES`."""
    data: Any = field(repr=False)
    """Its elements: a (nested) list in row-major order, or their bytes, little-endian.

    ``BYTES`` has text or bytes for elements; in bytes, the length of each goes before it, in 4
    bytes. What came from a server as bytes is a view on its answer, which nothing has copied.
    """

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def raw(self) -> memoryview:
        """The bytes of its elements, as they go over the wire; not copied where they are there.

        Raises:
            InvalidResponse: an element is none of this datatype.
        """
        return raw_of(self, InvalidResponse)

    def numpy(self) -> Any:
        """The elements as a numpy array of this shape, read-only, on the same bytes.

        ``BYTES`` are an array of objects (bytes), ``BF16`` one of ``uint16`` with its bits.

        Raises:
            InvalidResponse: an element is none of this datatype.
        """
        import numpy

        if self.datatype == "BYTES":
            whole = numpy.empty(self.size, dtype=object)
            whole[:] = [_as_bytes(each) for each in self._elements()]
            return whole.reshape(self.shape)
        kind = numpy.dtype(NUMERIC[self.datatype][1]).newbyteorder("<")
        return numpy.frombuffer(self.raw, dtype=kind).reshape(self.shape)

    def tolist(self) -> Any:
        """The elements as nested lists of numbers, truth values or bytes; one element for no shape.

        ``BYTES`` that came as JSON are text.
        """
        return _nested(list(self._elements()), self.shape)

    def _elements(self) -> Iterator[Any]:
        if isinstance(self.data, list):
            return _flat(self.data)
        if self.datatype == "BYTES":
            return split_bytes(self.raw)
        found = struct.unpack(f"<{self.size}{NUMERIC[self.datatype][0]}", self.raw)
        return map(_float_of_bits, found) if self.datatype == "BF16" else iter(found)

    def __reduce__(self) -> tuple[Any, ...]:
        # A view cannot be pickled, so its bytes go along.
        data = bytes(self.data) if isinstance(self.data, memoryview) else self.data
        return _rebuilt, (self.name, self.shape, self.datatype, data)


def _rebuilt(name: str, shape: Shape, datatype: str, data: Any) -> Tensor:
    return Tensor(name, shape, datatype, memoryview(data) if isinstance(data, bytes) else data)


def checked(tensor: Tensor, error: type[ProviderError]) -> Tensor:
    """The tensor, with a list or a view of single bytes for its data.

    Args:
        tensor: as it was given or as it came.
        error: what is raised where it is wrong.

    Raises:
        ProviderError: shape, datatype and data do not go together; names the tensor.
    """
    where = f"tensor {tensor.name!r}"
    if tensor.datatype not in DATATYPES:
        raise error(f"{where}: unknown datatype {tensor.datatype!r}; known: {', '.join(DATATYPES)}")
    if not isinstance(tensor.shape, (tuple, list)) or not all(map(_is_size, tensor.shape)):
        raise error(f"{where}: its shape must be whole numbers from 0 on, not {tensor.shape!r:.80}")
    shape = tuple(tensor.shape)
    data = tensor.data
    if isinstance(data, (list, tuple)):
        data = list(data)
        _check_list(where, data, shape, error)
    else:
        data = _byte_view(where, data, error)
        _check_bytes(where, data, shape, tensor.datatype, error)
    return Tensor(tensor.name, shape, tensor.datatype, data)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_list(where: str, data: list[Any], shape: Shape, error: type[ProviderError]) -> None:
    """Hold that a list has the elements of a shape: flat, or nested just so."""
    size = math.prod(shape)
    if not any(isinstance(each, (list, tuple)) for each in data):
        if len(data) != size:
            raise error(f"{where}: {len(data)} elements do not fill the shape {list(shape)}")
    elif not _fits(data, shape):
        raise error(f"{where}: its lists are not nested as the shape {list(shape)}")


def _fits(data: Any, shape: Shape) -> bool:
    if not shape:
        return not isinstance(data, (list, tuple))
    return (
        isinstance(data, (list, tuple))
        and len(data) == shape[0]
        and all(_fits(each, shape[1:]) for each in data)
    )


def _check_bytes(
    where: str, data: memoryview, shape: Shape, datatype: str, error: type[ProviderError]
) -> None:
    size = math.prod(shape)
    if datatype == "BYTES":
        try:
            found = sum(1 for _ in split_bytes(data))
        except InvalidResponse as problem:
            raise error(f"{where}: {problem.message}") from None
        if found != size:
            raise error(f"{where}: {found} elements do not fill the shape {list(shape)}")
        return
    needed = size * struct.calcsize(NUMERIC[datatype][0])
    if len(data) != needed:
        raise error(
            f"{where}: {len(data)} bytes do not fill the shape {list(shape)} of {datatype}, "
            f"which needs {needed}"
        )


def _byte_view(where: str, data: Any, error: type[ProviderError]) -> memoryview:
    try:
        view = memoryview(data)
    except (TypeError, ValueError, BufferError):
        raise error(
            f"{where}: its data must be a list or bytes, not {type(data).__name__}"
        ) from None
    return flat_bytes(view)


def flat_bytes(view: memoryview) -> memoryview:
    """The same in single bytes and row-major order; copied only where it does not lie so."""
    if not view.nbytes:
        return memoryview(b"")
    if not view.c_contiguous:
        return memoryview(view.tobytes())
    return view.toreadonly().cast("B")


def split_bytes(data: memoryview) -> Iterator[bytes]:
    """The elements of ``BYTES``, each after its length in 4 bytes.

    Raises:
        InvalidResponse: one is cut off.
    """
    place, end = 0, len(data)
    while place < end:
        if end - place < _LENGTH.size:
            raise InvalidResponse("the length of an element is cut off")
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size
        if length > end - place:
            raise InvalidResponse(f"an element of {length} bytes is cut off")
        yield bytes(data[place : place + length])
        place += length


def raw_of(tensor: Tensor, error: type[ProviderError]) -> memoryview:
    """The bytes of a tensor; those of a list are made.

    Raises:
        ProviderError: an element is none of its datatype; names the tensor.
    """
    if isinstance(tensor.data, memoryview):
        return tensor.data
    try:
        return _packed(tensor)
    except (struct.error, OverflowError, TypeError, ValueError) as problem:
        raise error(
            f"tensor {tensor.name!r}: an element is no {tensor.datatype}: {problem}"
        ) from None


def _packed(tensor: Tensor) -> memoryview:
    elements = list(_flat(tensor.data))
    if tensor.datatype == "BYTES":
        coded = map(_as_bytes, elements)
        return memoryview(
            b"".join(piece for each in coded for piece in (_LENGTH.pack(len(each)), each))
        )
    if tensor.datatype in ("BF16", "FP16", "FP32", "FP64"):
        # A server without NaN in its JSON has null in its place.
        elements = [math.nan if each is None else each for each in elements]
    if tensor.datatype == "BF16":
        elements = [_bits_of_float(each) for each in elements]
    elif tensor.datatype == "BOOL":
        elements = [_as_bool(each) for each in elements]
    return memoryview(struct.pack(f"<{len(elements)}{NUMERIC[tensor.datatype][0]}", *elements))


def _as_bytes(element: Any) -> bytes:
    if isinstance(element, str):
        return element.encode("utf-8")
    if isinstance(element, (bytes, bytearray, memoryview)):
        return bytes(element)
    raise TypeError(f"expected text or bytes, not {type(element).__name__}")


def _as_bool(element: Any) -> bool:
    if element in (True, False):
        return bool(element)
    raise TypeError(f"expected True or False, not {element!r:.40}")


def _bits_of_float(value: Any) -> int:
    """The upper half of a 32-bit float, rounded to the nearest even."""
    bits: int = struct.unpack("<I", struct.pack("<f", value))[0]
    if math.isnan(value):
        return bits >> 16 | 0x40
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def _float_of_bits(bits: int) -> float:
    (value,) = struct.unpack("<f", struct.pack("<I", bits << 16))
    return float(value)


def _flat(data: Any) -> Iterator[Any]:
    for each in data:
        if isinstance(each, (list, tuple)):
            yield from _flat(each)
        else:
            yield each


def _nested(elements: Sequence[Any], shape: Shape) -> Any:
    if not shape:
        return elements[0]
    if len(shape) == 1:
        return list(elements)
    step = math.prod(shape[1:])
    return [_nested(elements[place * step : (place + 1) * step], shape[1:])
            for place in range(shape[0])]  # fmt: skip
