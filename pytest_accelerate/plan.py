"""The plan of a run: which model types, on which hardware, at which precision, and how.

The controller resolves what depends on the machine (hardware, the run to resume) once and hands it
to the workers as one JSON string; what is read from files is the same for all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from pytest_accelerate import errors
from pytest_accelerate.options import Options
from pytest_accelerate.vocabulary import PRECISIONS


@dataclass(frozen=True)
class Plan:
    """What the controller decided for every process of the run."""

    hardware: tuple[str, ...]
    """The hardware asked for, ``auto`` resolved; empty when nothing was asked for."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Hardware that is absent and skipped: its name and why."""
    devices: Mapping[str, str] = field(default_factory=dict)
    """Hardware that is present: its name and the device's own full name."""
    hardware_plugins: tuple[tuple[str, str], ...] = ()
    recipe_modules: tuple[str, ...] = ()
    resumed: str | None = None
    """Results file of the run that goes on."""

    def dumps(self) -> str:
        """As one string, which xdist hands to workers unchanged."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Plan:
        """Read :meth:`dumps`."""
        data: dict[str, Any] = json.loads(text)
        for name in ("hardware", "recipe_modules"):
            data[name] = tuple(data[name])
        data["hardware_plugins"] = tuple(tuple(pair) for pair in data["hardware_plugins"])
        return cls(**data)


def outside_hardware(config: pytest.Config) -> tuple[tuple[str, str], ...]:
    """Hardware that other plugins and conftest files add."""
    answers: Sequence[Mapping[str, str]] = config.hook.pytest_accelerate_hardware(config=config)
    return tuple(sorted((name, path) for answer in answers for name, path in answer.items()))


def outside_recipes(config: pytest.Config) -> tuple[str, ...]:
    """Recipe modules that other plugins and conftest files add."""
    answers: Sequence[Sequence[str]] = config.hook.pytest_accelerate_recipes(config=config)
    return tuple(module for answer in answers for module in answer)


def make_plan(config: pytest.Config, options: Options, hardware: Sequence[str]) -> Plan:
    """Look at this machine for the hardware asked for.

    Raises:
        UnknownHardware: a name that nothing provides.
        HardwareUnavailable: asked for by name and absent, unless that is to be skipped.
        UnknownPrecision: none of the hardware has it; where some has, only that is collected.
        BrokenInstallation: an installed package breaks the ones that models run on.
    """
    from pytest_accelerate import hardware as registry
    from pytest_accelerate import installation

    installation.check()
    plugins = outside_hardware(config)
    named = [name for name in hardware if name != "auto"]
    for name in named:
        registry.create(name, plugins)
    found = registry.probe(registry.known(plugins) if "auto" in hardware else named, plugins)
    missing = {name: found[name] for name in named if not found[name].available}
    if missing and options.missing_hardware == "error":
        name, absent = next(iter(missing.items()))
        raise errors.HardwareUnavailable(name, absent.reason, absent.remedy)
    chosen = list(named)
    if "auto" in hardware:
        chosen += [name for name, state in found.items() if state.available and name not in named]
    _check_precisions(options.precisions, chosen, plugins)
    return Plan(
        hardware=tuple(chosen),
        missing={name: f"{absent.reason}. {absent.remedy}" for name, absent in missing.items()},
        devices={name: state.device for name, state in found.items() if state.available},
        hardware_plugins=plugins,
        recipe_modules=outside_recipes(config),
    )


def _check_precisions(
    precisions: Sequence[str], hardware: Sequence[str], plugins: tuple[tuple[str, str], ...]
) -> None:
    from pytest_accelerate import hardware as registry

    for precision in precisions:
        if hardware and not any(registry.offers(name, precision, plugins) for name in hardware):
            known = (p for p in PRECISIONS if any(registry.offers(h, p, plugins) for h in hardware))
            raise errors.UnknownPrecision(precision, known, ", ".join(hardware))


class CudaPool:
    """The CUDA devices that the caller may see, lent to workers one each, the least used first."""

    def __init__(self, devices: Sequence[str]) -> None:
        self._lent: dict[str, list[str]] = {device: [] for device in devices}

    @classmethod
    def of_this_machine(cls) -> CudaPool:
        """The devices of ``CUDA_VISIBLE_DEVICES``, or all that the driver's own tool lists."""
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible is not None:
            return cls([device.strip() for device in visible.split(",") if device.strip()])
        return cls([str(index) for index in range(_count_nvidia_devices())])

    def lend(self, worker: str) -> str | None:
        """A device for a worker, or ``None`` where there are none."""
        if not self._lent:
            return None
        device = min(self._lent, key=lambda name: len(self._lent[name]))
        self._lent[device].append(worker)
        return device

    def take_back(self, worker: str) -> None:
        """Free the device of a worker that has gone."""
        for workers in self._lent.values():
            if worker in workers:
                workers.remove(worker)


def _count_nvidia_devices() -> int:
    import subprocess

    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listing.splitlines())
