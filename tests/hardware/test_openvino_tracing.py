"""Traces of models whose inputs OpenVINO could mistake for something else."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pytest_accelerate import hardware
from pytest_accelerate.zoo.specimen import Specimen


class Choosy(torch.nn.Module):
    """Uses one of its two inputs."""

    def __init__(self, used: str) -> None:
        super().__init__()
        self.used = used

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> dict[str, Any]:
        """Twice the one that is used."""
        return {"twice": 2.0 * (first if self.used == "first" else second)}


@pytest.mark.parametrize("used", ["first", "second"])
def test_an_input_that_is_not_used_shifts_no_other(used: str) -> None:
    """Each input keeps its own shape and values, also where nothing uses the one before it."""
    inputs = {"first": torch.ones(3), "second": torch.full((2, 4), 5.0)}
    specimen = Specimen("choosy", Choosy(used).eval(), inputs, ("numbers",))
    loaded = hardware.create("openvino").load(specimen, "fp32")
    assert loaded.path == "trace"
    assert torch.equal(loaded.run(inputs)["twice"], 2.0 * inputs[used])
    loaded.close()
