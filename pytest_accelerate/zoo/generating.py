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


class Composing(Around):
    """MusicGen: goes on with a piece of music as a text says, to codes of sound and to sound.

    What its ``generate`` does without a cache, always taking the likeliest code: a frame of sound
    has a code of each codebook, and each codebook lags a step behind the one before it.
    """

    FRAMES = 2
    """Frames that are added to those of the beginning."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__(model)
        # What reads it asks for the one text config of two, and raises: torch.jit.trace reads all.
        self.model._supports_context_parallel = False

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, input_values: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Make music.

        Returns:
            ``logits`` (batch, codebooks, steps, vocabulary), ``audio_codes`` (batch, codebooks,
            frames) with those of the beginning, and their sound, ``audio_values`` (batch, 1,
            samples).
        """
        model, codebooks = self.model, self.model.decoder.num_codebooks
        text = model.text_encoder(input_ids, attention_mask=attention_mask)
        codes = model.audio_encoder.encode(input_values).audio_codes[0]
        begun, frames = codes.shape[-1], codes.shape[-1] + self.FRAMES
        silence = torch.full_like(codes[:, 0, 0], self.config.decoder.pad_token_id)
        rows = [[silence] * (1 + lag) + list(codes[:, lag].unbind(-1)) for lag in range(codebooks)]
        logits = []
        for length in range(1 + begun, frames + codebooks):
            read = torch.stack([torch.stack(row[:length], dim=-1) for row in rows], dim=1)
            last = model(
                attention_mask=attention_mask,
                encoder_outputs=text,
                decoder_input_ids=read.flatten(0, 1),
            ).logits[:, -1]
            logits.append(last.unflatten(0, (-1, codebooks)))
            likeliest = logits[-1].argmax(-1).unbind(-1)
            for lag, row in enumerate(rows):
                if len(row) == length:
                    row.append(likeliest[lag] if length - 1 - lag < frames else silence)
        composed = torch.stack(
            [torch.stack(row[1 + lag :][:frames], dim=-1) for lag, row in enumerate(rows)], dim=1
        )
        return {
            "logits": torch.stack(logits, dim=2),
            "audio_codes": composed,
            "audio_values": model.audio_encoder.decode(composed[None], [None]).audio_values,
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
