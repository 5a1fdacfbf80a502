"""Loaded models: what they answer, and that answering changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from pytest_accelerate import hardware, zoo
from pytest_accelerate.agreement import compare
from pytest_accelerate.errors import (
    InvalidInputs,
    NotConstructible,
    UnknownPrecision,
    UnsupportedOperation,
)
from pytest_accelerate.hardware.openvino_errors import neither_converts, operators_in
from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.zoo.specimen import Specimen
from tests.hardware.halves import has_half, need_half

BACKENDS = ("cpu", "openvino")


@pytest.fixture(scope="module")
def bert() -> Specimen:
    """A real model with two kinds of outputs."""
    return zoo.construct("bert")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Leave the number of threads as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def specimen_of(model: torch.nn.Module, **inputs: Any) -> Specimen:
    """A specimen of a module of the test's own."""
    return Specimen("own", model.eval(), inputs, ("text",))


def test_outputs_are_named_by_their_path() -> None:
    """Mappings, sequences and nesting give dotted names; what is no tensor is left out."""
    one, two, three = torch.ones(1), torch.ones(2), torch.ones(3)
    output = {"a": one, "b": (two, None, {"c": three}), "n": 7, "text": "x"}
    assert list(flatten(output)) == ["a", "b.0", "b.2.c"]
    assert list(flatten(one)) == ["output"]
    assert list(flatten((one, two))) == ["0", "1"]


@pytest.mark.parametrize("name", BACKENDS)
def test_a_run_changes_neither_inputs_nor_specimen(name: str, bert: Specimen) -> None:
    """Inputs and weights are the same to the bit after load and run, at any precision."""
    inputs = copy.deepcopy(dict(bert.inputs))
    weights = {key: value.clone() for key, value in bert.model.state_dict().items()}
    for precision in ("fp32", "int8", *(["bf16"] if has_half(name) else [])):
        loaded = hardware.create(name).load(bert, precision)
        loaded.run(bert.inputs)
        loaded.close()
    assert all(torch.equal(inputs[key], bert.inputs[key]) for key in inputs)
    assert all(torch.equal(weights[key], value) for key, value in bert.model.state_dict().items())
    assert next(bert.model.parameters()).dtype is torch.float32


@pytest.mark.parametrize("name", BACKENDS)
def test_precisions_are_what_they_are_called(name: str, bert: Specimen) -> None:
    """Half precision is near the reference and is not the reference; others are not offered."""
    need_half(name)
    reference = hardware.create("cpu").load(bert, "fp32").run(bert.inputs)
    half = hardware.create(name).load(bert, "bf16").run(bert.inputs)
    assert compare(half, reference, 5e-2).agrees
    if name == "cpu":
        assert not compare(half, reference, 1e-6).agrees
    with pytest.raises(UnknownPrecision, match="int2"):
        hardware.create(name).load(bert, "int2")


def test_the_reference_in_float64_is_closer_than_fp32_can_be(bert: Specimen) -> None:
    """The float64 run returns float64 and agrees with fp32 to fp32's rounding."""
    exact = hardware.create("cpu").load(bert, "fp64").run(bert.inputs)
    plain = hardware.create("cpu").load(bert, "fp32").run(bert.inputs)
    assert {value.dtype for value in exact.values()} == {torch.float64}
    assert 0 < compare(plain, exact, 1e-4).max_relative_error < 1e-4


@pytest.mark.parametrize("name", BACKENDS)
def test_twenty_threads_get_their_own_answers(name: str, bert: Specimen) -> None:
    """Concurrent runs of one loaded model on different inputs answer as one after another."""
    batches = [
        {**bert.inputs, "input_ids": (bert.inputs["input_ids"] + shift) % 64}
        for shift in range(1, 21)
    ]
    expected = [hardware.create("cpu").load(bert, "fp32").run(batch) for batch in batches]
    loaded = hardware.create(name).load(bert, "fp32")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(loaded.run, batches))
    for answer, right in zip(answers, expected, strict=True):
        assert compare(answer, right, 1e-4).agrees


@pytest.mark.parametrize("name", BACKENDS)
def test_a_closed_model_says_so(name: str, bert: Specimen) -> None:
    """A model that was closed does not run any more."""
    loaded = hardware.create(name).load(bert, "fp32")
    loaded.close()
    with pytest.raises(RuntimeError, match="closed"):
        loaded.run(bert.inputs)


