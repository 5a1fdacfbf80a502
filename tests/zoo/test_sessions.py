"""Models that follow objects through a video."""

from __future__ import annotations

import torch

from pytest_accelerate.zoo import construct


def test_memories_are_not_rounded() -> None:
    """What SAM 2 remembers of each object is put out, at the model's own precision."""
    specimen = construct("sam2_video")
    with torch.no_grad():
        found = specimen.model(**specimen.inputs)
    memories = [value for name, value in found.items() if name.endswith(".maskmem_features")]
    assert len(memories) == 4 * specimen.inputs["pixel_values_videos"].shape[1]
    assert all(value.dtype is torch.float32 for value in memories)
    assert any(not torch.equal(value, value.bfloat16().float()) for value in memories)


def test_what_is_found_stays_in_sight() -> None:
    """The tracker of SAM 3 gives a mask to each object in the frames after it was found."""
    specimen = construct("sam3_video")
    with torch.no_grad():
        found = specimen.model(**specimen.inputs)
    masks = {name: value for name, value in found.items() if name.startswith("mask.")}
    assert {name.split(".")[1] for name in masks} == {"0", "1", "2"}
    assert all(value.abs().max() < 100 for value in masks.values())
