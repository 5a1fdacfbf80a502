"""The kinds of hardware that models run on, by name. Importing this imports no backend."""

from pytest_accelerate.hardware.probing import probe
from pytest_accelerate.hardware.registry import create, known, offers

__all__ = ["create", "known", "offers", "probe"]
