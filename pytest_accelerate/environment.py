"""What a run's results depend on beside the models: this machine and what is installed.

Results get published, so nothing here names a host, a user or a folder.
"""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES: tuple[str, ...] = (
    "pytest-accelerate",
    "torch",
    "transformers",
    "openvino",
    "diffusers",
    "numpy",
    "safetensors",
    "tokenizers",
    "nncf",
    "httpx",
    "pytest",
    "pytest-xdist",
)
"""The distributions whose versions are recorded, those that are installed."""

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class Environment:
    """A machine and its installation, as far as verdicts and timings depend on them."""

    python: str
    """Version of the interpreter, such as ``3.11.2``."""
    platform: str
    """Operating system and architecture, such as ``Linux x86_64``."""
    cpu: str
    """The processor's own name; the architecture where the system does not tell."""
    cores: int
    """Processors that this process may use."""
    memory_bytes: int
    """Main memory that this process may use; 0 where the system does not tell."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Version by distribution name, of :data:`PACKAGES`."""

    def versions(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Name and version of each of these packages that is installed."""
        return [(name, self.packages[name]) for name in names if self.packages.get(name)]

    def to_json(self) -> dict[str, Any]:
        """The environment as a JSON object."""
        return {**dataclasses.asdict(self), "packages": dict(self.packages)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Environment:
        """Read what :meth:`to_json` wrote.

        Raises:
            KeyError, ValueError, TypeError, AttributeError: if ``data`` is not such an object.
        """
        return cls(
            python=str(data["python"]),
            platform=str(data["platform"]),
            cpu=str(data["cpu"]),
            cores=int(data["cores"]),
            memory_bytes=int(data["memory_bytes"]),
            packages={str(name): str(version) for name, version in data["packages"].items()},
        )


def collect() -> Environment:
    """Look at this machine; imports none of the packages it tells about."""
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        cores=_cores(),
        memory_bytes=_memory_bytes(),
        packages=_packages(),
    )


def _packages() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    # ARM kernels give no model name, and macOS has no /proc.
    return next(names, "") or platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int:
    try:
        installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0
    return min([installed, *_cgroup_limits()])


def _cgroup_limits() -> list[int]:
    limits = []
    for path in _CGROUP_LIMITS:
        try:
            limits.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):  # absent, or "max"
            continue
    return limits
