"""Precisions below fp32: that they take effect, and how much of a model they reach."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import openvino
import pytest
import torch
from openvino import opset13 as operators

from pytest_accelerate import hardware, zoo
from pytest_accelerate.agreement import compare
from pytest_accelerate.cells import CellSettings, ModelCell, Result, Verdict
from pytest_accelerate.endpoint import Endpoints
from pytest_accelerate.errors import UnknownPrecision, UnsupportedOperation
from pytest_accelerate.hardware import openvino_precision
from pytest_accelerate.hardware.openvino_weights import compress
from pytest_accelerate.hardware.torch_int8 import Int8Linear, quantize
from pytest_accelerate.stages import run_cell
from pytest_accelerate.stages.agree import agree
from pytest_accelerate.stages.base import Context
from pytest_accelerate.tolerances import tolerance_of
from pytest_accelerate.zoo.specimen import Specimen
from tests.hardware.halves import has_half, need_half
from tests.stages.mutants import MUTATIONS


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    """Models run, and learn nothing."""
    with torch.no_grad():
        yield


@pytest.fixture
def generator() -> torch.Generator:
    """Numbers that are the same in each run."""
    return torch.Generator().manual_seed(0)


def specimen_of(model: torch.nn.Module, **inputs: Any) -> Specimen:
    """A specimen of a module of the test's own."""
    return Specimen("own", model.eval(), inputs, ("text",))


def result_of(model_type: str, place: str, precision: str) -> Result:
    """One cell, without the stages that its verdict does not stand on."""
    return run_cell(ModelCell(model_type, place, precision), CellSettings(stages=()))


def test_products_of_integers_are_exact() -> None:
    """torch's product neither saturates nor rounds, at the largest integers and in any shape."""
    for rows, inputs, outputs in ((1, 8, 8), (3, 1024, 16), (40, 64, 24)):
        left = torch.full((rows, inputs), 127, dtype=torch.int8)
        right = torch.full((outputs, inputs), -127, dtype=torch.int8).t()
        assert torch.equal(torch._int_mm(left, right), left.int() @ right.int())


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 5), (16, 8), (33, 70)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_off_by_the_rounding_of_its_numbers(
    inputs: int, outputs: int, bias: bool, generator: torch.Generator
) -> None:
    """What a layer answers is within half a step of each weight and each number that comes in."""
    linear = torch.nn.Linear(inputs, outputs, bias)
    layer = Int8Linear(linear.weight.detach(), linear.bias, transposed=False)
    x = torch.randn(2, 3, inputs, generator=generator)
    exact, answered = linear(x), layer(x)
    half_step_of_x = x.abs().amax(-1, keepdim=True) / 254
    half_step_of_weight = linear.weight.abs().amax(1) / 254
    bound = (
        half_step_of_x * linear.weight.abs().sum(1)
        + half_step_of_weight * x.abs().sum(-1, keepdim=True)
        + inputs * half_step_of_x * half_step_of_weight
    )
    assert answered.shape == exact.shape
    assert ((answered - exact).abs() <= bound + 1e-6).all()
    assert (layer.weight - linear.weight).abs().max() <= half_step_of_weight.max() + 1e-7


def test_rows_do_not_hear_each_other(generator: torch.Generator) -> None:
    """A row's scale is its own: beside a row of a thousand times its size it answers the same."""
    layer = Int8Linear(torch.randn(8, 16, generator=generator), None, transposed=False)
    row = torch.randn(1, 16, generator=generator)
    together = layer(torch.cat([row, 1000 * row]))
    assert torch.equal(together[:1], layer(row))


def test_zeros_no_rows_and_single_rows_are_answered() -> None:
    """A row of zeros gives the bias; no rows give none; a vector gives a vector."""
    linear = torch.nn.Linear(4, 3)
    layer = Int8Linear(linear.weight, linear.bias, transposed=False)
    assert torch.equal(layer(torch.zeros(2, 4)), linear.bias.expand(2, 3))
    assert layer(torch.zeros(0, 5, 4)).shape == (0, 5, 3)
    assert layer(torch.ones(4)).shape == (3,)


