"""One cell as a plain function: whatever the model does becomes its verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
import types
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pytest_accelerate.cells import MODEL_STAGES, CellSettings, ModelCell, Result, Stage, Verdict
from pytest_accelerate.stages import run_cell
from pytest_accelerate.stages.benchmark import Use
from pytest_accelerate.stages.tracebacks import relative_paths
from pytest_accelerate.zoo.recipe import Recipe

MODULE = "recipes_of_this_test"


class Own(torch.nn.Module):
    """A model that does what its test asks for."""

    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self._forward = forward

    def forward(self, x: torch.Tensor) -> Any:
        """Do it."""
        return self._forward(x * self.scale)


@pytest.fixture
def verdict_for() -> Iterator[Any]:
    """Run a cell of a model whose forward is the function given."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module

    def run(forward: Any, hardware: str = "cpu") -> Result:
        def build() -> tuple[torch.nn.Module, Mapping[str, Any]]:
            return Own(forward).eval(), {"x": torch.linspace(1, 2, 6).reshape(2, 3)}

        module.RECIPES = {"bert": Recipe(build=build)}  # type: ignore[attr-defined]
        settings = CellSettings(recipe_modules=(MODULE,))
        result = run_cell(ModelCell("bert", hardware), settings)
        assert Result.from_json(json.loads(result.dumps())) == result
        return result

    yield run
    from pytest_accelerate.zoo import recipes

    recipes._outside.pop(MODULE, None)
    del sys.modules[MODULE]


def stages(result: Result) -> list[tuple[Stage, Verdict]]:
    """Stages and their verdicts."""
    return [(stage.stage, stage.verdict) for stage in result.stages]


def raising(error: Exception) -> Any:
    """A forward pass that raises."""

    def forward(x: torch.Tensor) -> None:
        raise error

    return forward


def test_a_model_that_agrees_passes_all_stages(verdict_for: Any) -> None:
    """Every stage passes, and the figures are there."""
    result = verdict_for(lambda x: {"y": x.sin()})
    assert result.verdict is Verdict.PASS
    generating = {Stage.GENERATE}  # which this one does not
    assert [stage for stage, _ in stages(result)] == [
        stage for stage in MODEL_STAGES if stage not in generating
    ]
    assert result.measures.reference == "cpu-fp64"
    assert result.measures.parameters == 1
    assert 0 < result.measures.max_relative_error < 1e-6
    assert 0 < result.measures.latency_seconds <= result.measures.latency_p90_seconds
    assert result.measures.latency_passes >= 3
    deciles = result.measures.latency_deciles
    assert (len(deciles), list(deciles)) == (11, sorted(deciles))
    assert deciles[5] == pytest.approx(result.measures.latency_seconds, rel=0.01)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ValueError("odd"), Verdict.ERROR),
        (MemoryError("full"), Verdict.OOM),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 TB"), Verdict.OOM),
        (RuntimeError("std::bad_alloc"), Verdict.OOM),
    ],
)
def test_what_is_raised_becomes_the_verdict(
    verdict_for: Any, error: Exception, verdict: Verdict
) -> None:
    """An exception ends the funnel at its stage, with reason and traceback."""
    result = verdict_for(raising(error))
    assert result.verdict is verdict
    assert stages(result)[-1] == (Stage.RUN, verdict)
    assert str(error) in result.reason
    assert "Traceback" in result.stages[-1].traceback


def test_random_outputs_are_a_mismatch(verdict_for: Any) -> None:
    """A model that does not repeat itself cannot be said to agree with anything."""
    result = verdict_for(lambda x: {"y": x + torch.rand(3)})
    assert result.verdict is Verdict.MISMATCH
    assert "two runs differ" in result.reason


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_outputs_that_are_no_numbers_are_an_error(verdict_for: Any, value: float) -> None:
    """NaN agrees with NaN, and that is no agreement."""
    result = verdict_for(lambda x: {"y": x * value})
    assert result.verdict is Verdict.ERROR
    assert "not a number in output y" in result.reason


def test_nothing_returned_is_an_error(verdict_for: Any) -> None:
    """A forward pass without a tensor has shown nothing."""
    assert verdict_for(lambda x: {"y": None}).verdict is Verdict.ERROR


def test_without_float64_the_reference_says_so(verdict_for: Any) -> None:
    """The reference itself passes without a comparison, and the stage tells that there was none."""

    def single(x: torch.Tensor) -> dict[str, torch.Tensor]:
        if x.dtype is torch.float64:
            raise RuntimeError("only single precision")
        return {"y": x}

    result = verdict_for(single)
    assert result.verdict is Verdict.PASS
    assert stages(result)[3] == (Stage.AGREE, Verdict.NOT_RUN)
    assert "only single precision" in result.stages[3].reason
    assert result.measures.max_relative_error is None


def test_a_slow_model_is_timed_all_the_same(verdict_for: Any) -> None:
    """A mismatch has its latency as well, and stays the verdict."""
    result = verdict_for(lambda x: {"y": x.float() + 1e-3 if x.dtype is torch.float32 else x})
    assert result.verdict is Verdict.MISMATCH
    assert stages(result)[-1] == (Stage.BENCHMARK, Verdict.PASS)
    assert result.measures.latency_seconds > 0


