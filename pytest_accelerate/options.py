"""The plugin's options: one help group, every dest and ini key prefixed ``accelerate_``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_accelerate.errors import UnknownPrecision
from pytest_accelerate.vocabulary import ALLOWANCES, EXTRA_STAGES, PRECISIONS, WEIGHTS

EXECUTORS = ("forked", "inline")
NONE = "none"
DEFAULT_TIMEOUT = 120.0
DEFAULT_BUDGET = 1.0
DEFAULT_BATCH = 4
_OF_MODELS = (
    "hardware", "missing_hardware", "models", "precision", "weights", "allow", "stages",
    "batch_size", "executor", "cell_timeout", "cell_memory", "resume",
)  # fmt: skip
_OF_PROVIDERS = ("live_apis", "live_budget", "live_writes", "providers", "servers")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Options:
    """What the command line and the ini file ask for, validated one by one."""

    hardware: tuple[str, ...]
    """As written, ``auto`` unresolved; empty when nothing was asked for."""
    missing_hardware: str
    models: tuple[str, ...]
    """Names, globs and ``@file``; empty means all."""
    precisions: tuple[str, ...]
    weights: str
    allow: tuple[str, ...]
    """What a checkpoint may bring beside tensors."""
    stages: tuple[str, ...]
    """The optional stages to run."""
    batch_size: int
    """Rows of the larger batch in stage ``batch``."""
    executor: str
    cell_timeout: float
    cell_memory: int | None
    matrix_dir: Path
    resume: bool
    update_expectations: bool
    live_apis: bool
    live_budget: float
    """USD that the calls of a live run may cost, unknown prices assumed."""
    live_writes: bool
    """Whether live calls may create, spend and delete."""
    providers: tuple[str, ...]
    """As written; empty means all."""
    servers: tuple[str, ...]
    """As written: names, or ``all`` for those that are installed; empty means none."""


def add_options(parser: pytest.Parser) -> None:
    """Register the options and their ini keys."""
    _keep_files_of_model_types(parser)
    group = parser.getgroup("accelerate", "model types and API providers (pytest-accelerate)")

    def add(name: str, help: str, ini: str | None = "string", **keywords: object) -> None:
        dest = "accelerate_" + name.removeprefix("--").replace("-", "_")
        group.addoption(name, dest=dest, default=None, help=help, **keywords)
        if ini is not None:
            parser.addini(dest, f"default of {name}: {help}", type=ini, default=None)  # type: ignore[arg-type]

    many = {"action": "append", "metavar": "NAMES"}
    add(
        "--hardware",
        "comma list of cpu, cuda, mps, xpu, openvino, with a device where there are several "
        "(cuda:1, openvino:GPU), or auto for all this machine has; repeatable (default: cpu)",
        "args",
        **many,
    )
    add(
        "--missing-hardware",
        "what hardware asked for by name and absent is: an error before collection (default) "
        "or a skip of its cells",
        choices=("error", "skip"),
    )
    add(
        "--models",
        "comma list of model types, globs, or @FILE with one of these a line; "
        "repeatable (default: all)",
        "args",
        **many,
    )
    add(
        "--precision",
        f"comma list of {', '.join(PRECISIONS)}; repeatable (default: fp32)",
        "args",
        **many,
    )
    add(
        "--weights",
        "tiny: a small real architecture with random weights (default); published: the published "
        "size with random weights; pretrained: the checkpoint mapped in mapped_models.json",
        choices=WEIGHTS,
    )
    add(
        "--allow",
        "comma list of what a checkpoint may bring that can run what its author wrote: "
        f"{', '.join(ALLOWANCES)}; repeatable (default: neither, and it is refused)",
        "args",
        **many,
    )
    add(
        "--stages",
        f"comma list of the stages to run beside construct, load, run and agree, which a verdict "
        f"stands on: {', '.join(EXTRA_STAGES)}, or none; repeatable (default: all)",
        "args",
        **many,
    )
    add(
        "--batch-size",
        "rows of the batch whose rows are compared with each alone, in stage batch, on hardware "
        "whose models take any number of them (default: 4)",
        metavar="N",
    )
    add(
        "--executor",
        "where a cell runs: forked, a process of its own (default on Linux), or inline, in "
        "pytest's process (default with --pdb)",
        choices=EXECUTORS,
    )
    add("--cell-timeout", "seconds that a cell may take (default: 120)", metavar="SECONDS")
    add(
        "--cell-memory",
        "memory that a cell may take, such as 4G (default: no cap)",
        metavar="SIZE",
    )
    add(
        "--matrix-dir",
        "folder of results, page and badges (default: matrix, below the root folder)",
        metavar="FOLDER",
    )
    add(
        "--resume",
        "go on with the newest run, which was cut short",
        None,
        action="store_const",
        const=True,
    )
    add(
        "--update-expectations",
        "write the verdicts of this run into expectations.toml instead of failing on them",
        None,
        action="store_const",
        const=True,
    )
    _add_options_of_providers(add, many)


def _add_options_of_providers(add: Callable[..., None], many: Mapping[str, str]) -> None:
    add("--providers", "comma list of API providers; repeatable (default: all)", "args", **many)
    add(
        "--servers",
        "comma list of real servers to start on loopback and run the operations against that they "
        "offer, or all that are installed; repeatable (see pytest-accelerate servers)",
        "args",
        **many,
    )
    add(
        "--live-apis",
        "call the real APIs in place of mocked ones, with your credentials and at your cost",
        None,
        action="store_const",
        const=True,
    )
    add(
        "--live-budget",
        "stop a live run when its calls come to so much, which xdist's workers share evenly; a "
        "call whose price is not known counts for more than it is likely to cost "
        f"(default: {DEFAULT_BUDGET:g})",
        metavar="USD",
    )
    add(
        "--live-writes",
        "let live calls create, spend (images, jobs) and delete",
        None,
        action="store_const",
        const=True,
    )


def _keep_files_of_model_types(parser: pytest.Parser) -> None:
    """Let ``--models @FILE`` reach its option.

    pytest replaces an argument ``@FILE`` by the lines of that file, whatever option it follows;
    ``--models=@FILE`` is no such argument, so the first is written as the second.
    """
    optparser = parser.optparser
    expand = optparser._read_args_from_files

    def keep(arguments: list[str]) -> list[str]:
        kept: list[str] = []
        for argument in arguments:
            if kept and kept[-1] == "--models" and argument.startswith("@"):
                kept[-1] = f"--models={argument}"
            else:
                kept.append(argument)
        return expand(kept)

    optparser._read_args_from_files = keep  # type: ignore[assignment,method-assign]


def is_used(config: pytest.Config) -> bool:
    """Whether the command line or the ini file names any option of this plugin."""
    return any(
        name.startswith("accelerate_") and value is not None
        for name, value in vars(config.option).items()
    ) or bool(_ini(config, "accelerate_hardware"))


def asks_for_models(config: pytest.Config) -> bool:
    """Whether model types are to be run, so that it is worth looking for the hardware early."""
    if _given(config, _OF_MODELS):
        return True
    return bool(_ini(config, "accelerate_hardware")) and not _given(config, _OF_PROVIDERS)


def asks_for_providers(config: pytest.Config) -> bool:
    """Whether any option is given that is about providers alone."""
    return _given(config, _OF_PROVIDERS)


def _given(config: pytest.Config, names: Iterable[str]) -> bool:
    return any(config.getoption(f"accelerate_{name}") is not None for name in names)


def parse(config: pytest.Config) -> Options:
    """Read and check all options.

    Raises:
        pytest.UsageError: an option's value cannot be read.
        UnknownPrecision: no precision has this name.
    """
    precisions = _names(config, "precision") or ("fp32",)
    for precision in precisions:
        if precision not in PRECISIONS:
            raise UnknownPrecision(precision, PRECISIONS)
    return Options(
        hardware=_names(config, "hardware"),
        missing_hardware=_choice(config, "missing_hardware", ("error", "skip"), "error"),
        models=_names(config, "models"),
        precisions=precisions,
        weights=_choice(config, "weights", WEIGHTS, "tiny"),
        allow=_allowed(config),
        stages=_stages(config),
        batch_size=_batch_size(_value(config, "batch_size")),
        executor=_choice(config, "executor", EXECUTORS, _default_executor(config)),
        cell_timeout=_seconds(_value(config, "cell_timeout")),
        cell_memory=_size(_value(config, "cell_memory")),
        matrix_dir=_matrix_dir(config),
        resume=bool(config.getoption("accelerate_resume")),
        update_expectations=bool(config.getoption("accelerate_update_expectations")),
        live_apis=bool(config.getoption("accelerate_live_apis")),
        live_budget=_usd(_value(config, "live_budget")),
        live_writes=_live_writes(config),
        providers=_names(config, "providers"),
        servers=_names(config, "servers"),
    )


def _stages(config: pytest.Config) -> tuple[str, ...]:
    named = _names(config, "stages")
    for name in named:
        if name not in (*EXTRA_STAGES, NONE):
            raise pytest.UsageError(
                f"--stages {name!r}: expected {', '.join(EXTRA_STAGES)}, or {NONE}; those that a "
                "verdict stands on always run"
            )
    return tuple(name for name in EXTRA_STAGES if name in named) if named else EXTRA_STAGES


def _allowed(config: pytest.Config) -> tuple[str, ...]:
    named = _names(config, "allow")
    for name in named:
        if name not in ALLOWANCES:
            raise pytest.UsageError(f"--allow {name!r}: expected {', '.join(ALLOWANCES)}")
    return named


def _live_writes(config: pytest.Config) -> bool:
    writes = bool(config.getoption("accelerate_live_writes"))
    if writes and not config.getoption("accelerate_live_apis"):
        raise pytest.UsageError("--live-writes allows nothing without --live-apis")
    return writes


def _default_executor(config: pytest.Config) -> str:
    wants_debugger = config.getoption("usepdb", False) or config.getoption("trace", False)
    return "forked" if sys.platform == "linux" and not wants_debugger else "inline"


def _ini(config: pytest.Config, dest: str) -> object:
    return config.getini(dest)


def _value(config: pytest.Config, name: str) -> str | None:
    value = config.getoption(f"accelerate_{name}")
    if value is None:
        value = _ini(config, f"accelerate_{name}") or None
    return None if value is None else str(value)


def _names(config: pytest.Config, name: str) -> tuple[str, ...]:
    given = config.getoption(f"accelerate_{name}")
    if given is None:
        given = _ini(config, f"accelerate_{name}") or ()
    return tuple(dict.fromkeys(_split(given)))


def _split(values: Iterable[str]) -> Iterable[str]:
    for value in values:
        yield from (part.strip() for part in value.split(",") if part.strip())


def _choice(config: pytest.Config, name: str, choices: tuple[str, ...], default: str) -> str:
    value = _value(config, name) or default
    if value not in choices:
        raise pytest.UsageError(
            f"accelerate_{name} = {value!r} in the ini file; choose from {', '.join(choices)}"
        )
    return value


def _seconds(value: str | None) -> float:
    if value is None:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise pytest.UsageError(f"--cell-timeout {value!r} is not a number of seconds above 0")
    return seconds


def _batch_size(value: str | None) -> int:
    if value is None:
        return DEFAULT_BATCH
    size = int(value) if value.isdecimal() else 0
    if size < 2:
        raise pytest.UsageError(f"--batch-size {value!r} is not a number of rows from 2 on")
    return size


def _usd(value: str | None) -> float:
    if value is None:
        return DEFAULT_BUDGET
    try:
        usd = float(value)
    except ValueError:
        usd = -1.0
    if not 0 <= usd < float("inf"):
        raise pytest.UsageError(f"--live-budget {value!r} is not an amount of USD, such as 0.50")
    return usd


def _size(value: str | None) -> int | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", value.strip(), re.IGNORECASE)
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size <= 0:
        raise pytest.UsageError(f"--cell-memory {value!r} is not a size such as 512M or 4G")
    return size


def _matrix_dir(config: pytest.Config) -> Path:
    given = config.getoption("accelerate_matrix_dir")
    if given is not None:
        return Path(config.invocation_params.dir, given)
    return Path(config.rootpath, _value(config, "matrix_dir") or "matrix")
