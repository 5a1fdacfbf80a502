"""Hardware by name: each kind's class as an import path, so that a name costs no import."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping

from pytest_accelerate.errors import UnknownHardware, UsageError
from pytest_accelerate.hardware.base import Hardware

_TORCH = "pytest_accelerate.hardware.torch:TorchHardware"
_OPENVINO = "pytest_accelerate.hardware.openvino:OpenVINOHardware"

KINDS: Mapping[str, str] = {
    "cpu": _TORCH,
    "cuda": _TORCH,
    "mps": _TORCH,
    "xpu": _TORCH,
    "openvino": _OPENVINO,
}
_OF_TORCH = ("fp32", "fp16", "bf16")
PRECISIONS_OF: Mapping[str, tuple[str, ...]] = {
    # torch multiplies integers on these two.
    "cpu": (*_OF_TORCH, "int8"),
    "cuda": (*_OF_TORCH, "int8"),
    "mps": _OF_TORCH,
    "xpu": _OF_TORCH,
    "openvino": ("fp32", "fp16", "bf16", "int8", "int4"),
}
_DEVICES = {"cuda": r"\d+", "xpu": r"\d+", "openvino": r"(CPU|GPU|NPU)(\.\d+)?"}
"""What may follow the colon: ``cuda:1``, ``openvino:GPU.0``."""

Plugins = tuple[tuple[str, str], ...]
"""(name, ``"package.module:Class"``) of hardware added from outside."""


def known(plugins: Plugins = ()) -> tuple[str, ...]:
    """The names of all kinds of hardware, without devices."""
    return (*KINDS, *(name for name, _ in plugins if name not in KINDS))


def create(name: str, plugins: Plugins = ()) -> Hardware:
    """The hardware of a name; touches no driver.

    Raises:
        UnknownHardware: no kind has this name, or the kind has no such device.
        UsageError: a class added from outside cannot be imported.
    """
    return _class(import_path(name, plugins))(name)


def import_path(name: str, plugins: Plugins = ()) -> str:
    """Where the class of a hardware is, without importing it.

    Raises:
        UnknownHardware: no kind has this name, or the kind has no such device.
    """
    outside = dict(plugins)
    if name in outside:
        return outside[name]
    kind, colon, device = name.partition(":")
    allowed = _DEVICES.get(kind, "(?!)")
    if kind not in KINDS or (colon and not re.fullmatch(allowed, device)):
        raise UnknownHardware(name, known(plugins))
    return KINDS[kind]


def offers(name: str, precision: str, plugins: Plugins = ()) -> bool:
    """Whether a hardware has a precision; one from outside tells only when it loads a model."""
    if name in dict(plugins):
        return True
    return precision in PRECISIONS_OF[name.partition(":")[0]]


def _class(path: str) -> type[Hardware]:
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"hardware from outside, {path!r}, cannot be imported: {error}") from error
    kind: type[Hardware] = found
    return kind
