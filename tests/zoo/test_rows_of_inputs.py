"""Each row of what the zoo feeds can be taken alone."""

from __future__ import annotations

import pytest
import torch

from pytest_accelerate.hardware.outputs import flatten
from pytest_accelerate.zoo import construct
from pytest_accelerate.zoo.rows import Rows


@pytest.mark.parametrize("model_type", ["glmasr", "qwen3_asr", "unlimited_ocr", "inkling_mm_model"])
def test_a_row_has_placeholders_for_its_own_features(model_type: str) -> None:
    """Sounds of different lengths and tiles of pages fill as many tokens as their row has."""
    specimen = construct(model_type)
    layout = Rows.of(specimen.inputs)
    assert layout.count == 2
    with torch.no_grad():
        whole = flatten(specimen.model(**specimen.inputs))
        alone = [flatten(specimen.model(**row)) for row in layout.split(specimen.inputs)]
    name = next(iter(whole))
    for index, row in enumerate(alone):
        assert torch.allclose(row[name][0], whole[name][index], atol=1e-4)