class Mixed(torch.nn.Module):
    """A layer that is called, one whose weight is read, one shared with a table, a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(10, 8)
        self.called, self.read = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8, bias=False)
        self.head = torch.nn.Linear(8, 10, bias=False)
        self.head.weight = self.table.weight
        self.again = self.called
        self.convolution = torch.nn.Conv1d(8, 8, 1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Use all of them."""
        x = self.again(self.called(self.table(ids)))
        x = torch.nn.functional.linear(x, self.read.weight)
        x = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        return self.head(x)  # type: ignore[no-any-return]


def test_what_was_quantized_is_counted_as_it_is() -> None:
    """Layers count once; a weight that a table shares, and the convolution, are not in int8."""
    model = Mixed()
    quantized = quantize(model)
    assert isinstance(model.called, Int8Linear)
    assert model.again is model.called
    assert (quantized.modules, quantized.of_modules) == (3, 5)
    # Two matrices of 64, of them, the table of 80, the convolution's 64, and biases of 8 + 8.
    assert quantized.share == pytest.approx(128 / (128 + 80 + 64 + 16))


def test_a_model_that_reads_a_weight_of_its_layer_runs_with_the_rounded_one() -> None:
    """Reading ``layer.weight`` gives floats; the specimen itself stays as it was."""
    model, ids = Mixed(), torch.tensor([[1, 2, 3]])
    specimen = specimen_of(model, ids=ids)
    expected = model(ids)
    answered = hardware.create("cpu").load(specimen, "int8").run({"ids": ids})
    assert 0 < compare(answered, {"output": expected}, 1.0).max_relative_error < 0.1
    assert torch.equal(model(ids), expected)
    assert type(model.read) is torch.nn.Linear


def test_transformers_conv1d_is_a_linear_layer() -> None:
    """gpt2's projections, which keep their weights the other way round, are quantized."""
    specimen = zoo.construct("gpt2")
    loaded = hardware.create("cpu").load(specimen, "int8")
    assert loaded.quantized is not None
    assert loaded.quantized.modules == 8
    expected = hardware.create("cpu").load(specimen, "fp32").run(specimen.inputs)
    error = compare(loaded.run(specimen.inputs), expected, tolerance_of("int8")).max_relative_error
    assert 1e-4 < error < tolerance_of("int8")


@pytest.mark.parametrize(
    ("place", "precision", "least"),
    [("cpu", "int8", 0.6), ("openvino", "int8", 0.9), ("openvino", "int4", 0.7)],
)
def test_a_quantized_cell_says_how_much_was(place: str, precision: str, least: float) -> None:
    """bert passes, is off by more than fp32 may be, and the result has the figures."""
    result = result_of("bert", place, precision)
    measures = result.measures
    assert result.verdict is Verdict.PASS, result.reason
    assert measures.quantized_modules
    assert measures.quantizable_modules
    assert 10 < measures.quantized_modules <= measures.quantizable_modules
    assert measures.quantized_share is not None
    assert least < measures.quantized_share < 1
    assert precision in measures.quantization
    assert measures.max_relative_error is not None
    assert 1e-3 < measures.max_relative_error <= tolerance_of(precision)
    assert Result.from_json(result.to_json()) == result


@pytest.mark.parametrize(
    ("place", "precision", "why"),
    [("cpu", "int8", "no linear layers"), ("openvino", "int4", "17 of 17 weights, to int8")],
)
def test_a_model_of_convolutions_is_unsupported_where_only_others_are_quantized(
    place: str, precision: str, why: str
) -> None:
    """resnet has nothing that becomes an integer there: unsupported, and never a pass."""
    result = result_of("resnet", place, precision)
    assert result.verdict is Verdict.UNSUPPORTED
    assert "nothing to quantize" in result.reason
    assert why in result.reason


def test_convolutions_are_compressed_to_int8_on_openvino() -> None:
    """All 17 weights of resnet are 8-bit integers there."""
    measures = result_of("resnet", "openvino", "int8").measures
    assert (measures.quantized_modules, measures.quantizable_modules) == (17, 17)


def test_only_what_is_an_integer_in_the_graph_counts() -> None:
    """A weight is compressed to the bits asked for; a table of numbers that no layer has is not."""
    x = operators.parameter([2, 64], dtype=openvino.Type.f32)
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).numpy()
    first = operators.matmul(x, operators.constant(weight), False, True)
    last = operators.matmul(operators.relu(first), operators.constant(weight + 1), False, True)
    model = openvino.Model([operators.add(last, operators.constant(weight[:2]))], [x], "two")
    compressed, quantized = compress(model, "int4")
    assert (quantized.modules, quantized.of_modules) == (1, 2)
    assert "1 more in int8_asym" in quantized.how
    assert quantized.share == pytest.approx(64 * 64 / (2 * 64 * 64 + 2 * 64))
    kinds = {op.get_output_element_type(0).to_string() for op in compressed.get_ops()}
    assert {"u4", "u8"} <= kinds


