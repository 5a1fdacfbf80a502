"""Half precisions, which not every CPU has."""

from __future__ import annotations

import pytest

from pytest_accelerate.errors import UnsupportedOperation
from pytest_accelerate.hardware import openvino_precision


def has_half(name: str) -> bool:
    """Whether a backend computes in bf16 here: torch does anywhere."""
    return not _refusal(name)


def need_half(name: str) -> None:
    """Skip a test where a backend has no bf16, with what it says of it."""
    if refusal := _refusal(name):
        pytest.skip(f"{refusal}; run it on a CPU with AVX512-BF16 or AMX")


def _refusal(name: str) -> str:
    if name == "openvino":
        try:
            openvino_precision.check("CPU", "bf16")
        except UnsupportedOperation as error:
            return str(error)
    return ""
