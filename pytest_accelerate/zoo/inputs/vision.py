"""Pixels: whole images, videos, and images packed into rows of patches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_accelerate.zoo.inputs.base import BATCH, Feeding, pair
from pytest_accelerate.zoo.recipe import Feed

if TYPE_CHECKING:
    import torch

_PARTS = ("vision", "image", "backbone", "vit", "encoder")
_VIDEO_PARTS = ("video", "vision")


def size(feeding: Feeding) -> tuple[int, int]:
    """(height, width) in pixels that the vision part expects."""
    return pair(feeding.setting("image_size", "input_size", within=_PARTS, default=64))


def channels(feeding: Feeding) -> int:
    """Colour channels."""
    found = feeding.setting("num_channels", "in_channels", "in_chans", within=_PARTS, default=3)
    return found if isinstance(found, int) else 3


def pixel_values(feeding: Feeding) -> torch.Tensor:
    """(batch, channels, height, width), with frames after the batch, or packed patches."""
    for grid in ("image_grid_thw", "grid_thw"):
        if feeding.takes(grid):
            return packed(feeding, grid, frames=1)
    frames = feeding.setting("num_frames") if _is_video(feeding) else None
    shape = (channels(feeding), *size(feeding))
    if isinstance(frames, int):
        return feeding.normal(BATCH, frames, *shape)
    return feeding.normal(BATCH, *shape)


def pixel_values_videos(feeding: Feeding) -> torch.Tensor:
    """(batch, frames, channels, height, width), or packed patches."""
    if feeding.takes("video_grid_thw"):
        return packed(feeding, "video_grid_thw", frames=1)
    frames = feeding.setting("num_frames", "frames_per_clip", within=_VIDEO_PARTS, default=4)
    return feeding.normal(BATCH, int(frames), channels(feeding), *size(feeding))


def _is_video(feeding: Feeding) -> bool:
    return feeding.setting("tubelet_size") is not None or feeding.setting("num_frames") is not None


def packed(feeding: Feeding, grid: str, frames: int = 1, layout: str = "flat") -> torch.Tensor:
    """Patches of all images in one row; puts ``grid`` (frames, rows, columns) beside it.

    The images differ in size, so that a model that ignores the grid is found out.

    Args:
        feeding: the model at hand.
        grid: the forward parameter for the grid.
        frames: temporal patches of each image.
        layout: ``flat`` (patches, channels * frames * patch * patch), ``patches`` (patches,
            channels, patch, patch) or ``sequence`` (1, patches, channels, patch, patch).
    """
    import torch

    patch = pair(feeding.setting("patch_size", within=("vision",), default=14))
    temporal = feeding.setting(
        "temporal_patch_size", "patch_temporal", within=("vision",), default=1
    )
    merge = feeding.setting(
        "spatial_merge_size", "merge_size", "merge_kernel_size", within=("vision",), default=2
    )
    merge = pair(merge)[0]
    grids = torch.tensor([[frames, 2 * merge, 2 * merge], [frames, 2 * merge, 4 * merge]])
    feeding.inputs[grid] = grids
    count, colours = int(grids.prod(-1).sum()), channels(feeding)
    if layout == "flat":
        return feeding.normal(count, colours * temporal * patch[0] * patch[1])
    patches = feeding.normal(count, colours, *patch)
    return patches[None] if layout == "sequence" else patches


def hidden_states(feeding: Feeding) -> torch.Tensor:
    """Packed patches for a vision tower that takes them under the name ``hidden_states``."""
    if feeding.takes("grid_thw"):
        return packed(feeding, "grid_thw", frames=1)
    width = feeding.setting("hidden_size", "d_model", default=64)
    return feeding.normal(BATCH, 8, width)


def image_sizes(feeding: Feeding) -> torch.Tensor:
    """(height, width) of each image in pixels."""
    import torch

    return torch.tensor([size(feeding)] * BATCH)


def pixel_attention_mask(feeding: Feeding) -> torch.Tensor | None:
    """Ones for real pixels, of the shape of ``pixel_values`` without its channels."""
    import torch

    pixels = feeding.inputs.get("pixel_values")
    if pixels is None or pixels.dim() < 4:
        return None
    return torch.ones((*pixels.shape[:-3], *pixels.shape[-2:]), dtype=torch.int64)


def many_images(feeding: Feeding) -> torch.Tensor:
    """(batch, images of each row, channels, height, width), one image a row."""
    return feeding.normal(BATCH, 1, channels(feeding), *size(feeding))


def merge_sizes(feeding: Feeding) -> torch.Tensor:
    """How many patches are merged along a side, for each image."""
    import torch

    return torch.full((BATCH,), 2)


def bool_masked_pos(feeding: Feeding) -> torch.Tensor | None:
    """Which patches (batch, patches) a token stands for, in models that have one: every third."""
    import torch

    names = {name.rpartition(".")[2] for name, _ in feeding.model.named_parameters()}
    if "mask_token" not in names or "pixel_values" not in feeding.inputs:
        return None
    height, width = size(feeding)
    rows, columns = pair(feeding.setting("patch_size", within=_PARTS, default=16))
    patches = (height // rows) * (width // columns)
    return (torch.arange(BATCH * patches) % 3 == 0).view(BATCH, patches)


def _flattened(feeding: Feeding) -> torch.Tensor:
    import torch

    rows = torch.arange(1, 9) // 4 + 1
    columns = torch.arange(1, 9) % 4 + 1
    places = torch.stack([rows, columns], dim=-1).float().expand(BATCH, 8, 2)
    return torch.cat([places, feeding.normal(BATCH, 8, 768)], dim=-1)


FLATTENED_PATCHES = Feed(_flattened, "image")
"""(batch, 8, 2 + 768): the row and column of each patch of 16 by 16 pixels, then its pixels."""
