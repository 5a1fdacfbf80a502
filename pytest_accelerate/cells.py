"""The vocabulary: cells, stages, verdicts and results, as data.

This module imports nothing of the project and nothing beyond the standard library, so every
process of a run (controller, worker, fork server, cell) can exchange these values.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

SCHEMA = 1
"""Version of the result line; raised when the meaning of a field changes."""

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None


class Verdict(StrEnum):
    """What is known of a stage or a cell. Unknown is never shown as no."""

    PASS = "pass"
    PARTIAL = "partial"
    """The forward pass agrees and a later stage does not."""
    INSENSITIVE = "insensitive"
    """It agrees, but its output does not hear its inputs or weights."""
    MISMATCH = "mismatch"
    """It runs, and its numbers differ from the reference beyond the tolerance."""
    UNSUPPORTED = "unsupported"
    """The backend itself says that it cannot, and names what it lacks."""
    ERROR = "error"
    OOM = "oom"
    TIMEOUT = "timeout"
    CRASH = "crash"
    """The process died of a signal or left without an answer."""
    COVERED = "covered"
    """A part without a forward pass of its own, tested within the type it names."""
    SKIP = "skip"
    NOT_RUN = "not-run"


GREEN = frozenset({Verdict.PASS, Verdict.COVERED, Verdict.SKIP})
"""The verdicts that need no expectation to be green."""


class Stage(StrEnum):
    """A step of a cell, in funnel order."""

    CONSTRUCT = "construct"
    LOAD = "load"
    RUN = "run"
    AGREE = "agree"


MODEL_STAGES: tuple[Stage, ...] = (Stage.CONSTRUCT, Stage.LOAD, Stage.RUN, Stage.AGREE)

PRECISIONS: tuple[str, ...] = ("fp32", "fp16", "bf16", "int8", "int4")

WEIGHTS: tuple[str, ...] = ("tiny", "published", "pretrained")


@dataclass(frozen=True, order=True)
class ModelCell:
    """One square of the model half of the matrix, and one pytest item."""

    model_type: str
    """A key of transformers' config registry, such as ``bert`` or ``xlm-roberta``."""
    hardware: str
    """Where it runs: ``cpu``, ``cuda``, ``cuda:1``, ``openvino``, ``openvino:GPU``."""
    precision: str = "fp32"

    @property
    def id(self) -> str:
        """The parametrization id, ``bert-openvino-fp32``; :meth:`parse` reads it back."""
        return f"{self.model_type}-{self.hardware}-{self.precision}"

    def command(self, weights: str = "tiny") -> str:
        """The shell command that runs this cell alone."""
        words = ["pytest", "--models", self.model_type, "--hardware", self.hardware]
        words += ["--precision", self.precision]
        if weights != "tiny":
            words += ["--weights", weights]
        return shlex.join(words)

    @classmethod
    def parse(cls, cell_id: str) -> ModelCell:
        """Read an :attr:`id` from the right: model types contain ``-``, the rest does not.

        Raises:
            ValueError: if ``cell_id`` has fewer than three parts.
        """
        parts = cell_id.rsplit("-", 2)
        if len(parts) != 3 or not all(parts):
            raise ValueError(
                f"{cell_id!r} is not a cell id of the form MODEL_TYPE-HARDWARE-PRECISION"
            )
        return cls(*parts)


@dataclass(frozen=True)
class StageResult:
    """The outcome of one stage of one cell."""

    stage: Stage
    verdict: Verdict
    seconds: float = 0.0
    reason: str = ""
    """One line for people; empty when the verdict says it all."""
    traceback: str = ""
    """Paths relative to site-packages or the project; empty unless something was raised."""