class Kinds(torch.nn.Module):
    """Outputs of every kind: aliased, integer, boolean; one input is never used."""

    def forward(self, x: torch.Tensor, unused: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the input itself among what is computed from it."""
        return {"same": x, "twice": x * 2, "ids": x.argmax(-1), "mask": x > 0, "again": x}


def test_openvino_keeps_names_kinds_and_aliases() -> None:
    """Integers stay integers, booleans booleans, an output may be an input, an input unused."""
    inputs = {"x": torch.randn(2, 3), "unused": torch.randn(5)}
    specimen = specimen_of(Kinds(), **inputs)
    loaded = hardware.create("openvino").load(specimen, "fp32")
    answer = loaded.run(inputs)
    expected = Kinds()(**inputs)
    assert list(answer) == list(expected)
    assert [value.dtype for value in answer.values()] == [
        value.dtype for value in expected.values()
    ]
    assert compare(answer, expected, 1e-6).agrees
    assert loaded.path == "trace"
    assert loaded.path_reason == ""


class Unsupported(torch.nn.Module):
    """An operator that OpenVINO has on no path."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take a decomposition."""
        return torch.linalg.eigvalsh(x @ x.T)


def test_an_unsupported_operator_is_named() -> None:
    """Where no path converts, the error carries the operator that OpenVINO lacks."""
    specimen = specimen_of(Unsupported(), x=torch.randn(3, 3))
    with pytest.raises(UnsupportedOperation) as caught:
        hardware.create("openvino").load(specimen, "fp32")
    assert any("linalg" in name for name in caught.value.operations)


def test_operators_are_read_from_openvinos_messages() -> None:
    """The forms in which OpenVINO names what it lacks."""
    assert operators_in(
        "FrontEnd API failed\n-- No conversion rule found for operations: aten::histc, aten::foo\n"
    ) == ("aten::histc", "aten::foo")
    assert operators_in("shapes do not match") == ()


NODE = """Exception from src/inference/src/cpp/core.cpp:117:
Check 'false' failed at src/core/src/node.cpp:150:
While validating node 'opset1::Reshape R (...)' with friendly_name 'aten::view/Reshape_3':
Shape inference input shapes {[0,64],[5]}
Requested output shape [1,2] is incompatible with input shape

Summary:
-- Conversion is failed for: aten::view
"""
OPERATION = """Check 'false' failed at unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
Model wasn't fully converted. Failed operations detailed log:
-- prim::TupleUnpack with a message:
Tuples are not supported yet and can be resolved only in specific cases.
"""


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (NODE, "aten::view/Reshape_3: Requested output shape [1,2] is incompatible with input"),
        (OPERATION, "prim::TupleUnpack: Tuples are not supported yet"),
        ("Check 'x' failed at y:\nWhile a\nDefault output not supported\n", "Default output"),
        ("", "RuntimeError: "),
    ],
)
def test_a_failed_conversion_says_what_failed_and_where(message: str, told: str) -> None:
    """Of OpenVINO's long reports the reason has the operation and what is wrong with it."""
    error = neither_converts({"trace": RuntimeError(message)})
    assert told in str(error)
    assert "\n" not in str(error)


class Fails(torch.nn.Module):
    """A model that does not run at all."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Fail."""
        raise ValueError("not with me")


def test_a_model_that_runs_nowhere_is_no_matter_of_openvino() -> None:
    """A failure of the model itself is told as such, not as one of the backend."""
    with pytest.raises(NotConstructible, match="does not run on the CPU either"):
        hardware.create("openvino").load(specimen_of(Fails(), x=torch.ones(1)), "fp32")


class Scaled(torch.nn.Module):
    """A model with an input that is no tensor."""

    def forward(self, x: torch.Tensor, factor: float) -> torch.Tensor:
        """Scale."""
        return x * factor


def test_a_constant_of_the_graph_cannot_be_fed_another_value() -> None:
    """An input that was baked into the graph is refused with another value, not ignored."""
    loaded = hardware.create("openvino").load(
        specimen_of(Scaled(), x=torch.ones(2), factor=2.0), "fp32"
    )
    assert loaded.run({"x": torch.ones(2), "factor": 2.0})["output"].tolist() == [2.0, 2.0]
    with pytest.raises(InvalidInputs, match=r"factor is 3\.0; the graph was made for 2\.0"):
        loaded.run({"x": torch.ones(2), "factor": 3.0})


