"""Models that draw noise within their forward pass: here it is one of their inputs."""

from __future__ import annotations

import sys
from typing import Any

import torch

from pytest_accelerate.zoo.answering import Answering
from pytest_accelerate.zoo.around import Around


class Rendering(Around):
    """Qwen2.5-Omni's way from codes to sound, which begins at noise: three steps of its solver."""

    def forward(
        self,
        code: torch.Tensor,
        conditioning: torch.Tensor,
        reference_mel: torch.Tensor,
        noise: torch.Tensor,
    ) -> torch.Tensor:
        """Sound of codes (batch, codes), from noise of (batch, frames, mel bins)."""
        painter = self.model.code2wav_dit_model
        # Outside of the mode in which no gradient flows.
        sample = type(painter).sample.__wrapped__
        with _drawing(noise):
            spectrogram = sample(painter, conditioning, reference_mel, code, num_steps=3)
        # It takes the batch's axis away from a batch of one.
        sound: torch.Tensor = self.model.code2wav_bigvgan_model(spectrogram)
        return sound.reshape(code.shape[0], -1)


class Sounding(Around):
    """Qwen2.5-Omni's vocoder, which takes the batch's axis away from a batch of one."""

    def forward(self, mel_spectrogram: torch.Tensor) -> torch.Tensor:
        """Sound (batch, samples) of a spectrogram (batch, mel bins, frames)."""
        sound: torch.Tensor = self.model(mel_spectrogram)
        return sound.reshape(mel_spectrogram.shape[0], -1)


def _drawing(noise: torch.Tensor) -> Answering:
    """Gives the noise where ``torch.randn`` is called."""
    return Answering(lambda func, *_, **__: noise if func is torch.randn else NotImplemented)


class Folding(Around):
    """ESMFold2 whole: its trunk, which begins at noise, a step of its denoiser, and its confidence.

    The forward pass of the model is the trunk alone; its sampler calls the others.
    """

    def forward(
        self,
        res_type: torch.Tensor,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        residue_index: torch.Tensor,
        asym_id: torch.Tensor,
        token_bonds: torch.Tensor,
        msa: torch.Tensor,
        deletion_mean: torch.Tensor,
        deletion_value: torch.Tensor,
        has_deletion: torch.Tensor,
        ref_pos: torch.Tensor,
        ref_charge: torch.Tensor,
        ref_element: torch.Tensor,
        ref_atom_name_chars: torch.Tensor,
        atom_attention_mask: torch.Tensor,
        atom_to_token: torch.Tensor,
        noise: torch.Tensor,
        noisy_coords: torch.Tensor,
        noise_level: torch.Tensor,
        distogram_atom_idx: torch.Tensor,
    ) -> dict[str, Any]:
        """What becomes of proteins of (batch, residues), one sample of each."""
        model = self.model
        atom_inputs = sys.modules[type(model).__module__].EsmFold2AtomInputs
        atoms = atom_inputs(
            ref_pos=ref_pos,
            ref_charge=ref_charge,
            atom_attention_mask=atom_attention_mask,
            ref_element=ref_element,
            ref_atom_name_chars=ref_atom_name_chars,
            ref_space_uid=atom_to_token,
            atom_to_token=atom_to_token,
        )
        mol_type = torch.zeros_like(res_type)
        # Outside of the mode in which no gradient flows.
        read = type(model)._compute_lm_hidden_states.__wrapped__
        model._init_pair_state = lambda reference: noise.to(reference.dtype)
        try:
            trunk = model(
                token_index=torch.arange(res_type.shape[1]).expand_as(res_type),
                residue_index=residue_index,
                asym_id=asym_id,
                sym_id=asym_id,
                entity_id=asym_id,
                mol_type=mol_type,
                res_type=res_type,
                token_bonds=token_bonds,
                attention_mask=attention_mask,
                atom_inputs=atoms,
                deletion_mean=deletion_mean,
                msa=msa,
                has_deletion=has_deletion,
                deletion_value=deletion_value,
                lm_hidden_states=read(
                    model, input_ids, asym_id, residue_index, mol_type, attention_mask
                ),
                num_loops=1,
            )
        finally:
            del model._init_pair_state
        conditioning = model.structure_head.prepare_conditioning(
            atom_inputs=trunk.atom_inputs,
            pair_trunk=trunk.pair_states,
            relative_position_encoding=trunk.relative_position_encoding,
            single_inputs=trunk.single_inputs,
            attention_mask=attention_mask,
        )
        coords = model.structure_head(noisy_coords, noise_level, conditioning)
        confidence = model.confidence_head(
            single_inputs=trunk.single_inputs,
            pair_states=trunk.pair_states,
            predicted_coords=coords,
            distogram_atom_idx=distogram_atom_idx,
            attention_mask=attention_mask,
            atom_to_token=trunk.atom_inputs.atom_to_token,
            atom_attention_mask=trunk.atom_inputs.atom_attention_mask,
            asym_id=asym_id,
            mol_type=mol_type,
            num_diffusion_samples=1,
            relative_position_encoding=trunk.relative_position_encoding,
            token_bonds_encoding=trunk.token_bonds_encoding,
        )
        return {"distogram_logits": trunk.distogram_logits, "coords": coords, **confidence}
