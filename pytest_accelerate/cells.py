"""The vocabulary: cells, stages, verdicts and results, as data.

This module imports of the project its names alone, and nothing beyond the standard library, so
every process of a run (controller, worker, fork server, cell) can exchange these values.
"""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from pytest_accelerate.measures import Measures
from pytest_accelerate.records import known_fields, without_defaults
from pytest_accelerate.vocabulary import EXTRA_STAGES, MODES, PRECISIONS, WEIGHTS

__all__ = [
    "GREEN",
    "JSON",
    "LIVE_STAGES",
    "MODEL_STAGES",
    "MODES",
    "ONLY_TESTS",
    "OPTIONAL_STAGES",
    "PRECISIONS",
    "PROVIDER_STAGES",
    "SCHEMA",
    "WEIGHTS",
    "WRITING_EFFECTS",
    "Cell",
    "CellSettings",
    "Measures",
    "ModelCell",
    "ProviderCell",
    "Result",
    "Stage",
    "StageResult",
    "Verdict",
    "cell_from_json",
    "cell_to_json",
    "with_tests",
]

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
    """A step of a cell, in funnel order: those of a model, then those of a provider's operation."""

    CONSTRUCT = "construct"
    LOAD = "load"
    RUN = "run"
    AGREE = "agree"
    BATCH = "batch"
    """A row of a batch gives what it gives alone."""
    GENERATE = "generate"
    """Greedy tokens, with a cache, are the reference's; only of types that generate."""
    BENCHMARK = "benchmark"
    """How fast it is; runs wherever ``run`` has passed."""

    REQUEST = "request"
    """The call sends what the API's reference says."""
    RESPONSE = "response"
    """The answer is read, and is of its type."""
    STREAM = "stream"
    """Every event is read, and together they are the answer without streaming."""
    RETRY = "retry"
    RATE_LIMIT = "rate-limit"
    TIMEOUT = "timeout"
    AUTH = "auth"
    CANCEL = "cancel"


_STAGES: dict[str, Stage] = {str(stage): stage for stage in Stage}


MODEL_STAGES: tuple[Stage, ...] = (
    Stage.CONSTRUCT,
    Stage.LOAD,
    Stage.RUN,
    Stage.AGREE,
    Stage.BATCH,
    Stage.GENERATE,
    Stage.BENCHMARK,
)

OPTIONAL_STAGES: tuple[Stage, ...] = tuple(map(Stage, EXTRA_STAGES))
"""Those of a model that ``--stages`` selects; a verdict stands on the others, which always run."""

LIVE_STAGES: tuple[Stage, ...] = (Stage.REQUEST, Stage.RESPONSE, Stage.STREAM)
"""What can be asked of a real API without harm."""

PROVIDER_STAGES: tuple[Stage, ...] = (
    *LIVE_STAGES,
    Stage.RETRY,
    Stage.RATE_LIMIT,
    Stage.TIMEOUT,
    Stage.AUTH,
    Stage.CANCEL,
)


@functools.total_ordering
class _Ordered:
    """One order over cells of both kinds: those of models first, each by its fields."""

    _rank: ClassVar[int]

    def _place(self) -> tuple[object, ...]:
        return (self._rank, *vars(self).values())

    def __lt__(self, other: object) -> bool:
        return self._place() < other._place() if isinstance(other, _Ordered) else NotImplemented


