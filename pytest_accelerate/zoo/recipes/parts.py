"""Types without a forward pass of their own, and types that need packages."""

from __future__ import annotations

from pytest_accelerate.zoo.recipe import Recipe

# Part -> the type whose forward pass goes through it.
_PARTS = {
    "apertus1p5_vision_tokenizer": "apertus1p5",
    "chameleon_vqgan": "chameleon",
    "emu3_vqgan": "emu3",
    "glm_image_vqmodel": "glm_image",
    "gemma4_unified_audio": "gemma4_unified",
    "gemma4_unified_vision": "gemma4_unified",
    "idefics_perciever": "idefics",
    "idefics_vision": "idefics",
    "sam_mask_decoder": "sam",
    "sam_prompt_encoder": "sam",
    "sam_hq_mask_decoder": "sam_hq",
    "sam_hq_prompt_encoder": "sam_hq",
    "sam2_mask_decoder": "sam2",
    "sam2_prompt_encoder": "sam2",
    "sam2_video_mask_decoder": "sam2_video",
    "sam2_video_prompt_encoder": "sam2_video",
    "sam3_geometry_encoder": "sam3",
    "sam3_lite_text_geometry_encoder": "sam3_lite_text",
    "sam3_tracker_mask_decoder": "sam3_tracker",
    "sam3_tracker_prompt_encoder": "sam3_tracker",
    "sam3_tracker_video_mask_decoder": "sam3_tracker_video",
    "sam3_tracker_video_prompt_encoder": "sam3_tracker_video",
    "edgetam_mask_decoder": "edgetam",
    "edgetam_prompt_encoder": "edgetam",
    "edgetam_video_mask_decoder": "edgetam_video",
    "edgetam_video_prompt_encoder": "edgetam_video",
    "sapiens2_head": "sapiens2",
    "t5_gemma_module": "t5gemma",
    "vibevoice_diffusion": "vibevoice",
}
# Alias -> the type whose classes its checkpoints are loaded with.
_ALIASES = {
    "nougat": "vision-encoder-decoder",
    "pp_chart2table_vision": "pp_chart2table",
    "qwen2_5_omni": "qwen2_5_omni_thinker",
    "qwen3_omni_moe": "qwen3_omni_moe_thinker",
}

_TIMM = Recipe(
    requires=("timm",),
    why="it is a timm model, or its vision tower is",
    remedy="pip install timm beside a torchvision built for this torch; beside a CPU build of "
    "torch pip install --no-deps timm torchvision==0.16.2, which needs no operators of its own",
)
_NEEDING_TIMM = (
    "timm_backbone",
    "timm_wrapper",
    "gemma3n",
    "gemma3n_vision",
    "edgetam_vision_model",
)
_DETECTRON2 = Recipe(
    requires=("detectron2",),
    why="its visual backbone is a detectron2 model",
    remedy="Build it from source, github.com/facebookresearch/detectron2; it has no wheels",
)
_SCIPY = Recipe(
    requires=("scipy",), why="transformers matches queries by scipy", remedy="pip install scipy"
)

RECIPES: dict[str, Recipe] = {
    **{
        part: Recipe(covered_by=whole, why="a part without a forward pass of its own")
        for part, whole in _PARTS.items()
    },
    **{
        alias: Recipe(covered_by=whole, why="a composition whose forward pass is this type's")
        for alias, whole in _ALIASES.items()
    },
    **dict.fromkeys(_NEEDING_TIMM, _TIMM),
    "layoutlmv2": _DETECTRON2,
    "layoutxlm": _DETECTRON2,
    "dinat": Recipe(
        requires=("natten",),
        why="its neighbourhood attention is natten's",
        remedy="See shi-labs.com/natten; it builds for CUDA",
    ),
    "higgs_audio_v2_tokenizer": Recipe(
        requires=("torchaudio",),
        why="it resamples sound by torchaudio",
        remedy="Install the torchaudio of the same release and build as torch",
    ),
    **dict.fromkeys(("eomt", "eomt_dinov3", "videomt"), _SCIPY),
}
