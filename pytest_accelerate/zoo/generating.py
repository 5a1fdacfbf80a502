"""Models whose parts their users call one after another, with a choice of tokens between them."""

from __future__ import annotations

from typing import Any

import torch

from pytest_accelerate.zoo.around import Around


class Speaking(Around):
    """The parts of Bark: from text to meaning, to coarse and to fine codes of sound, to sound."""

    def forward(
        self, semantic_ids: torch.Tensor, coarse_ids: torch.Tensor, fine_ids: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """What each part says of the token that follows, given the tokens of the part before."""
        last_codebook = fine_ids.shape[-1] - 1
        return {
            "semantic": self.model.semantic(semantic_ids).logits,
            "coarse": self.model.coarse_acoustics(coarse_ids).logits,
            "fine": self.model.fine_acoustics(last_codebook, fine_ids).logits,
            "sound": self.model.codec_decode(fine_ids.transpose(1, 2)),
        }


class Retrieving(Around):
    """RAG: weighs documents by how well they go with a question, and answers by them."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        context_input_ids: torch.Tensor,
        context_attention_mask: torch.Tensor,
        retrieved_doc_embeds: torch.Tensor,
        decoder_input_ids: torch.Tensor,
    ) -> Any:
        """As with a retriever, whose search through an index is no part of the model."""
        question = self.model.question_encoder(input_ids, attention_mask=attention_mask)[0]
        return self.model(
            context_input_ids=context_input_ids,
            context_attention_mask=context_attention_mask,
            doc_scores=(retrieved_doc_embeds @ question.unsqueeze(-1)).squeeze(-1),
            decoder_input_ids=decoder_input_ids,
        )


class Denoising(Around):
    """VibeVoice: reads and hears what was said, and takes noise off what is to be said next."""

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
            "sound": parts.audio_tower.decode(noisy_latents.unsqueeze(1)).audio,
        }


class Translating(Around):
    """SeamlessM4T: translates what it hears and what it reads, into text."""

    def forward(
        self,
        input_features: torch.Tensor,
        attention_mask: torch.Tensor,
        input_ids: torch.Tensor,
        text_attention_mask: torch.Tensor,
        decoder_input_ids: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """One step of two translations, for it takes speech or text."""
        heard = self.model(
            input_features=input_features,
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
        )
        read = self.model(
            input_ids=input_ids,
            attention_mask=text_attention_mask,
            decoder_input_ids=decoder_input_ids,
        )
        return {"heard": heard.logits, "read": read.logits}