def test_activations_are_not_rounded_beside_the_weights() -> None:
    """A compressed layer of floats that integers hold exactly answers exactly."""
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64, bias=False), torch.nn.Linear(64, 64))
    for layer in model:
        rows = torch.arange(64).repeat(64, 1) * 4.0
        layer.weight.data = rows.gather(1, torch.rand(64, 64, generator=generator).argsort(1)) / 252
    x = torch.randn(32, 64, generator=generator)
    loaded = hardware.create("openvino").load(Specimen("own", Named(model), {"x": x}, ()), "int8")
    assert compare(loaded.run({"x": x}), {"output": model(x)}, 1e-3).agrees


class Named(torch.nn.Module):
    """A model whose input is called ``x``."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model.eval()

    def forward(self, x: torch.Tensor) -> Any:
        """Hand it on."""
        return self.model(x)


def test_compressing_writes_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """NNCF's tables and bars stay out of the output of tests."""
    hardware.create("openvino").load(zoo.construct("bert"), "int8")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "nncf" not in captured.err.lower()


def test_nncf_is_imported_for_integers_alone() -> None:
    """A process that runs other precisions does without it; where it lacks, the remedy is told."""
    precisions = ["fp32", "bf16"] if has_half("openvino") else ["fp32"]
    code = (
        "import sys\n"
        "from pytest_accelerate import hardware, zoo\n"
        "specimen = zoo.construct('bert')\n"
        f"for precision in {precisions}:\n"
        "    hardware.create('openvino').load(specimen, precision)\n"
        "assert 'nncf' not in sys.modules\n"
        "sys.modules['nncf'] = None\n"
        "try:\n"
        "    hardware.create('openvino').load(specimen, 'int8')\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingPackage")
    assert "pip install 'pytest-accelerate[nncf]'" in done.stdout


def test_half_precision_is_what_ran_or_is_refused() -> None:
    """bf16 says how many operations ran so, or that none did; the same is asked of fp16."""
    specimen = zoo.construct("bert")
    for precision, wanted in (("bf16", "bf16"), ("fp16", "f16")):
        understood = openvino_precision._understood("CPU", wanted)
        if understood != wanted:
            with pytest.raises(UnsupportedOperation, match=f"runs {precision} as "):
                hardware.create("openvino").load(specimen, precision)
            continue
        executed = hardware.create("openvino").load(specimen, precision).executed
        count, _, rest = executed.partition(" of ")
        assert int(count) > 0
        assert rest.endswith(f"operations on floats run in {precision}")


def test_a_precision_that_nothing_ran_in_is_refused() -> None:
    """A graph that was compiled in fp32 is no pass of bf16, whatever it was asked for."""
    x = operators.parameter([2, 8], dtype=openvino.Type.f32)
    model = openvino.Model([operators.relu(x)], [x], "plain")
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with pytest.raises(UnsupportedOperation, match=r"none of the \d+ operations .* runs in bf16"):
        openvino_precision.executed(compiled, "bf16")


class Written(torch.nn.Linear):
    """A linear layer that writes its product out, as falcon's do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply, and add."""
        return x @ self.weight.T + self.bias


class Gated(torch.nn.Linear):
    """A class of linear layers that does more than multiply."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply, and gate."""
        return super().forward(x).sigmoid()


def test_a_class_of_linear_layers_is_taken_for_what_it_answers() -> None:
    """One with a forward of its own is quantized where it answers as a linear layer does."""
    model = torch.nn.Sequential(Written(4, 4), Gated(4, 4))
    quantized = quantize(model)
    assert (quantized.modules, quantized.of_modules) == (1, 2)
    assert isinstance(model[0], Int8Linear)
    assert isinstance(model[1], Gated)


class Refusing(torch.nn.Module):
    """An operator that torch has for no half precision."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take eigenvalues."""
        return torch.linalg.eigvalsh(x @ x.T)


