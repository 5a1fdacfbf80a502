"""What a caller gives as inputs of a model, made into tensors without copying what need not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.ovms_tensors import Tensor, checked, flat_bytes

Inputs = Mapping[str, Any] | Sequence[Any]
"""Names to arrays, buffers, tensors or mappings; or a list of tensors or mappings."""

_KEYS = frozenset({"name", "shape", "datatype", "data"})
_SIGNED, _UNSIGNED = "bhilqn", "BHILQN"
_FLOATS = {"e": "FP16", "f": "FP32", "d": "FP64", "?": "BOOL"}
_TEXTS = "OSU"
"""numpy's kinds of arrays of objects, bytes and text."""


def tensors_of(inputs: Inputs) -> list[Tensor]:
    """The tensors that were given, each checked.

    Raises:
        InvalidParameters: one is none, or two have one name; names the tensor.
    """
    if isinstance(inputs, Mapping):
        return [_named(name, value) for name, value in inputs.items()]
    tensors = [_listed(each) for each in inputs]
    names = [each.name for each in tensors]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidParameters(f"parameter 'inputs': more than one tensor {twice[0]!r}")
    return tensors


def _listed(value: Any) -> Tensor:
    name = value.name if isinstance(value, Tensor) else None
    if isinstance(value, Mapping):
        name = value.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidParameters(
            "parameter 'inputs': a list holds tensors, or mappings with name, shape, datatype and "
            f"data, not {type(value).__name__}; a mapping takes names to arrays"
        )
    return _named(name, value)


def _named(name: Any, value: Any) -> Tensor:
    if not isinstance(name, str) or not name:
        raise InvalidParameters(f"parameter 'inputs': {name!r:.40} is no name of a tensor")
    if isinstance(value, Tensor):
        own, given = value.name, {"shape": value.shape, "datatype": value.datatype}
        return _assembled(name, own, {**given, "data": value.data})
    if isinstance(value, Mapping):
        return _assembled(name, value.get("name") or "", value)
    return _checked(_of_array(name, value))


def _checked(tensor: Tensor) -> Tensor:
    return checked(tensor, InvalidParameters)


def _assembled(name: str, own: Any, given: Mapping[str, Any]) -> Tensor:
    """A tensor in the protocol's own form; what its data tell of themselves may be left out."""
    if own and own != name:
        raise InvalidParameters(f"tensor {name!r}: it is named {own!r} itself")
    unknown = sorted(map(str, given.keys() - _KEYS))
    if unknown:
        raise InvalidParameters(f"tensor {name!r}: unknown {unknown[0]!r}; known: "
                                f"{', '.join(sorted(_KEYS))}")  # fmt: skip
    data, shape, datatype = given.get("data"), given.get("shape"), given.get("datatype")
    if data is None:
        raise InvalidParameters(f"tensor {name!r}: it has no data")
    if isinstance(data, (list, tuple)):
        shape = _shape_of(data) if shape is None else shape
    elif not isinstance(data, bytes):
        found = _of_array(name, data)
        shape, datatype = _agreed(found, shape, datatype)
        data = found.data
    if shape is None or datatype is None:
        missing = "shape" if shape is None else "datatype, such as FP32,"
        raise InvalidParameters(f"tensor {name!r}: its {missing} is missing")
    return _checked(Tensor(name, shape, datatype, data))


def _agreed(found: Tensor, shape: Any, datatype: Any) -> tuple[Any, Any]:
    """Shape and datatype of an array that were told beside it, where they are no other's."""
    flat = len(found.shape) == 1
    if isinstance(shape, (tuple, list)) and not flat and tuple(shape) != found.shape:
        raise InvalidParameters(
            f"tensor {found.name!r}: its array has the shape {list(found.shape)}, not {list(shape)}"
        )
    # Single bytes are those of any datatype, and numpy has the bits of BF16 as UINT16.
    bare = flat and found.datatype == "UINT8"
    bits = (found.datatype, datatype) == ("UINT16", "BF16")
    if datatype not in (None, found.datatype) and not bare and not bits:
        raise InvalidParameters(
            f"tensor {found.name!r}: its array is of {found.datatype}, not {datatype}"
        )
    return (found.shape if shape is None else shape), datatype or found.datatype


def _shape_of(data: Any) -> tuple[int, ...]:
    """The shape that nested lists have."""
    shape = []
    while isinstance(data, (list, tuple)):
        shape.append(len(data))
        if not data:
            break
        data = data[0]
    return tuple(shape)


def _of_array(name: str, value: Any) -> Tensor:
    if isinstance(value, (str, bytes, list, tuple, int, float)):
        raise InvalidParameters(
            f"tensor {name!r}: {type(value).__name__} says neither shape nor datatype: give an "
            f"array, or Tensor({name!r}, shape, datatype, data)"
        )
    array = _as_array(name, value)
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    if kind and kind in _TEXTS:
        return Tensor(name, tuple(array.shape), "BYTES", array.ravel().tolist())
    datatype = ""
    if getattr(getattr(array, "dtype", None), "name", "") == "bfloat16":
        array, datatype = array.view("uint16"), "BF16"
    try:
        view = memoryview(array)
    except (TypeError, ValueError, BufferError):
        raise InvalidParameters(
            f"tensor {name!r}: expected an array, a buffer or a Tensor, not {_kind_of(value)}"
        ) from None
    return Tensor(name, view.shape or (), datatype or _datatype(name, view), flat_bytes(view))


def _kind_of(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    return type(value).__name__ + (f" of {dtype}" if dtype is not None else "")


def _as_array(name: str, value: Any) -> Any:
    """The array of what can be one (a torch tensor, a column of pandas), little-endian."""
    if not hasattr(value, "__array__"):
        return value
    try:
        array = value.__array__()
        return array.astype(array.dtype.newbyteorder("<"), copy=False)
    except Exception as error:
        raise InvalidParameters(f"tensor {name!r}: it gives no array: {error}") from None


def _datatype(name: str, view: memoryview) -> str:
    form = view.format.lstrip("@=<")
    if form in _FLOATS:
        return _FLOATS[form]
    if form in ("c", "B"):
        return "UINT8"
    if len(form) == 1 and form in _SIGNED + _UNSIGNED:
        return f"{'' if form in _SIGNED else 'U'}INT{8 * view.itemsize}"
    raise InvalidParameters(
        f"tensor {name!r}: the protocol has no datatype for elements of the format {view.format!r}"
    )