@dataclass(frozen=True)
class ModelCell(_Ordered):
    """One square of the model half of the matrix, and one pytest item."""

    _rank = 0

    model_type: str
    """A key of transformers' config registry, such as ``bert`` or ``xlm-roberta``."""
    hardware: str
    """Where it runs: ``cpu``, ``cuda``, ``cuda:1``, ``openvino``, ``openvino:GPU``."""
    precision: str = "fp32"
    edition: str = ""
    """The release that its result is of, ``transformers 5.23.0``, where a matrix shows several side
    by side; no part of a result line, whose run has all versions."""

    @property
    def id(self) -> str:
        """The parametrization id, ``bert-openvino-fp32``; :meth:`parse` reads it back."""
        edition = f" ({self.edition})" if self.edition else ""
        return f"{self.model_type}-{self.hardware}-{self.precision}{edition}"

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
class ProviderCell(_Ordered):
    """One square of the provider half of the matrix, and one pytest item."""

    _rank = 1

    provider: str
    """The name of a client class: ``openai``, ``claude``."""
    operation: str
    """One of its operations: ``chat``, ``files_upload``."""
    mode: str
    """Who answers, of :data:`MODES`: a ``mock``, a real ``server`` on loopback, or the ``live``
    API."""

    @property
    def id(self) -> str:
        """The parametrization id, ``openai-chat-mock``; :meth:`parse` reads it back."""
        return f"{self.provider}-{self.operation}-{self.mode}"

    @property
    def implementation_type(self) -> str:
        """``MOCK`` or ``REAL``: what a result of this cell says of where it comes from."""
        return "MOCK" if self.mode == "mock" else "REAL"

    def command(self, *, writes: bool = False) -> str:
        """The shell command that runs this cell alone.

        Args:
            writes: whether the operation creates, spends or deletes, which a live run must be
                told to do.
        """
        words = ["pytest", "api_tests", "--providers", self.provider, "-k", self.id]
        if self.mode == "server":
            words += ["--servers", "all"]
        if self.mode == "live":
            words += ["--live-apis", "--live-writes"] if writes else ["--live-apis"]
        return shlex.join(words)

    @classmethod
    def parse(cls, cell_id: str) -> ProviderCell:
        """Read an :attr:`id` from the right: operations and modes contain no ``-``.

        Raises:
            ValueError: if ``cell_id`` has fewer than three parts, or no mode at its end.
        """
        parts = cell_id.rsplit("-", 2)
        if len(parts) != 3 or not all(parts) or parts[2] not in MODES:
            raise ValueError(
                f"{cell_id!r} is not a cell id of the form PROVIDER-OPERATION-MODE, "
                f"with a mode of {', '.join(MODES)}"
            )
        return cls(*parts)


Cell: TypeAlias = ModelCell | ProviderCell
"""Any square of the matrix. Cells of both kinds sort together, those of models first."""


