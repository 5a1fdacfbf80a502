"""Tensors of the Open Inference Protocol: from what a caller has, and back, without numpy too."""

from __future__ import annotations

import array
import json
import math
import pickle
import struct
import subprocess
import sys
from typing import Any

import hypothesis.strategies as st
import numpy
import pytest
from hypothesis import given

from pytest_accelerate import errors
from pytest_accelerate.providers.ovms import OVMS, Tensor
from pytest_accelerate.providers.ovms_inputs import tensors_of
from pytest_accelerate.providers.ovms_tensors import NUMERIC

KINDS = {name: kind for name, (_, kind) in NUMERIC.items() if name != "BF16"}
WHOLE = [name for name in KINDS if "INT" in name]


def tensor_of(value: Any) -> Tensor:
    """The tensor that a value becomes."""
    (found,) = tensors_of({"x": value})
    return found


def sample(kind: str, layout: str) -> Any:
    """An array of a kind that lies in memory in one way or another."""
    if layout == "scalar":
        return numpy.array(1, dtype=kind)
    if layout == "empty":
        return numpy.zeros((0, 3), dtype=kind)
    whole = (numpy.arange(24) % 5).reshape(2, 3, 4).astype(kind)
    return {
        "plain": whole,
        "strided": whole[:, ::2, ::-1],
        "transposed": whole.transpose(2, 0, 1),
        "fortran": numpy.asfortranarray(whole),
        "swapped": whole.astype(whole.dtype.newbyteorder(">")),
        "readonly": numpy.frombuffer(whole.tobytes(), dtype=kind),
    }[layout]


LAYOUTS = ("plain", "strided", "transposed", "fortran", "swapped", "readonly", "scalar", "empty")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("datatype", KINDS)
def test_arrays_become_tensors_and_arrays_again(datatype: str, layout: str) -> None:
    """Whatever lies how, the bytes are those in row-major order, and the elements the same."""
    given_array = sample(KINDS[datatype], layout)
    tensor = tensor_of(given_array)
    expected = given_array.astype(KINDS[datatype])
    assert (tensor.datatype, tensor.shape) == (datatype, expected.shape)
    assert bytes(tensor.raw) == expected.tobytes()
    again = tensor.numpy()
    assert (again.dtype, again.shape) == (expected.dtype, expected.shape)
    assert (again == expected).all()
    assert tensor.tolist() == expected.tolist()


@pytest.mark.parametrize("datatype", KINDS)
def test_lists_have_the_bytes_of_arrays(datatype: str) -> None:
    """A list, nested or flat, has the bytes that numpy gives its elements."""
    expected = sample(KINDS[datatype], "plain")
    nested = Tensor("x", expected.shape, datatype, expected.tolist())
    flat = Tensor("x", expected.shape, datatype, expected.ravel().tolist())
    for tensor in tensors_of([nested]) + tensors_of([flat]):
        assert bytes(tensor.raw) == expected.tobytes()
        assert tensor.tolist() == expected.tolist()


def test_nothing_is_copied() -> None:
    """An array's tensor lies where the array lies, and a tensor's array where the tensor lies."""
    source = numpy.arange(6.0)
    tensor = tensor_of(source)
    source[0] = 7.0
    assert tensor.tolist()[0] == 7.0
    assert numpy.shares_memory(tensor.numpy(), source)
    assert not tensor.numpy().flags.writeable


