"""What is recorded of a machine, and what is not."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
from importlib import metadata

import pytest

from pytest_accelerate.environment import Environment, collect


def test_the_environment_is_this_one() -> None:
    """Versions and cores are those of this interpreter."""
    environment = collect()
    assert environment.packages["pytest"] == metadata.version("pytest")
    assert environment.python == sys.version.split()[0]
    assert environment.cores == len(os.sched_getaffinity(0))
    assert environment.memory_bytes > 2**20
    assert environment.cpu


def test_it_survives_json() -> None:
    """What is read back is equal."""
    environment = collect()
    assert Environment.from_json(json.loads(json.dumps(environment.to_json()))) == environment


def test_no_host_and_no_user_is_recorded() -> None:
    """Results get published: they name no one."""
    text = json.dumps(collect().to_json())
    assert socket.gethostname() not in text
    user = getpass.getuser()
    assert f"/{user}" not in text
    assert f'"{user}"' not in text


@pytest.mark.parametrize(
    "module", ["pytest_accelerate.environment", "pytest_accelerate.matrix.summary"]
)
def test_nothing_heavy_is_imported(module: str) -> None:
    """Looking at versions and reading results imports no backend and no client."""
    script = (
        f"import sys, {module}; from pytest_accelerate.environment import collect; collect()\n"
        "print(*{'torch', 'transformers', 'openvino', 'httpx', 'jinja2'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
