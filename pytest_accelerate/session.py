"""What one pytest process holds of a run: its plan, its cells and the executor that runs them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_accelerate.errors import UnknownProvider, UsageError
from pytest_accelerate.options import Options, asks_for_models, asks_for_providers
from pytest_accelerate.plan import CudaPool, Plan, make_plan

if TYPE_CHECKING:
    from pytest_accelerate.cells import Cell, CellSettings, ModelCell, Result, Verdict
    from pytest_accelerate.discovery import ModelType
    from pytest_accelerate.execution.base import Executor
    from pytest_accelerate.lending import Clients
    from pytest_accelerate.matrix.expectations import Expectations

PLAN_KEY = "accelerate_plan"
CUDA_KEY = "accelerate_cuda"
DEFAULT_HARDWARE = ("cpu",)
SESSION = pytest.StashKey["AccelerateSession"]()


def session_of(config: pytest.Config) -> AccelerateSession:
    """This process's part of the run."""
    return config.stash[SESSION]


class AccelerateSession:
    """Made once per process at configuration; everything that costs is made at first use."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self.config = config
        self.options = options
        self.planned: set[Cell] = set()
        """Cells that were collected, before ``-k`` and the like deselected any."""
        self._plan: Plan | None = None
        self._executor: Executor | None = None
        self._endpoints: Any = None

    @property
    def worker_input(self) -> dict[str, Any] | None:
        """What xdist's controller handed over; ``None`` in the controller and without xdist."""
        return getattr(self.config, "workerinput", None)

    @property
    def plan(self) -> Plan:
        """The plan of the run, made here or handed over by the controller."""
        if self._plan is None:
            handed = (self.worker_input or {}).get(PLAN_KEY)
            self._plan = Plan.loads(handed) if handed else self._make_plan()
        return self._plan

    def _make_plan(self) -> Plan:
        plan = make_plan(self.config, self.options, self.options.hardware or DEFAULT_HARDWARE)
        self.check_matrix()
        return plan

    def check_matrix(self) -> None:
        """Find out whether results can be written.

        Raises:
            UnwritableMatrix: they cannot.
        """
        from pytest_accelerate.matrix.store import check_writable

        check_writable(self.options.matrix_dir)

    def prepare(self) -> None:
        """Check what can be checked before the run, and make the plan where models are to be run.

        Raises:
            AccelerateError: something that was asked for cannot be had.
        """
        self.selected_providers()
        _ = self.servers
        _ = self.expectations
        if not asks_for_models(self.config):
            self.check_matrix()
            return
        if self.options.models:
            self.selected_types()
        _ = self.plan
        if self.options.resume:
            self._resume()

    def _resume(self) -> None:
        from pytest_accelerate.matrix import store
        from pytest_accelerate.recording import describe_run

        results = self.options.matrix_dir / "results"
        found = store.find_resumable(results, describe_run(self, planned=0))
        if found is None:
            raise UsageError(f"--resume: there is no run in {results}; run without --resume")
        if found.complete:
            raise UsageError(
                f"--resume: the newest run, {found.path.stem}, is complete; run without --resume"
            )
        if found.differences:
            raise UsageError(
                f"--resume: the run {found.path.stem} cannot go on, as it is not the same now:\n  "
                + "\n  ".join(found.differences)
            )
        self._plan = replace(self.plan, resumed=str(found.path))

    def header(self) -> list[str]:
        """What the run's header says of the models and providers that were asked for."""
        lines = self._header_of_models() if asks_for_models(self.config) else []
        if asks_for_providers(self.config):
            budget = f"live, at most {self.options.live_budget:g} USD"
            how = budget if self.options.live_apis else "mocked"
            if self.servers:
                how += f", and on the servers {', '.join(self.servers)}"
            lines.append(f"accelerate: {', '.join(self.selected_providers())}; {how}")
        return lines

    def _header_of_models(self) -> list[str]:
        plan = self.plan
        named = [
            f"{name} ({plan.devices[name]})" if plan.devices.get(name) else name
            for name in plan.hardware
            if name not in plan.missing
        ]
        lines = [f"accelerate: {', '.join(named) or 'no hardware'}; {self.options.executor} cells"]
        lines += [f"accelerate: {name} is missing: {why}" for name, why in plan.missing.items()]
        if plan.resumed is not None:
            lines.append(f"accelerate: resumes {plan.resumed}, {len(self.finished)} cells finished")
        return lines

    def equip_worker(self, worker: str, workerinput: dict[str, Any]) -> None:
        """Hand the plan and a CUDA device of its own to a worker about to start."""
        if not asks_for_models(self.config):
            return
        workerinput[PLAN_KEY] = self.plan.dumps()
        if any(name == "cuda" for name in self.plan.hardware):
            workerinput[CUDA_KEY] = self._cuda_pool.lend(worker)

    def retire_worker(self, worker: str) -> None:
        """Take back what was lent to a worker that has gone."""
        if not asks_for_models(self.config):
            return
        if any(name == "cuda" for name in self.plan.hardware):
            self._cuda_pool.take_back(worker)

    @cached_property
    def _cuda_pool(self) -> CudaPool:
        return CudaPool.of_this_machine()

    def require_hardware(self, names: Sequence[str]) -> None:
        """Add what a marker names to the plan, where no option says what hardware to use.

        Raises:
            UnknownHardware, HardwareUnavailable: as :func:`~pytest_accelerate.plan.make_plan`.
        """
        plan = self.plan
        new = [name for name in names if name not in plan.devices and name not in plan.missing]
        if new:
            more = make_plan(self.config, self.options, new)
            self._plan = replace(
                plan,
                hardware=(*plan.hardware, *more.hardware),
                missing={**plan.missing, **more.missing},
                devices={**plan.devices, **more.devices},
            )

    @cached_property
    def model_types(self) -> tuple[ModelType, ...]:
        """All model types, in the list's order."""
        from pytest_accelerate import discovery

        local = self.config.rootpath / "huggingface_model_types.json"
        return discovery.model_types(local if local.exists() else None)

    def selected_types(self, patterns: tuple[str, ...] = ()) -> tuple[ModelType, ...]:
        """The model types that ``--models`` selects, of those that ``patterns`` name."""
        from pytest_accelerate import discovery

        chosen = self.model_types
        for selection in (patterns, self.options.models):
            if selection:
                names = {kind.name for kind in discovery.select(self.model_types, selection)}
                chosen = tuple(kind for kind in chosen if kind.name in names)
        return chosen

    def selected_providers(self, marked: Sequence[str] = ()) -> tuple[str, ...]:
        """The providers that ``--providers`` selects, of those that a marker names.

        Raises:
            UnknownProvider: there is none of a name; lists the known.
        """
        from pytest_accelerate import providers

        known = providers.names()
        chosen = known
        for selection in (marked, self.options.providers):
            for name in selection:
                if name not in known:
                    raise UnknownProvider(name, known)
            if selection:
                chosen = tuple(name for name in chosen if name in selection)
        return chosen

    @cached_property
    def servers(self) -> tuple[str, ...]:
        """The real servers that ``--servers`` selects.

        Raises:
            UnknownServer: there is none of a name; lists the known.
            ServerNotInstalled: one that was named is not installed.
        """
        if not self.options.servers:
            return ()
        from pytest_accelerate.servers.hosting import selected

        return selected(self.options.servers)

    def offering(self, provider: str, operation: str) -> tuple[str, ...]:
        """Those of :attr:`servers` that offer an operation."""
        from pytest_accelerate.servers.hosting import offering

        return offering(self.servers, provider, operation)

    @cached_property
    def clients(self) -> Clients:
        """The clients of providers, mocked or real as the options say."""
        from pytest_accelerate.lending import Clients

        return Clients(self.options, self.workers, self.servers)

    @cached_property
    def expectations(self) -> Expectations:
        """What is known not to pass; nothing where weights other than the tiny ones are used."""
        from pytest_accelerate.matrix import expectations

        if self.options.weights != "tiny":
            return expectations.Expectations()
        return expectations.load(self.options.matrix_dir / "expectations.toml")

    @cached_property
    def finished(self) -> dict[Cell, Result]:
        """Results of the run that is being resumed."""
        from pytest_accelerate.matrix.store import read_run

        # The plan looks for hardware, which a run of providers alone does not need.
        if not self.options.resume or self.plan.resumed is None:
            return {}
        return dict(read_run(Path(self.plan.resumed)).results)

    @cached_property
    def previous(self) -> Mapping[Cell, Verdict]:
        """What cells came to in the last runs before, with the weights of this one.

        Asked for a cell that fails alone, so that a run in which all pass reads no results.
        """
        from pytest_accelerate.matrix.store import last_verdicts

        return last_verdicts(self.options.matrix_dir / "results", self.options.weights)

    @property
    def workers(self) -> int:
        """How many processes run cells at the same time."""
        return int((self.worker_input or {}).get("workercount", 1))

    @property
    def threads(self) -> int:
        """Compute threads for one cell: the cores divided by the workers, at least one."""
        return max(1, len(os.sched_getaffinity(0)) // self.workers)

    def settings(self, cell: ModelCell) -> CellSettings:
        """How ``cell`` is to be run here."""
        from pytest_accelerate.cells import CellSettings

        assigned = (self.worker_input or {}).get(CUDA_KEY)
        return CellSettings(
            weights=self.options.weights,
            checkpoint=self._checkpoint(cell.model_type),
            allow=self.options.allow,
            timeout_seconds=self.options.cell_timeout,
            memory_bytes=self.options.cell_memory,
            threads=self.threads,
            stages=self.options.stages,
            batch_size=self.options.batch_size,
            alone=self.workers == 1,
            # cuda:1 is the caller's second device, so only the bare name takes the assigned one.
            visible_cuda_devices=assigned if cell.hardware == "cuda" else None,
            hardware_plugins=self.plan.hardware_plugins,
            recipe_modules=self.plan.recipe_modules,
        )

    def _checkpoint(self, model_type: str) -> str | None:
        if self.options.weights != "pretrained":
            return None
        from pytest_accelerate import discovery

        return discovery.checkpoints(self.config.rootpath).get(model_type)

    @property
    def executor(self) -> Executor:
        """The executor, started at first use."""
        if self._executor is None:
            self._executor = self._start_executor()
        return self._executor

    def start_executor_early(self) -> None:
        """Let the executor import its libraries while pytest goes on."""
        self.executor.start()

    def _start_executor(self) -> Executor:
        from pytest_accelerate import execution

        return execution.create(
            self.options.executor,
            hardware=self.plan.hardware,
            plugins=self.plan.hardware_plugins,
            recipe_modules=self.plan.recipe_modules,
        )

    def run(self, cell: Cell) -> Result:
        """Run one cell, or say why it is not run."""
        from pytest_accelerate.cells import ProviderCell, Result, Verdict

        if isinstance(cell, ProviderCell):
            return self.clients.run(cell)
        if cell.hardware in self.plan.missing:
            return Result(cell, Verdict.NOT_RUN, reason=self.plan.missing[cell.hardware])
        kind = next((kind for kind in self.model_types if kind.name == cell.model_type), None)
        if kind is not None and not kind.installed:
            return Result(cell, Verdict.SKIP, reason=_absent_reason(kind))
        return self.executor.run(cell, self.settings(cell))

    @property
    def endpoints(self) -> Any:
        """Endpoint handlers with the weights that the options ask for, in this process."""
        if self._endpoints is None:
            from pytest_accelerate.endpoint import Endpoints

            self._endpoints = Endpoints(
                weights=self.options.weights,
                allow=self.options.allow,
                hardware_plugins=self.plan.hardware_plugins,
                recipe_modules=self.plan.recipe_modules,
            )
        return self._endpoints

    def close(self) -> None:
        """Stop what was started."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None
        if self._endpoints is not None:
            self._endpoints.close()
            self._endpoints = None
        if "clients" in vars(self):
            self.clients.close()


def _absent_reason(kind: ModelType) -> str:
    if kind.last_release is None:
        return (
            "the installed transformers has no such model type and no release is known that had: "
            "upgrade transformers if it is newer"
        )
    return (
        "the installed transformers no longer has this model type; the last release that had it is "
        f"{kind.last_release}: pip install transformers=={kind.last_release}"
    )