@dataclass(frozen=True)
class StageResult:
    """The outcome of one stage of one cell."""

    stage: str
    """A :class:`Stage`, or the name of a test of people's own."""
    verdict: Verdict
    seconds: float = 0.0
    reason: str = ""
    """One line for people; empty when the verdict says it all."""
    traceback: str = ""
    """Paths relative to site-packages or the project; empty unless something was raised."""

    def to_json(self) -> dict[str, Any]:
        """An element of ``stages`` in a result line."""
        return without_defaults(self, keep=("stage", "verdict", "seconds"))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StageResult:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyError, ValueError, TypeError: if ``data`` is not such a record.
        """
        fields = {**known_fields(cls, data), "verdict": Verdict(data["verdict"])}
        stage = data["stage"]
        return cls(**{**fields, "stage": _STAGES.get(stage, stage)})


WRITING_EFFECTS = frozenset({"create", "spend", "delete"})
"""The effects that a live run must be told to have, with ``--live-writes``."""


@dataclass(frozen=True)
class Result:
    """The record of one cell."""

    cell: Cell
    verdict: Verdict
    stages: tuple[StageResult, ...] = ()
    measures: Measures = field(default_factory=Measures)
    reason: str = ""
    """One line: why the verdict is not ``pass``, or by what it is covered."""

    def __post_init__(self) -> None:
        if isinstance(self.cell, ProviderCell):
            said, true = self.measures.implementation_type, self.cell.implementation_type
            if said not in ("", true):
                raise ValueError(f"{self.cell.id} is {true}, and its result says {said}")

    @property
    def command(self) -> str:
        """The shell command that runs this cell alone again."""
        if isinstance(self.cell, ProviderCell):
            return self.cell.command(writes=self.measures.effect in WRITING_EFFECTS)
        return self.cell.command(self.measures.weights or "tiny")

    def to_json(self) -> dict[str, Any]:
        """The cell's part of a result line; the store adds ``schema`` and ``run``."""
        return {
            **cell_to_json(self.cell),
            "verdict": str(self.verdict),
            "reason": self.reason,
            "stages": [stage.to_json() for stage in self.stages],
            "measures": self.measures.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Read what :meth:`to_json` wrote; unknown fields of newer minor versions are ignored.

        Raises:
            KeyError, ValueError, TypeError: if ``data`` is not such a record.
        """
        return cls(
            cell=cell_from_json(data),
            verdict=Verdict(data["verdict"]),
            reason=data.get("reason", ""),
            stages=tuple(StageResult.from_json(stage) for stage in data.get("stages", ())),
            measures=Measures.from_json(data.get("measures", {})),
        )

    def dumps(self) -> str:
        """One line of JSON without NaN, for transport between processes."""
        return json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False)


ONLY_TESTS = "not verified: only tests of your own have run on it"
"""The reason of a cell that is known by such tests alone."""


def with_tests(result: Result, tests: Iterable[StageResult]) -> Result:
    """``result`` with tests of people's own as further stages.

    One that fails makes of a pass a ``partial``; where nothing else was run, the cell stays
    ``not-run``, whatever they say.
    """
    tests = tuple(tests)
    failed = next((test for test in tests if test.verdict not in GREEN), None)
    verdict, reason = result.verdict, result.reason
    if failed is not None and verdict is Verdict.PASS:
        verdict, reason = Verdict.PARTIAL, f"{failed.stage}: {failed.reason}"
    return replace(result, stages=(*result.stages, *tests), verdict=verdict, reason=reason)


@dataclass(frozen=True)
class CellSettings:
    """How cells are run: everything a cell's process needs beside the cell. Picklable."""

    weights: str = "tiny"
    checkpoint: str | None = None
    """Hub id, local folder or ``s3://bucket/prefix`` for ``weights="pretrained"``."""
    allow: tuple[str, ...] = ()
    """What a checkpoint may bring beside tensors, of
    :data:`~pytest_accelerate.vocabulary.ALLOWANCES`."""
    timeout_seconds: float = 120.0
    """Counted from the start of the cell's own process."""
    memory_bytes: int | None = None
    """Cap on the private memory of the cell's process, over what it started with."""
    threads: int = 1
    """Compute threads of the cell's process."""
    stages: tuple[str, ...] = EXTRA_STAGES
    """The optional stages to run, of :data:`OPTIONAL_STAGES`."""
    batch_size: int = 4
    """Rows of the larger batch in stage ``batch``."""
    alone: bool = True
    """Whether no other cell runs at the same time on this machine: then a latency is no hint."""
    visible_cuda_devices: str | None = None
    """``CUDA_VISIBLE_DEVICES`` for the cell's process; ``None`` leaves it as it is."""
    hardware_plugins: tuple[tuple[str, str], ...] = ()
    """(name, ``"package.module:Class"``) of hardware added from outside."""
    recipe_modules: tuple[str, ...] = ()
    """Importable modules with ``RECIPES``, added from outside."""


def cell_to_json(cell: Cell) -> dict[str, str]:
    """The fields of a result line that say which cell it is about."""
    return {name: value for name, value in vars(cell).items() if name != "edition"}


def cell_from_json(data: Mapping[str, Any]) -> Cell:
    """The cell that a result line is about, by its fields.

    Raises:
        KeyError, ValueError: if they are not those of a cell.
    """
    if "provider" not in data:
        return ModelCell(data["model_type"], data["hardware"], data["precision"])
    if data["mode"] not in MODES:
        raise ValueError(f"mode {data['mode']!r} is none of {', '.join(MODES)}")
    return ProviderCell(data["provider"], data["operation"], data["mode"])
