"""Stage ``batch``: what mixes the rows of a batch is found, and what has no rows says so."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from pytest_accelerate.cells import CellSettings, ModelCell, Result, StageResult, Verdict
from pytest_accelerate.hardware.torch import TorchHardware
from pytest_accelerate.stages import batch, run_cell
from pytest_accelerate.zoo.recipe import Recipe

MODULE = "recipes_of_the_batch_tests"


class Own(torch.nn.Module):
    """A model whose forward is the function given."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self._forward = forward

    def forward(self, x: torch.Tensor, **others: Any) -> Any:
        """Call it."""
        return self._forward(x * self.scale, **others)


class Mixing(TorchHardware):
    """The CPU, but the rows of a larger batch than it was loaded with come out in another order."""

    def __init__(self, name: str) -> None:
        super().__init__("cpu")
        self.name = name

    def load(self, specimen: Any, precision: str) -> Any:
        """Load as the CPU does."""
        loaded, wrong = super().load(specimen, precision), self.wrong
        run, rows = loaded.run, len(specimen.inputs["x"])

        def mixed(inputs: Any) -> dict[str, torch.Tensor]:
            outputs = run(inputs)
            larger = len(inputs["x"]) > rows
            return {name: wrong(value) if larger else value for name, value in outputs.items()}

        loaded.run = mixed  # type: ignore[method-assign]
        return loaded

    @staticmethod
    def wrong(value: torch.Tensor) -> torch.Tensor:
        """What becomes of an output."""
        return value.flip(0)


class Leaking(Mixing):
    """The CPU, but the rows of a larger batch hear each other."""

    @staticmethod
    def wrong(value: torch.Tensor) -> torch.Tensor:
        """What becomes of an output."""
        return value + 1e-3 * value.mean(0)


@pytest.fixture
def cell_of() -> Iterator[Any]:
    """Run a cell of a model with this forward and these inputs."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module

    def run(forward: Any, inputs: dict[str, Any], hardware: str = "cpu") -> Result:
        recipe = Recipe(build=lambda: (Own(forward), inputs))
        module.RECIPES = {"bert": recipe}  # type: ignore[attr-defined]
        settings = CellSettings(
            stages=("batch",),
            recipe_modules=(MODULE,),
            hardware_plugins=(("mixing", f"{__name__}:Mixing"), ("leaking", f"{__name__}:Leaking")),
        )
        return run_cell(ModelCell("bert", hardware), settings)

    yield run
    from pytest_accelerate.zoo import recipes

    recipes._outside.pop(MODULE, None)
    del sys.modules[MODULE]


def stage(result: Result) -> StageResult:
    """The stage ``batch`` of a result."""
    return next(found for found in result.stages if found.stage == "batch")


X = {"x": torch.linspace(1, 2, 6).reshape(2, 3)}


@pytest.mark.parametrize("hardware", ["mixing", "leaking"])
def test_hardware_that_mixes_rows_is_found(cell_of: Any, hardware: str) -> None:
    """It agrees on the specimen and not in a larger batch: ``partial``, with row and output."""
    result = cell_of(lambda x: {"y": x.sin()}, X, hardware)
    assert result.verdict is Verdict.PARTIAL
    assert stage(result).verdict is Verdict.MISMATCH
    assert "row 0 of 4, output y" in stage(result).reason
    assert stage(result).reason.endswith("not so on the CPU in fp32")


@pytest.mark.parametrize("hardware", ["cpu", "openvino", "leaking"])
@pytest.mark.parametrize(
    "forward",
    [
        pytest.param(lambda x: {"y": x.flip(0)}, id="rows permuted"),
        pytest.param(lambda x: {"y": x - x.mean(0)}, id="a row leaks into another"),
    ],
)
def test_a_model_that_mixes_rows_is_no_fault_of_hardware(
    cell_of: Any, forward: Any, hardware: str
) -> None:
    """There is nothing to hold the hardware to: neither a pass nor a fault, and told."""
    result = cell_of(forward, X, hardware)
    assert result.verdict is Verdict.PASS
    assert stage(result).verdict is Verdict.NOT_RUN
    assert "the reference itself mixes rows" in stage(result).reason
    assert "output y" in stage(result).reason


@pytest.mark.parametrize(("hardware", "size"), [("cpu", 4), ("openvino", 2)])
def test_rows_that_are_their_own_pass(cell_of: Any, hardware: str, size: int) -> None:
    """The number of rows and the worst row's error are told, on fixed shapes of the own batch."""
    result = cell_of(lambda x: {"y": x.sin(), "time_first": x.T}, X, hardware)
    assert result.verdict is Verdict.PASS
    assert result.measures.batch_size == size
    assert result.measures.batch_relative_error < 1e-6


@pytest.mark.parametrize("hardware", ["cpu", "openvino"])
def test_rows_beside_longer_ones_are_cut_to_their_own(
    cell_of: Any, hardware: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An output as long as the longest row is no fault where other rows are longer."""
    rows = torch.tensor([[1.0, 2.0, -1.0, -1.0], [1.0, 2.0, 3.0, -1.0]])

    def with_longer_ones(specimen: Any, layout: Any, count: int) -> list[dict[str, torch.Tensor]]:
        return [{"x": row[None]} for row in (*rows, *torch.ones(count - len(rows), 4))]

    monkeypatch.setattr(batch, "more_rows", with_longer_ones)
    result = cell_of(
        lambda x: {"y": x.sin()[:, : max(torch.nonzero(row > 0).shape[0] for row in x)]},
        {"x": rows},
        hardware,
    )
    assert result.verdict is Verdict.PASS
    assert stage(result).verdict is Verdict.PASS


def test_padding_that_is_heard_is_told(cell_of: Any) -> None:
    """A mean over padding differs without it: the model's own nature, which the stage says."""
    x = torch.linspace(1, 2, 10).reshape(2, 5)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    inputs = {"x": x, "input_ids": mask + 1, "attention_mask": mask}
    heard = cell_of(lambda x, **_: {"y": x.mean(1, keepdim=True)}, inputs)
    assert stage(heard).verdict is Verdict.PASS
    assert "the model itself hears the padding: row 1, output y" in stage(heard).reason
    assert stage(cell_of(lambda x, **_: {"y": x.sin()}, inputs)).reason == ""


def test_packed_rows_are_cut_by_their_grid(cell_of: Any) -> None:
    """Two images in one sequence of patches are rows of 2 and of 4 patches."""
    grid = torch.tensor([[1, 1, 2], [1, 2, 2]])
    inputs = {"x": torch.linspace(1, 2, 18).reshape(6, 3), "grid_thw": grid}
    assert cell_of(lambda x, grid_thw: {"y": x.sin()}, inputs).verdict is Verdict.PASS
    mixed = cell_of(lambda x, grid_thw: {"y": x - x.mean(0)}, inputs)
    assert "the reference itself mixes rows" in stage(mixed).reason


def test_inputs_without_rows_are_not_run(cell_of: Any) -> None:
    """Where rows cannot be told apart the stage names the input, and is no pass and no fault."""
    inputs = {"x": torch.linspace(1, 2, 9).reshape(3, 3), "other": torch.ones(2, 1)}
    result = cell_of(lambda x, other: {"y": x.sin()}, inputs)
    assert stage(result).verdict is Verdict.NOT_RUN
    assert "input x of shape [3, 3] does not tell its 2 rows" in stage(result).reason
    assert result.verdict is Verdict.PASS
