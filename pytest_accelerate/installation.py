"""Whether what is installed fits together, and what to do where it does not."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

from pytest_accelerate.errors import BrokenInstallation

COMPANIONS = ("torchvision", "torchaudio", "timm")
"""Packages that are built against one build of torch, or need one that is: transformers imports
them where it finds them, and fails where they do not match."""

PROBE = "import transformers.modeling_utils; from transformers import BertModel"
PROBE_SECONDS = 120


def check() -> None:
    """See that transformers can be imported beside what is installed.

    Costs nothing unless one of :data:`COMPANIONS` is installed; then one subprocess imports it all.

    Raises:
        BrokenInstallation: it cannot; the message names the remedy.
    """
    present = [name for name in COMPANIONS if installed_version(name) is not None]
    if present:
        _check_companions(present)


def installed_version(package: str) -> str | None:
    """The version of a package, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _check_companions(present: list[str]) -> None:
    imports = "; ".join(f"import {name}" for name in present)
    for code, broken in ((imports, present), (PROBE, ["transformers"])):
        try:
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            continue  # slow is not broken
        if done.returncode != 0:
            raise BrokenInstallation(_explain(present, broken, done.stderr))


def _explain(present: list[str], broken: list[str], stderr: str) -> str:
    versions = ", ".join(f"{name} {installed_version(name)}" for name in ["torch", *present])
    lines = stderr.strip().splitlines()
    return (
        f"importing {', '.join(broken)} fails beside {versions}: "
        f"{lines[-1] if lines else 'without a word'}. "
        f"Most often they were built for another build of torch (CUDA beside CPU): "
        f"pip uninstall {' '.join(present)}, or install the builds that match torch's"
    )
