"""Models whose forward changes state, as modules that begin anew with every call.

The forward of a video model takes the session, which it changes: a second call with the same one
answers from what the first has left there. Here every call is a whole video in a new session.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from pytest_accelerate.zoo.around import Around


class Tracking(Around):
    """Follows objects through a video; one is shown by points in the first frame, one by a mask."""

    def forward(
        self,
        pixel_values_videos: torch.Tensor,
        input_points: torch.Tensor,
        input_labels: torch.Tensor,
        input_masks: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Masks and scores of both objects in every frame of (1, frames, 3, height, width)."""
        session = new_session(self.model, pixel_values_videos)
        pointed, masked = (session.obj_id_to_idx(number) for number in (1, 2))
        prompt = {"point_coords": input_points, "point_labels": input_labels}
        session.add_point_inputs(pointed, 0, prompt)
        session.add_mask_inputs(masked, 0, input_masks)
        session.obj_with_new_inputs = [1, 2]
        frames = [self.model(session, frame_idx=index) for index in range(session.num_frames)]
        return {
            name: torch.stack([getattr(frame, name) for frame in frames])
            for name in ("pred_masks", "object_score_logits")
        }


class Finding(Around):
    """Finds in a video what a phrase names, and follows it."""

    def forward(
        self,
        pixel_values_videos: torch.Tensor,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Masks of (1, frames, 3, height, width) and scores of all objects, frame by frame."""
        session = new_session(self.model, pixel_values_videos)
        phrase = session.add_prompt("a phrase")
        session.prompt_input_ids[phrase] = input_ids
        session.prompt_attention_masks[phrase] = attention_mask
        found: dict[str, torch.Tensor] = {}
        for index in range(session.num_frames):
            frame = self.model(session, frame_idx=index)
            for number in sorted(frame.obj_id_to_mask):
                found[f"mask.{index}.{number}"] = frame.obj_id_to_mask[number]
                score = frame.obj_id_to_score[number]
                found[f"score.{index}.{number}"] = torch.as_tensor(score)
        return found


class Forgetting(Around):
    """Omdet-turbo, which answers from what it made of words when it has seen them before."""

    def forward(
        self,
        pixel_values: torch.Tensor,
        classes_input_ids: torch.Tensor,
        classes_attention_mask: torch.Tensor,
        tasks_input_ids: torch.Tensor,
        tasks_attention_mask: torch.Tensor,
        classes_structure: torch.Tensor,
    ) -> Any:
        """What the model finds with words that are all new to it."""
        model: Any = self.model
        for seen in (model.language_cache_class, model.language_cache_prompt):
            seen.cache.clear()
            seen.current_load = 0
        return model(
            pixel_values,
            classes_input_ids,
            classes_attention_mask,
            tasks_input_ids,
            tasks_attention_mask,
            classes_structure,
        )


def new_session(model: torch.nn.Module, video: torch.Tensor) -> Any:
    """A session on ``video``, on its device and at its precision, of the class of the model's."""
    kind = type(model)
    name = kind.__name__.removesuffix("Model") + "InferenceSession"
    session: Any = getattr(sys.modules[kind.__module__], name)
    height, width = video.shape[-2:]
    return session(
        video=video[0],
        video_height=height,
        video_width=width,
        inference_device=video.device,
        inference_state_device=video.device,
        video_storage_device=video.device,
        dtype=video.dtype,
    )