@pytest.mark.parametrize(
    ("value", "datatype", "elements"),
    [
        (array.array("h", [1, -2]), "INT16", [1, -2]),
        (array.array("d", [0.5]), "FP64", [0.5]),
        (bytearray(b"ab"), "UINT8", [97, 98]),
        (memoryview(b"abcdef")[::2], "UINT8", [97, 99, 101]),
        (numpy.float32(2.5), "FP32", 2.5),
        (numpy.array([b"a", "é"], dtype=object), "BYTES", [b"a", "é"]),
        (numpy.array(["ab", "c"]), "BYTES", ["ab", "c"]),
        ({"data": (1, 2), "datatype": "UINT8"}, "UINT8", [1, 2]),
        ({"data": [[True], [False]], "datatype": "BOOL"}, "BOOL", [[True], [False]]),
        ({"data": b"\x01\x00", "datatype": "INT16", "shape": [1]}, "INT16", [1]),
        ({"data": numpy.ones(4, "f4"), "shape": (2, 2)}, "FP32", [[1.0, 1.0], [1.0, 1.0]]),
        (Tensor("x", (1,), "FP32", bytearray(4)), "FP32", [0.0]),
    ],
    # A memory view's text has an address, which is another one in each of xdist's workers.
    ids=lambda value: type(value).__name__ if isinstance(value, memoryview) else str(value),
)  # fmt: skip
def test_what_else_is_an_input(value: Any, datatype: str, elements: Any) -> None:
    """Buffers, scalars, arrays of text, and mappings in the protocol's own form are tensors."""
    tensor = tensor_of(value)
    assert tensor.datatype == datatype
    assert tensor.tolist() == elements


def test_bytes_have_their_length_before_them() -> None:
    """Elements of BYTES go with four bytes of length each, and come back as they were."""
    tensor = Tensor("x", (2, 1), "BYTES", [["é"], [b""]])
    assert bytes(tensor.raw) == b"\x02\x00\x00\x00\xc3\xa9\x00\x00\x00\x00"
    again = tensor_of(Tensor("x", (2, 1), "BYTES", bytes(tensor.raw)))
    assert again.tolist() == [["é".encode()], [b""]]
    assert again.numpy().tolist() == [["é".encode()], [b""]]


@given(st.floats(width=32))
def test_bfloat16_is_the_upper_half_of_a_float(value: float) -> None:
    """BF16 keeps a float to 8 bits of its fraction, rounded to the nearest; its bits are raw."""
    bits = Tensor("x", (1,), "BF16", [value]).numpy()
    assert bits.dtype == numpy.uint16
    (read,) = tensor_of(Tensor("x", (1,), "BF16", bits)).tolist()
    if math.isnan(value):
        assert math.isnan(read)
    elif math.isfinite(read):
        assert abs(read - value) <= abs(value) / 256 + 1e-40


BITS = [
    (1.0, 0x3F80),
    (-2.25, 0xC010),
    (3.140625, 0x4049),
    (1.00390625, 0x3F80),
    (1.01171875, 0x3F82),
]


@pytest.mark.parametrize(("number", "bits"), BITS)
def test_bits_of_bfloat16(number: float, bits: int) -> None:
    """Known numbers have the bits that they have; a half is rounded to the even one."""
    assert struct.unpack("<H", Tensor("x", (1,), "BF16", [number]).raw) == (bits,)


def test_a_tensor_is_pickled_with_its_bytes() -> None:
    """A view of an answer goes along as bytes."""
    tensor = pickle.loads(pickle.dumps(tensor_of(numpy.arange(3.0))))
    assert tensor.tolist() == [0.0, 1.0, 2.0]


WRONG: list[tuple[Any, str]] = [
    ([1, 2], "neither shape nor datatype"),
    (b"ab", "neither shape nor datatype"),
    ("text", "neither shape nor datatype"),
    (None, "expected an array"),
    (object(), "expected an array"),
    (numpy.array([1j]), "no datatype for elements of the format"),
    (numpy.array(["2020"], dtype="M8[Y]"), "expected an array"),
    ({"datatype": "FP32"}, "it has no data"),
    ({"data": [1.0]}, "datatype"),
    ({"data": b"1234", "datatype": "FP32"}, "shape"),
    ({"data": [1.0], "datatype": "FP32", "dtype": 1}, "unknown 'dtype'"),
    ({"data": [1.0], "datatype": "FP32", "name": "y"}, "named 'y' itself"),
    (Tensor("x", (2,), "FP32", [1.0]), "1 elements do not fill the shape"),
    (Tensor("x", (2, 2), "FP32", [[1.0, 2.0], [3.0]]), "not nested as the shape"),
    (Tensor("x", (2,), "FP32", b"123"), "3 bytes do not fill"),
    (Tensor("x", (2,), "FP8", [1, 2]), "unknown datatype 'FP8'"),
    (Tensor("x", (-1,), "FP32", [1.0]), "its shape must be whole numbers"),
    (Tensor("x", None, "FP32", 3), "neither shape nor datatype"),  # type: ignore[arg-type]
    (Tensor("x", (2,), "FP32", numpy.ones(2, "int32")), "its array is of INT32, not FP32"),
    (Tensor("x", (4,), "FP32", numpy.ones((2, 2), "f4")), "its array has the shape"),
    (Tensor("x", (1,), "BYTES", b"\x05\x00\x00\x00ab"), "an element of 5 bytes is cut off"),
    (Tensor("x", (1,), "BYTES", b"\x05\x00"), "the length of an element is cut off"),
    (Tensor("x", (2,), "BYTES", b"\x00\x00\x00\x00"), "1 elements do not fill"),
]