def test_an_optional_stage_that_fails_makes_a_cell_partial(verdict_for: Any) -> None:
    """It agrees, and what comes after does not hold: neither a pass nor a mismatch."""
    calls = []

    def tires(x: torch.Tensor) -> dict[str, torch.Tensor]:
        calls.append(1)
        if "benchmark" in {frame.name for frame in traceback.extract_stack()}:
            raise RuntimeError("no more")
        return {"y": x.sin()}

    result = verdict_for(tires)
    assert result.verdict is Verdict.PARTIAL
    assert result.reason == "benchmark: error: RuntimeError: no more"


def test_stages_that_are_not_asked_for_are_not_run() -> None:
    """Without the benchmark there is a verdict and no latency."""
    result = run_cell(ModelCell("bert", "cpu"), CellSettings(stages=()))
    assert result.verdict is Verdict.PASS
    assert Stage.BENCHMARK not in dict(stages(result))
    assert result.measures.latency_seconds is None


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the system does not tell who is busy")
def test_a_latency_beside_busy_processes_is_a_hint() -> None:
    """Other programs disturb a cell that runs alone as much as other cells would."""
    spin = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 1)]
    try:
        result = run_cell(ModelCell("bert", "cpu"), CellSettings(stages=("benchmark",)))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert result.measures.latency_is_hint


def test_who_leaves_us_our_cores_disturbs_nobody() -> None:
    """Others count once they take more than the cores that our threads leave idle."""
    cores = os.cpu_count() or 1
    start = Use(at=0.0, by_all=50.0, by_us=5.0)
    alone = Use(at=2.0, by_all=52.1, by_us=7.0)
    beside = Use(at=2.0, by_all=52.0 + 2 * cores, by_us=7.0)
    assert not start.contended(alone, threads=cores)
    assert start.contended(beside, threads=cores)
    # With a core to spare, one busy process takes nothing from us.
    assert not start.contended(replace(alone, by_all=54.0), threads=cores - 1)


def test_rates_are_told_of_rows_and_tokens() -> None:
    """Rows and tokens a second follow from the median, and padding is no token."""
    measures = run_cell(ModelCell("bert", "cpu"), CellSettings()).measures
    assert measures.items_per_second == pytest.approx(2 / measures.latency_seconds)
    tokens = measures.tokens_per_second * measures.latency_seconds
    assert 12 < round(tokens) < 24
    assert tokens == pytest.approx(round(tokens))


def test_precision_that_is_lost_is_a_mismatch(verdict_for: Any) -> None:
    """The gate closes between fp32's own rounding and an error of a thousandth."""

    def coarse(x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": x if x.dtype is torch.float64 else x * 1.001}

    result = verdict_for(coarse)
    assert result.verdict is Verdict.MISMATCH
    assert result.measures.max_relative_error == pytest.approx(1e-3, rel=1e-2)
    assert result.measures.worst_output == "y"


def test_openvino_disagreement_is_shown_not_hidden(verdict_for: Any) -> None:
    """A model that both paths get wrong is a mismatch, with the cheaper path and its error."""

    def another_when_converted(x: torch.Tensor) -> dict[str, torch.Tensor]:
        converted = torch.jit.is_tracing() or torch.compiler.is_exporting()
        return {"y": x * 1.5 if converted else x}

    result = verdict_for(another_when_converted, "openvino")
    assert result.verdict is Verdict.MISMATCH
    assert result.measures.path == "trace"
    assert result.measures.max_relative_error == pytest.approx(0.5)
    assert "relative error 0.5" in result.measures.path_reason


def test_a_trace_that_is_wrong_gives_way_to_the_export(verdict_for: Any) -> None:
    """Where the export alone is right the cell passes, and says why the trace was not taken."""

    def another_when_traced(x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": x * 1.5 if torch.jit.is_tracing() else x}

    result = verdict_for(another_when_traced, "openvino")
    assert result.verdict is Verdict.PASS
    assert result.measures.path == "export"
    assert "trace: output y: relative error 0.5" in result.measures.path_reason


def test_progress_is_told_stage_by_stage() -> None:
    """A listener hears each stage before and after it."""
    heard: list[Any] = []
    run_cell(
        ModelCell("bert", "cpu"),
        CellSettings(),
        on_stage=heard.append,
        on_result=lambda result: heard.append(result.verdict),
    )
    assert heard[:4] == [Stage.CONSTRUCT, Verdict.PASS, Stage.LOAD, Verdict.PASS]


def test_published_text_names_no_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths become relative to what is installed; a home folder loses its user."""
    monkeypatch.setattr(sys, "path", ["/opt/python/site-packages", *sys.path])
    text = relative_paths('File "/opt/python/site-packages/torch/nn.py", /home/ada/x, /Users/ada/y')
    assert text == 'File "torch/nn.py", /home/user/x, /Users/user/y'
