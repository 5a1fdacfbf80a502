"""Models whose parts their users call one after another, with a choice of tokens between them."""

from __future__ import annotations

from typing import Any

import torch


class Speaking(torch.nn.Module):
    """The three parts of Bark: from text to meaning, to coarse and to fine codes of sound."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model: Any = model
        self.config: Any = model.config

    def forward(
        self, semantic_ids: torch.Tensor, coarse_ids: torch.Tensor, fine_ids: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """What each part says of the token that follows, given the tokens of the part before."""
        third_codebook = 2
        return {
            "semantic": self.model.semantic(semantic_ids).logits,
            "coarse": self.model.coarse_acoustics(coarse_ids).logits,
            "fine": self.model.fine_acoustics(third_codebook, fine_ids).logits,
        }


class Denoising(torch.nn.Module):
    """VibeVoice: reads and hears what was said, and takes noise off what is to be said next."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model: Any = model
        self.config: Any = model.config

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        input_values: torch.Tensor,
        padding_mask: torch.Tensor,
        noisy_latents: torch.Tensor,
        timesteps: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """One step of a generation, without the noise that it draws: here it is an input."""
        parts = self.model.model
        heard = parts(
            input_ids=input_ids,
            attention_mask=attention_mask,
            input_values=input_values,
            padding_mask=padding_mask,
            sample=False,
        )
        last = heard.last_hidden_state[:, -1]
        meant = parts.semantic_tokenizer_encoder(input_values).latents
        return {
            "logits": self.model.lm_head(heard.last_hidden_state),
            "velocity": parts.diffusion_head(noisy_latents, timesteps, condition=last),
            "semantic": parts.semantic_connector(meant),
        }
