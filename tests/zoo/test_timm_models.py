"""Types that are timm's models, where timm is installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.zoo import Skipped, account, construct

NAMES = ("edgetam_vision_model", "gemma3n", "gemma3n_vision", "timm_backbone", "timm_wrapper")


@pytest.mark.parametrize("model_type", NAMES)
def test_it_runs_where_timm_is_installed(model_type: str) -> None:
    """Each runs with all its modalities, twice from one config, or says how to get timm."""
    if find_spec("timm") is None:
        found = account(model_type)
        assert isinstance(found, Skipped)
        assert "timm not installed. pip install" in found.reason
        return
    for _ in range(2):
        specimen = construct(model_type)
        assert not specimen.unfed
        with torch.no_grad():
            outputs = flatten(specimen.model(**specimen.inputs))
        assert outputs
        assert all(value.isfinite().all() for value in outputs.values())
