"""Cells in this process, for debuggers and for platforms without fork."""

from __future__ import annotations

import time
from dataclasses import replace

from pytest_accelerate.cells import CellSettings, ModelCell, Result
from pytest_accelerate.errors import MissingPackage
from pytest_accelerate.execution import memory


class InlineExecutor:
    """Runs each cell where it is called.

    Not enforced here: ``timeout_seconds``, ``memory_bytes`` and ``visible_cuda_devices``. A crash
    or a hang takes the whole process; what a cell leaves behind (memory, threads, global state)
    is there for the next one, so peak memory is an increment over what earlier cells left.
    """

    def start(self) -> None:
        """Nothing to get ready."""

    def run(self, cell: ModelCell, settings: CellSettings) -> Result:
        """Run one cell in this process.

        Raises:
            MissingPackage: torch or transformers is not installed.
        """
        try:
            import torch

            from pytest_accelerate.stages import run_cell
            from pytest_accelerate.stages.base import reason_of, verdict_of
        except ModuleNotFoundError as error:
            if error.name not in ("torch", "transformers"):
                raise
            raise MissingPackage(error.name, "torch") from error
        torch.set_num_threads(settings.threads)
        baseline = memory.reset_high_water_mark()
        started = time.perf_counter()
        try:
            result = run_cell(cell, settings)
        except Exception as error:
            result = Result(cell, verdict_of(error), reason=reason_of(error))
        measures = replace(result.measures, cell_seconds=time.perf_counter() - started)
        peak = memory.high_water_mark()
        if baseline is not None and peak is not None:
            measures = replace(measures, peak_memory_bytes=max(0, peak - baseline))
        return replace(result, measures=measures)

    def close(self) -> None:
        """Nothing to stop."""