@pytest.mark.parametrize(("precision", "kind"), [("fp16", "Half"), ("bf16", "BFloat16")])
def test_an_operator_that_a_precision_lacks_is_named(precision: str, kind: str) -> None:
    """torch's refusal is the backend's own: unsupported, with operator and kind of number."""
    x = torch.eye(3)
    loaded = hardware.create("cpu").load(specimen_of(Refusing(), x=x), precision)
    with pytest.raises(UnsupportedOperation, match=rf"torch has no .*eigh\w* for '?{kind}"):
        loaded.run({"x": x})


class Transforming(torch.nn.Module):
    """An operator whose refusal does not name it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take frequencies."""
        return torch.fft.rfft(x).abs()


def test_a_refusal_without_a_name_tells_the_line() -> None:
    """torch's transforms say the kind of number alone: the line of the model says the rest."""
    x = torch.eye(3)
    loaded = hardware.create("cpu").load(specimen_of(Transforming(), x=x), "bf16")
    with pytest.raises(UnsupportedOperation, match=r"BFloat16 here: .*torch\.fft\.rfft"):
        loaded.run({"x": x})


@pytest.mark.parametrize("place", ["cuda", "mps", "xpu", "openvino"])
def test_what_hardware_has_is_told_without_the_hardware(place: str) -> None:
    """Which precisions there are is a matter of the kind, known without importing it."""
    assert hardware.create(place).precisions[:3] == ("fp32", "fp16", "bf16")
    assert hardware.offers(place, "int8") is (place in ("cuda", "openvino"))
    assert hardware.offers(place, "int4") is (place == "openvino")
    assert hardware.offers("own", "int4", (("own", "some.module:Class"),))


def test_endpoints_take_every_precision_of_their_hardware() -> None:
    """An endpoint in int8 answers near fp32, and one that there is not is refused at once."""
    tiny = partial(Endpoints(), "bert", weights="tiny")
    with tiny("cpu") as exact, tiny("openvino", precision="int8") as rounded:
        inputs = exact.example_inputs
        agreement = compare(dict(rounded(inputs)), dict(exact(inputs)), tolerance_of("int8"))
    assert 1e-4 < agreement.max_relative_error <= tolerance_of("int8")
    with pytest.raises(UnknownPrecision, match="known on cpu: fp32, fp16, bf16, int8"):
        tiny("cpu", precision="int4")


class Converting(torch.nn.Module):
    """A model that converts to something that is a hundredth larger."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(64, 64)
        torch.nn.init.normal_(self.layer.weight, generator=torch.Generator().manual_seed(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply."""
        converted = torch.jit.is_tracing() or torch.compiler.is_compiling()
        answer: torch.Tensor = self.layer(x) * (1.01 if converted else 1.0)
        return answer


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_a_graph_that_is_wrong_in_fp32_is_no_pass_below(
    precision: str, generator: torch.Generator
) -> None:
    """What is off by less than a wide bound, and by more than that of fp32, is a mismatch."""
    if precision == "bf16":
        need_half("openvino")
    place, x = hardware.create("openvino"), torch.randn(2, 64, generator=generator)
    context = Context(ModelCell("own", "openvino", precision), CellSettings(), place)
    context.specimen = specimen_of(Converting(), x=x)
    context.loaded = place.load(context.specimen, precision)
    context.outputs = context.loaded.run({"x": x})
    outcome = agree(context)
    assert context.measures.max_relative_error is not None
    assert context.measures.max_relative_error < tolerance_of(precision)
    assert outcome.verdict is Verdict.MISMATCH
    assert outcome.reason.startswith("in fp32 already: output output: relative error 0.0")


TYPES = ("bert", "gpt2", "t5", "vit", "swin", "clip", "siglip", "whisper", "informer")


@pytest.mark.parametrize("fault", ["dropped", "permuted", "skipped"])
def test_what_is_wrong_is_further_off_than_any_tolerance(fault: str) -> None:
    """An input that is lost, exchanged rows and a missing layer are caught at int4's bound too.

    A weight that is 1 % too large is not: that is what rounding to 4 bits does to all of them.
    """
    for name in TYPES:
        specimen = zoo.construct(name)
        expected = hardware.create("cpu").load(specimen, "fp32").run(specimen.inputs)
        mutant = MUTATIONS[fault](specimen)
        if mutant is None:
            continue
        agreement = compare(mutant.run(specimen.inputs), expected, tolerance_of("int4"))
        assert not agreement.agrees, (name, agreement.max_relative_error)
