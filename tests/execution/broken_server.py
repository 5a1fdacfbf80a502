"""Ways to break a fork server before its first cell."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from typing import NoReturn

from pytest_accelerate.execution import canary


def segfault() -> None:
    """Take the server itself down."""
    ctypes.string_at(0)


def use_two_threads() -> None:
    """Multiply matrices with two threads: every child hangs at its own first product."""
    import torch

    torch.set_num_threads(2)
    torch.ones(512, 512) @ torch.ones(512, 512)
    canary.SETTINGS = replace(canary.SETTINGS, timeout_seconds=3)


def miss_torch() -> NoReturn:
    """Fail as an import of torch does where it is not installed."""
    raise ModuleNotFoundError("No module named 'torch'", name="torch")


def miss_openvino() -> NoReturn:
    """Fail as an import of openvino does where it is not installed."""
    raise ModuleNotFoundError("No module named 'openvino'", name="openvino")
