"""What the stages of one cell share: the context they fill, and how a failure is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_accelerate.cells import CellSettings, Measures, ModelCell, Verdict
from pytest_accelerate.errors import AccelerateError, UnknownPrecision, UnsupportedOperation

if TYPE_CHECKING:
    import torch

    from pytest_accelerate.hardware.base import Hardware, LoadedModel
    from pytest_accelerate.zoo.specimen import Specimen

REASON_LENGTH = 300


@dataclass
class Context:
    """What is known of a cell so far; each stage stands on what the ones before it left."""

    cell: ModelCell
    settings: CellSettings
    hardware: Hardware
    measures: Measures = field(default_factory=Measures)
    _specimen: Specimen | None = None
    _loaded: LoadedModel | None = None
    _outputs: dict[str, torch.Tensor] | None = None

    @property
    def specimen(self) -> Specimen:
        """The model and its inputs, once ``construct`` has passed."""
        assert self._specimen is not None, "construct has not run"
        return self._specimen

    @specimen.setter
    def specimen(self, specimen: Specimen) -> None:
        self._specimen = specimen

    @property
    def loaded(self) -> LoadedModel:
        """The model on its hardware, once ``load`` has passed."""
        assert self._loaded is not None, "load has not run"
        return self._loaded

    @loaded.setter
    def loaded(self, loaded: LoadedModel) -> None:
        self._loaded = loaded

    @property
    def outputs(self) -> dict[str, torch.Tensor]:
        """The first forward's outputs, once ``run`` has passed."""
        assert self._outputs is not None, "run has not run"
        return self._outputs

    @outputs.setter
    def outputs(self, outputs: dict[str, torch.Tensor]) -> None:
        self._outputs = outputs

    def close(self) -> None:
        """Free the device."""
        if self._loaded is not None:
            self._loaded.close()


@dataclass(frozen=True)
class Outcome:
    """What a stage found; anything but ``pass`` ends the funnel."""

    verdict: Verdict = Verdict.PASS
    reason: str = ""


StageFunction: TypeAlias = Callable[[Context], Outcome | None]
"""``None`` where the type has nothing that the stage is about: then the result lacks the stage."""


def verdict_of(error: BaseException) -> Verdict:
    """The verdict that an exception raised by a stage stands for."""
    if isinstance(error, UnsupportedOperation | UnknownPrecision):
        return Verdict.UNSUPPORTED
    if isinstance(error, MemoryError) or _is_failed_allocation(error):
        return Verdict.OOM
    return Verdict.ERROR


def reason_of(error: BaseException) -> str:
    """One line that says what was raised."""
    text = str(error).strip()
    line = text.splitlines()[0] if text else ""
    if not isinstance(error, AccelerateError):
        line = f"{type(error).__name__}: {line}" if line else type(error).__name__
    return shorten(line)


def shorten(line: str) -> str:
    """Cut a line at :data:`REASON_LENGTH` characters."""
    return line if len(line) <= REASON_LENGTH else line[: REASON_LENGTH - 1] + "…"


def _is_failed_allocation(error: BaseException) -> bool:
    # torch raises RuntimeError for a failed CPU allocation and OpenVINO passes std::bad_alloc on
    # as RuntimeError; neither has a type of its own.
    signs = ("DefaultCPUAllocator: can't allocate memory", "std::bad_alloc", "bad allocation")
    kind: Any = type(error)
    return kind.__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)
    )