@pytest.mark.parametrize(("value", "why"), WRONG, ids=[f"{i}" for i in range(len(WRONG))])
def test_what_is_no_tensor_is_refused_by_name(value: Any, why: str) -> None:
    """The tensor is named, and what is wrong with it."""
    with pytest.raises(errors.InvalidParameters, match="tensor 'x': ") as caught:
        tensor_of(value)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("datatype", "element"),
    [(name, 2**64) for name in WHOLE]
    + [(name, 0.5) for name in WHOLE]
    + [("BOOL", 2), ("BOOL", "x"), ("FP32", "x"), ("FP32", 1e39), ("FP16", 1e6), ("BYTES", 1)]
    + [("BYTES", "\ud800"), ("UINT8", -1), ("INT8", 128), ("BF16", [])],
)
@pytest.mark.parametrize("binary", [True, False])
def test_elements_of_another_datatype_are_refused(
    datatype: str, element: Any, binary: bool
) -> None:
    """Before anything is sent, in JSON as in bytes, by the tensor's name."""
    with OVMS() as client, pytest.raises(errors.InvalidParameters, match="tensor 'x'"):
        client.infer(model="m", inputs=[Tensor("x", (1,), datatype, [element])], binary=binary)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("x", (1,), "FP32", [math.nan]),
        Tensor("x", (1,), "FP64", [None]),
        Tensor("x", (1,), "BYTES", [b"\xff"]),
        Tensor("x", (1,), "BF16", [1.0]),
    ],
    ids=str,
)
def test_what_json_cannot_hold_is_refused(tensor: Tensor) -> None:
    """Such a tensor is told to go as bytes."""
    with OVMS() as client, pytest.raises(errors.InvalidParameters, match="binary=True"):
        client.infer(model="m", inputs=[tensor], binary=False)


@pytest.mark.parametrize(
    "inputs",
    [{}, [], [3], [{"datatype": "FP32"}], {"": numpy.ones(1)}, {3: numpy.ones(1)}, numpy.ones(1),
     [Tensor("x", (1,), "INT8", [1]), Tensor("x", (1,), "INT8", [1])]],
    ids=str,
)  # fmt: skip
def test_inputs_have_names(inputs: Any) -> None:
    """Inputs that are none, or without a name, or with one name twice, are refused."""
    with OVMS() as client, pytest.raises(errors.InvalidParameters, match="input"):
        client.infer(model="m", inputs=inputs)


def test_numpy_is_not_needed() -> None:
    """Where numpy cannot be imported, buffers and lists go and come all the same."""
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "import array, json\n"
        "from pytest_accelerate.providers.ovms_inputs import tensors_of\n"
        "from pytest_accelerate.providers.ovms import OVMS, Tensor\n"
        "assert 'httpx' not in sys.modules\n"
        "inputs = {'a': array.array('f', [1.5]), 'b': Tensor('b', (1,), 'BF16', [1.5])}\n"
        "one, other = tensors_of(inputs)\n"
        "print(json.dumps([one.tolist(), bytes(other.raw).hex()]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[1.5], "c03f"]
