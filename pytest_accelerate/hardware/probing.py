"""Which hardware this machine has, found out in another process.

Looking means to import backends and to touch drivers. Neither may happen in pytest's process: the
import costs seconds, and a process that has touched CUDA can no longer fork ones that use it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib import metadata
from importlib.util import find_spec

from pytest_accelerate.hardware.base import Availability
from pytest_accelerate.hardware.registry import Plugins, create, import_path

PROBE_SECONDS = 120
_INSTALL = {
    "torch": "pip install 'pytest-accelerate[torch]'",
    "transformers": "pip install 'pytest-accelerate[torch]'",
    "openvino": "pip install 'pytest-accelerate[openvino]'",
}


def probe(names: Iterable[str], plugins: Plugins = ()) -> dict[str, Availability]:
    """Look for hardware; the CPU needs no looking, all others share one subprocess.

    Raises:
        UnknownHardware: a name that nothing provides.
    """
    found: dict[str, Availability] = {}
    unknown_yet: list[str] = []
    for name in names:
        path = import_path(name, plugins)
        missing = _missing_package(name, outside=name in dict(plugins))
        if missing is not None:
            reason = f"the package {missing!r} is not installed"
            found[name] = Availability(False, reason=reason, remedy=_INSTALL[missing])
        elif name == "cpu" and path.startswith("pytest_accelerate."):
            found[name] = Availability(True)
        else:
            unknown_yet.append(name)
    if unknown_yet:
        found |= _probe_elsewhere(unknown_yet, plugins)
    return found


def _missing_package(name: str, outside: bool) -> str | None:
    needed = ["torch", "transformers"]
    if name.partition(":")[0] == "openvino" and not outside:
        needed.append("openvino")
    return next((package for package in needed if find_spec(package) is None), None)


def _probe_elsewhere(names: list[str], plugins: Plugins) -> dict[str, Availability]:
    request = json.dumps({"names": names, "plugins": plugins, "path": sys.path})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest_accelerate.hardware.probing"],
            input=request,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _all_failed(names, f"looking for it took more than {PROBE_SECONDS} s")
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        told = done.stderr.strip().splitlines()
        return _all_failed(names, f"looking for it failed: {told[-1] if told else 'no word'}")
    return {name: Availability(**state) for name, state in json.loads(lines[-1]).items()}


def _all_failed(names: list[str], reason: str) -> dict[str, Availability]:
    remedy = "Run pytest-accelerate doctor, and see that the backend can be imported"
    return {name: Availability(False, reason=reason, remedy=remedy) for name in names}


def torch_build() -> str:
    """``torch 2.13.0+cpu``, without importing it."""
    return f"torch {metadata.version('torch')}"


def _main() -> None:
    request = json.load(sys.stdin)
    sys.path[:] = request["path"]
    plugins = tuple((name, path) for name, path in request["plugins"])
    states = {}
    for name in request["names"]:
        try:
            state = create(name, plugins).availability()
        except Exception as error:  # whatever a driver does, the other hardware is still told
            state = Availability(False, reason=f"{type(error).__name__}: {error}")
        states[name] = asdict(state)
    print(json.dumps(states))


if __name__ == "__main__":
    _main()
