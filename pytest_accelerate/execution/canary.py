"""The first child of every server: it proves that forking from it leaves libraries usable.

A server that has run a parallel region forks children whose thread pools are dead: they hang at
their first parallel operation. That must be found out before it becomes verdicts about models.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pytest_accelerate.cells import CellSettings, ModelCell, Result, Stage, StageResult, Verdict

CELL = ModelCell("canary", "cpu")
SETTINGS = CellSettings(timeout_seconds=60, threads=2)


def run(
    cell: ModelCell,
    settings: CellSettings,
    on_stage: Callable[[Stage], None] | None = None,
    on_result: Callable[[StageResult], None] | None = None,
) -> Result:
    """Use more than one thread of each library that the server has imported."""
    if on_stage is not None:
        on_stage(Stage.RUN)
    if (torch := sys.modules.get("torch")) is not None:
        _use_torch(torch)
    if "openvino" in sys.modules:
        _use_openvino(settings.threads)
    return Result(cell, Verdict.PASS)


def _use_torch(torch: Any) -> None:
    ones = torch.ones(512, 512)
    if float((ones @ ones).sum()) != 512.0**3:
        raise ArithmeticError("torch multiplies matrices wrongly")


def _use_openvino(threads: int) -> None:
    import numpy
    import openvino
    from openvino import opset13

    ones = numpy.ones((64, 64), numpy.float32)
    parameter = opset13.parameter(ones.shape, numpy.float32)
    product = opset13.matmul(parameter, opset13.constant(ones), False, False)
    model = openvino.Model([product], [parameter], "canary")
    settings = {"INFERENCE_NUM_THREADS": threads}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    if float(compiled(ones)[0].sum()) != 64.0**3:
        raise ArithmeticError("OpenVINO multiplies matrices wrongly")
