"""What runs a cell, and what is imported for it ahead: the server is told both by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_accelerate.cells import CellSettings, ModelCell, Result, Stage, StageResult


class Runner(Protocol):
    """A function that runs one cell, as :func:`pytest_accelerate.stages.run_cell` does."""

    def __call__(
        self,
        cell: ModelCell,
        settings: CellSettings,
        on_stage: Callable[[Stage], None] | None = None,
        on_result: Callable[[StageResult], None] | None = None,
    ) -> Result:
        """Run ``cell``; tell of each stage before and after it."""
        ...


@dataclass(frozen=True)
class Imports:
    """What a fork server imports before its first cell."""

    runner: str = "pytest_accelerate.stages:run_cell"
    """The :class:`Runner`, as ``"package.module:function"``."""
    modules: tuple[str, ...] = ()
    """In this order; ``torch`` is held to one thread as soon as it is there."""
    warm: tuple[str, ...] = ()
    """Functions to call afterwards, as ``"package.module:function"``."""


def of_hardware(
    hardware: Sequence[str], plugins: Sequence[tuple[str, str]], recipe_modules: Sequence[str]
) -> Imports:
    """What cells on ``hardware`` need, with what is added from outside."""
    openvino = any(name.split(":")[0] == "openvino" for name in hardware)
    return Imports(
        modules=(
            "torch",
            "transformers",
            "transformers.modeling_utils",
            "pytest_accelerate.zoo",
            "pytest_accelerate.hardware.torch",
            *(("pytest_accelerate.hardware.openvino",) if openvino else ()),
            "pytest_accelerate.stages",
            *(path.partition(":")[0] for name, path in plugins if name in hardware),
            *recipe_modules,
        ),
        warm=(
            "pytest_accelerate.execution.warm:one_cell",
            *(("pytest_accelerate.hardware.openvino:warm",) if openvino else ()),
        ),
    )


def load(path: str) -> Any:
    """Import ``"package.module:function"``."""
    module, _, function = path.partition(":")
    return getattr(importlib.import_module(module), function)
