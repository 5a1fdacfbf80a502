"""Models whose forward changes state, as modules that begin anew with every call.

The forward of a video model takes the session, which it changes: a second call with the same one
answers from what the first has left there. Here every call is a whole video in a new session.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import torch

from pytest_accelerate.zoo.answering import Answering
from pytest_accelerate.zoo.around import Around

_SEEN = 4.0
"""A score of an object in sight."""


class Tracking(Around):
    """Follows four objects through a video, each shown in the first frame in another way.

    By a box and points, by a mask, by one click, and by an empty mask: the last is out of sight.
    """

    def forward(
        self,
        pixel_values_videos: torch.Tensor,
        input_points: torch.Tensor,
        input_labels: torch.Tensor,
        input_masks: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """What is found, and kept in memory, of each object in every frame of the video.

        The video is (1, frames, 3, height, width). Each mask is an output of its own: the scores
        of a mask that is given, and of one that is out of sight, are a hundred times as large as
        those of a mask that is found.
        """
        points = [
            {"point_coords": input_points, "point_labels": input_labels},
            {"point_coords": input_points[:, :, 2:3], "point_labels": input_labels[:, :, 2:3]},
        ]
        masks = [input_masks, torch.zeros_like(input_masks)]
        by_points = new_session(self.model, pixel_values_videos)
        by_masks = new_session(self.model, pixel_values_videos)
        for number in range(2):
            by_points.add_point_inputs(by_points.obj_id_to_idx(number), 0, points[number])
            by_masks.add_mask_inputs(by_masks.obj_id_to_idx(number), 0, masks[number])
        return {
            **self._followed("pointed", by_points),
            # EdgeTAM cannot put the scores of both kinds together.
            **self._followed("masked", by_masks),
        }

    def _followed(self, kind: str, session: Any) -> dict[str, torch.Tensor]:
        session.obj_with_new_inputs = list(session.obj_ids)
        found, scores = {}, []
        for index in range(session.num_frames):
            frame = _call(self.model, session, index)
            scores.append(frame.object_score_logits.flatten())
            for number in session.obj_ids:
                found[f"{kind}.{number}.{index}.mask"] = frame.pred_masks[number]
                for name in ("object_pointer", "maskmem_features"):
                    kept = session.get_output(number, index, name, is_conditioning_frame=index == 0)
                    found[f"{kind}.{number}.{index}.{name}"] = kept
        # One score alone may be anything near zero, of which no share can be told.
        return {**found, f"{kind}.scores": torch.stack(scores)}


class Finding(Around):
    """Finds in a video what a phrase names, and follows it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__(model)
        tracker = self.model.tracker_model
        # What it thinks out of sight has no mask, and of random weights it thinks so of everything.
        tracker.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(_SEEN)
        # Outside of the inference mode in which no gradient flows.
        tracker.forward = partial(type(tracker).forward.__wrapped__, tracker)

    def forward(
        self,
        pixel_values_videos: torch.Tensor,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Masks of (1, frames, 3, height, width) and scores of all objects, frame by frame.

        And what is kept in memory of each.
        """
        session = new_session(self.model, pixel_values_videos)
        phrase = session.add_prompt("a phrase")
        session.prompt_input_ids[phrase] = input_ids
        session.prompt_attention_masks[phrase] = attention_mask
        found: dict[str, torch.Tensor] = {}
        for index in range(session.num_frames):
            frame = _call(self.model, session, index)
            for number in sorted(frame.obj_id_to_mask):
                found[f"mask.{index}.{number}"] = frame.obj_id_to_mask[number]
                score = frame.obj_id_to_score[number]
                found[f"score.{index}.{number}"] = torch.as_tensor(score)
        for place, number in enumerate(session.obj_ids):
            for frames in session.output_dict_per_obj[place].values():
                for index, kept in frames.items():
                    found[f"pointer.{index}.{number}"] = kept["object_pointer"]
                    found[f"memory.{index}.{number}"] = kept["maskmem_features"]
                    found[f"seen.{index}.{number}"] = kept["object_score_logits"]
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


def _unrounded(func: Any, *args: Any, **_: Any) -> Any:
    """Leaves the memories of SAM 2 and SAM 3 at the model's precision.

    They are kept in bfloat16 to save space. That rounding is 40 tolerances of fp32, and where the
    last bit of a number decides it, two machines see the next frame differently by 7e-4.
    """
    is_rounding = func is torch.Tensor.to and torch.bfloat16 in args[1:]
    return args[0] if is_rounding else NotImplemented


def _call(model: Any, session: Any, index: int) -> Any:
    """The forward pass of a frame, outside of the inference mode in which no gradient flows."""
    with Answering(_unrounded):
        return type(model).forward.__wrapped__(model, session, frame_idx=index)


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