def answers_like_itself(model: torch.nn.Module, *tried: torch.Tensor, **inputs: Any) -> str:
    """Load ``model`` on OpenVINO, hold its answers to ``tried`` against its own; the path taken."""
    loaded = hardware.create("openvino").load(specimen_of(model, **inputs), "fp32")
    for value in (inputs["x"], *tried):
        given = {**inputs, "x": value}
        assert compare(loaded.run(given), flatten(model(**given)), 1e-6).agrees
    return loaded.path


class Placed(torch.nn.Module):
    """Places that follow from a grid and from sizes alone."""

    def forward(self, x: torch.Tensor, map_sizes: torch.Tensor) -> torch.Tensor:
        """Add to each patch its row and its column."""
        height, width = map_sizes[0], map_sizes[1]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        places = (rows * round(x.shape[-1] / 3, 7) + columns).flatten()
        return x + places[:, None]


def test_what_follows_from_sizes_is_computed_before_the_graph() -> None:
    """Grids, which OpenVINO has no operator for, and rounded sizes are constants of a trace."""
    inputs = {"x": torch.randn(6, 4), "map_sizes": torch.tensor([2, 3])}
    assert answers_like_itself(Placed(), torch.randn(6, 4), **inputs) == "trace"


class Selecting(torch.nn.Module):
    """A size that depends on values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mean of what is positive, and how much that is."""
        positive = x[x > 0]
        return torch.stack([positive.sum() / positive.shape[0], x.sum() * positive.shape[0]])


def test_a_size_that_depends_on_values_is_no_constant() -> None:
    """A graph counts what a mask selects anew in each run."""
    x = torch.tensor([1.0, -2.0, 3.0, -4.0])
    answers_like_itself(Selecting(), torch.tensor([1.0, 2.0, 3.0, -4.0]), x=x)


class Filling(torch.nn.Module):
    """Constants that change on the way: by themselves, and by what is computed."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Use one constant before and after a change, write into another."""
        steps = torch.arange(3.0)
        before = x + steps
        steps += 1
        table = torch.arange(3.0)
        table[1] = x.sum()
        return before * steps + table


def test_constants_that_change_are_taken_as_they_are_when_they_are_used() -> None:
    """Whichever way a graph is made, no change of a constant is lost or seen too early."""
    answers_like_itself(Filling(), torch.tensor([4.0, 0.0, 2.0]), x=torch.tensor([1.0, 2.0, 3.0]))


class Caching(torch.nn.Module):
    """A cache that begins empty, as transformers' caches do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Append to nothing."""
        return torch.cat([torch.tensor([]), x], dim=-2) * 2


def test_an_empty_cache_is_traced() -> None:
    """A tensor of shape (0,), which torch skips in a concatenation, keeps no model from a trace."""
    assert answers_like_itself(Caching(), torch.ones(2, 3, 4), x=torch.randn(2, 3, 4)) == "trace"


class Resized(torch.nn.Module):
    """A table of positions that is resized to the input."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = torch.nn.Parameter(torch.randn(8, 8, 4, generator=generator), False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the table at the size of ``x``."""
        table = torch.nn.functional.interpolate(
            self.table.permute(2, 0, 1)[None], size=x.shape[-2:], mode="bicubic", antialias=True
        )
        return x + table


def test_a_resized_table_of_weights_is_a_constant() -> None:
    """Resampling of weights, which OpenVINO does to three digits, happens before the graph."""
    x = torch.zeros(1, 4, 5, 5)
    assert answers_like_itself(Resized(), torch.ones(1, 4, 5, 5), x=x) == "trace"


class Rotating(torch.nn.Module):
    """Complex numbers in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(2), False)
        self.register_buffer("turn", torch.tensor([1j, 1.0 + 1j]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn."""
        return torch.view_as_real(torch.view_as_complex(x) * self.turn) * self.scale[:, None]


def test_complex_numbers_stay_complex_at_another_precision() -> None:
    """A model in float64, the reference of the CPU, keeps the imaginary parts of its buffers."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loaded = hardware.create("cpu").load(specimen_of(Rotating(), x=x), "fp64")
    output = loaded.run({"x": x})["output"]
    assert output.dtype is torch.float64
    assert output.tolist() == [[0.0, 1.0], [-1.0, 1.0]]