@dataclass(frozen=True)
class Measures:
    """What was measured of one cell; ``None`` or empty means that it was not measured."""

    parameters: int | None = None
    """Number of elements over all parameters of the model, tied ones counted once."""
    peak_memory_bytes: int | None = None
    """Increase over the process's own high-water mark at the start of the cell."""
    latency_seconds: float | None = None
    """One forward pass, the fastest of the repetitions made after the first."""
    latency_is_hint: bool = True
    """True when other cells ran at the same time: never news."""
    max_relative_error: float | None = None
    """``max|a-b| / max|ref|`` over finite entries, the worst output."""
    max_absolute_error: float | None = None
    cosine: float | None = None
    """Cosine similarity of the worst output with its reference."""
    tolerance: float | None = None
    """The bound on ``max_relative_error`` that decided the verdict."""
    reference: str = ""
    """What the outputs were compared with: ``cpu-fp32`` or ``cpu-fp64``."""
    outputs_compared: int | None = None
    worst_output: str = ""
    path: str = ""
    """How the model reached the hardware: ``eager``, ``trace``, ``export``."""
    path_reason: str = ""
    """Why a cheaper path was not taken, or what the path taken disagrees by."""
    modalities: tuple[str, ...] = ()
    """The modalities fed, of ``text image video audio timeseries boxes points masks ...``."""
    model_class: str = ""
    weights: str = ""
    implementation_type: str = ""
    """``REAL`` or ``MOCK``."""
    threads: int | None = None
    device: str = ""
    """The device's own full name, such as its marketing name."""
    cell_seconds: float | None = None
    """Wall time from the request to the answer, everything included."""
    library_seconds: float | None = None
    """The part of ``cell_seconds`` spent in torch, transformers, OpenVINO: the stages."""


@dataclass(frozen=True)
class Result:
    """The record of one cell."""

    cell: ModelCell
    verdict: Verdict
    stages: tuple[StageResult, ...] = ()
    measures: Measures = field(default_factory=Measures)
    reason: str = ""
    """One line: why the verdict is not ``pass``, or by what it is covered."""

    def to_json(self) -> dict[str, Any]:
        """The cell's part of a result line; the store adds ``schema`` and ``run``."""
        return {
            "model_type": self.cell.model_type,
            "hardware": self.cell.hardware,
            "precision": self.cell.precision,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "stages": [
                _without_defaults(stage, keep=("stage", "verdict", "seconds"))
                for stage in self.stages
            ],
            "measures": _without_defaults(self.measures),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Read what :meth:`to_json` wrote; unknown fields of newer minor versions are ignored.

        Raises:
            KeyError, ValueError, TypeError: if ``data`` is not such a record.
        """
        return cls(
            cell=ModelCell(data["model_type"], data["hardware"], data["precision"]),
            verdict=Verdict(data["verdict"]),
            reason=data.get("reason", ""),
            stages=tuple(
                StageResult(
                    **{
                        **_known(StageResult, stage),
                        "stage": Stage(stage["stage"]),
                        "verdict": Verdict(stage["verdict"]),
                    }
                )
                for stage in data.get("stages", ())
            ),
            measures=_measures(data.get("measures", {})),
        )

    def dumps(self) -> str:
        """One line of JSON without NaN, for transport between processes."""
        return json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class CellSettings:
    """How cells are run: everything a cell's process needs beside the cell. Picklable."""

    weights: str = "tiny"
    checkpoint: str | None = None
    """Hub id or local folder for ``weights="pretrained"``."""
    timeout_seconds: float = 120.0
    """Counted from the start of the cell's own process."""
    memory_bytes: int | None = None
    """Cap on the private memory of the cell's process, over what it started with."""
    threads: int = 1
    """Compute threads of the cell's process."""
    alone: bool = True
    """Whether no other cell runs at the same time on this machine: then a latency is no hint."""
    visible_cuda_devices: str | None = None
    """``CUDA_VISIBLE_DEVICES`` for the cell's process; ``None`` leaves it as it is."""
    hardware_plugins: tuple[tuple[str, str], ...] = ()
    """(name, ``"package.module:Class"``) of hardware added from outside."""
    recipe_modules: tuple[str, ...] = ()
    """Importable modules with ``RECIPES``, added from outside."""


def _without_defaults(record: Any, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    line: dict[str, Any] = {}
    for spec in dataclasses.fields(record):
        value = getattr(record, spec.name)
        if spec.name in keep or value != spec.default:
            line[spec.name] = list(value) if isinstance(value, tuple) else value
    return line


def _known(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    names = {spec.name for spec in dataclasses.fields(kind)}
    return {name: value for name, value in data.items() if name in names}


def _measures(data: Mapping[str, Any]) -> Measures:
    known = _known(Measures, data)
    if "modalities" in known:
        known["modalities"] = tuple(known["modalities"])
    return Measures(**known)
