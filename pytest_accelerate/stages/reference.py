"""What cells are compared with: the same specimen, eager on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_accelerate import hardware
from pytest_accelerate.cells import ModelCell
from pytest_accelerate.hardware.base import LoadedModel
from pytest_accelerate.zoo.specimen import Specimen


def is_reference(cell: ModelCell) -> bool:
    """Whether a cell is itself what all others are compared with."""
    return (cell.hardware, cell.precision) == ("cpu", "fp32")


@contextmanager
def reference(specimen: Specimen, precision: str = "fp32") -> Iterator[LoadedModel]:
    """The specimen on the CPU, for as long as it is looked at; in fp32 this takes no copy."""
    loaded = hardware.create("cpu").load(specimen, precision)
    try:
        yield loaded
    finally:
        loaded.close()
