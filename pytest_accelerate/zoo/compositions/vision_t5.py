"""Vision-T5: a ViT encoder feeding a T5 decoder.

transformers' ``VisionEncoderDecoderModel`` takes decoders that are causal language models by
themselves, and T5's is none.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import T5ForConditionalGeneration, ViTModel
from transformers.modeling_outputs import BaseModelOutput

from pytest_accelerate.zoo.configs import tiny_config


class PatchEncoder(torch.nn.Module):
    """A ViT whose patches come as wide as T5's states; stands where T5 has its encoder."""

    main_input_name = "pixel_values"

    def __init__(self, config: Any, width: int) -> None:
        super().__init__()
        self.vit = ViTModel(config, add_pooling_layer=False)
        self.projection = torch.nn.Linear(config.hidden_size, width)

    def forward(self, pixel_values: torch.Tensor, **kwargs: Any) -> BaseModelOutput:
        """From (batch, 3, height, width) to states (batch, 1 + patches, width)."""
        seen = self.vit(pixel_values).last_hidden_state
        return BaseModelOutput(last_hidden_state=self.projection(seen))


class VisionT5ForConditionalGeneration(T5ForConditionalGeneration):  # type: ignore[misc]
    """T5 with eyes instead of its encoder; ``generate(pixel_values=...)`` is transformers' own."""

    main_input_name = "pixel_values"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.encoder = PatchEncoder(config.vision_config, config.d_model)

    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As T5's forward, with images (batch, 3, height, width) in place of ``input_ids``."""
        if kwargs.get("encoder_outputs") is None:
            kwargs["encoder_outputs"] = self.encoder(pixel_values)
        return super().forward(decoder_input_ids=decoder_input_ids, **kwargs)


def compose() -> torch.nn.Module:
    """A tiny one; the ViT is narrower than T5, as in the published sizes of the two."""
    config = tiny_config("t5", {"decoder_start_token_id": 0})  # as its checkpoints have it
    config.vision_config = tiny_config("vit", {"hidden_size": 32})
    config._attn_implementation = config.vision_config._attn_implementation = "eager"
    config.use_cache = False
    model: torch.nn.Module = VisionT5ForConditionalGeneration(config)
    return model
