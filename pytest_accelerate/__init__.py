"""Which model architectures work on which of your hardware, and which API providers still behave.

The public API; everything else may change between releases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_accelerate.cells import (
        CellSettings,
        Measures,
        ModelCell,
        Result,
        Stage,
        StageResult,
        Verdict,
    )
    from pytest_accelerate.endpoint import Endpoint, EndpointOutput, Endpoints, endpoints
    from pytest_accelerate.errors import AccelerateError
    from pytest_accelerate.stages import run_cell

__all__ = [
    "AccelerateError",
    "CellSettings",
    "Endpoint",
    "EndpointOutput",
    "Endpoints",
    "Measures",
    "ModelCell",
    "Result",
    "Stage",
    "StageResult",
    "Verdict",
    "endpoints",
    "run_cell",
]

# Imported at first use: pytest imports this package in suites that never touch it.
_CELLS = ("CellSettings", "Measures", "ModelCell", "Result", "Stage", "StageResult", "Verdict")
_LAZY = {
    **dict.fromkeys(_CELLS, "pytest_accelerate.cells"),
    "AccelerateError": "pytest_accelerate.errors",
    "Endpoint": "pytest_accelerate.endpoint",
    "EndpointOutput": "pytest_accelerate.endpoint",
    "Endpoints": "pytest_accelerate.endpoint",
    "endpoints": "pytest_accelerate.endpoint",
    "run_cell": "pytest_accelerate.stages",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
