"""Stable Diffusion: from a text and noise to an image, as diffusers' pipeline goes about it.

``StableDiffusionPipeline`` is no module: it calls three, and does arithmetic between the calls.
:class:`Diffusing` is the same loop, of a fixed number of steps, as one forward pass: it can be
traced and moved to a device, gradients flow through it, and what stands after each step can be
compared.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, PreTrainedConfig

from pytest_accelerate.zoo.configs import tiny_config

STEPS = 3
GUIDANCE = 7.5
"""How much further than the text asks an image is taken from what no text gives; the pipeline's
own default."""
GROUPS = 8
"""Of a group norm; four channels each: a norm over a group of one takes its bias away."""


class Diffusing(torch.nn.Module):
    """A text encoder, a UNet and a VAE, with the scheduler between them."""

    def __init__(self, text_encoder: Any, unet: Any, vae: Any, scheduler: Any) -> None:
        super().__init__()
        self.text_encoder, self.unet, self.vae = text_encoder, unet, vae
        self.scheduler = scheduler
        self.scheduler.set_timesteps(STEPS)
        self.config = PreTrainedConfig()
        self.config.text_config = text_encoder.config

    def forward(
        self, input_ids: torch.Tensor, negative_ids: torch.Tensor, latents: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """All steps of a generation with guidance.

        Args:
            input_ids: what the image is to show, int64 (batch, tokens).
            negative_ids: what it is not to show, of the same shape.
            latents: noise, (batch, 4, height, width).

        Returns:
            ``latents.0`` to ``latents.2``, after each step; ``image`` (batch, 3, 2 * height,
            2 * width) around [-1, 1]; ``encoded``, the latents that the VAE makes of that image.
        """
        texts = torch.cat([self.text_encoder(ids)[0] for ids in (negative_ids, input_ids)])
        made: dict[str, torch.Tensor] = {}
        for step, time in enumerate(self.scheduler.timesteps.tolist()):
            noise = self.unet(torch.cat([latents, latents]), time, texts, return_dict=False)[0]
            without, meant = noise.chunk(2)
            guided = without + GUIDANCE * (meant - without)
            latents = self.scheduler.step(guided, time, latents, return_dict=False)[0]
            made[f"latents.{step}"] = latents
        made["image"] = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        made["encoded"] = self.vae.encode(made["image"]).latent_dist.mode()
        return made


def compose() -> torch.nn.Module:
    """A tiny one: each kind of block once, 8 by 8 latents, images of 16 by 16 pixels."""
    text = tiny_config("clip_text_model", {})
    text._attn_implementation = "eager"
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=4,
        cross_attention_dim=text.hidden_size,
        norm_num_groups=GROUPS,
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        norm_num_groups=GROUPS,
        sample_size=16,
    )
    # As the published pipelines have it, which draw no noise of their own along the way.
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    return Diffusing(CLIPTextModel(text), unet, vae, scheduler)
