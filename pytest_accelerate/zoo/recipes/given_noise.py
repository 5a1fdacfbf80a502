"""Recipes of models that draw noise in their forward pass, which is one of their inputs here."""

from __future__ import annotations

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.noise import Folding, Rendering
from pytest_accelerate.zoo.recipe import Recipe
from pytest_accelerate.zoo.unheard import Cancels

_RESIDUES, _ATOMS = 6, 3
"""Of each protein, and of each residue."""
_ROPE = {"num_spatial_rope_pairs_per_axis": 1, "num_uid_rope_pairs": 5}
"""As many pairs as half a head has."""


_OF_ATOMS = [[residue for residue in range(_RESIDUES) for _ in range(_ATOMS)]] * 2
_COUNT = _RESIDUES * _ATOMS


RECIPES: dict[str, Recipe] = {
    "qwen2_5_omni_token2wav": Recipe(
        around=Rendering,
        config={"dit_config": {"num_embeds": 64}},
        inputs={
            "code": feeds.integers("codes", 0, 64, 2, 8),
            "conditioning": feeds.normal("speaker", 2, 64),
            "reference_mel": feeds.normal("audio", 2, 20, 80),
            "noise": feeds.normal("noise", 2, 16, 80),
        },
        attention="sdpa",
        unheard={
            r".*\.asp\.conv\.bias": Cancels(
                "it adds the same to the scores of all frames, and the softmax takes it away"
            )
        },
        why="it has no eager attention",
    ),
    "esmfold2": Recipe(
        around=Folding,
        config={
            # What the atoms tell of a residue, its type, its profile and its deletions.
            "single_inputs_size": 64 + 2 * 33 + 1,
            "pairwise_hidden_size": 32,
            "max_atomic_number": 16,
            "char_vocab_size": 16,
            "max_atoms_per_token": _ATOMS,
            "folding_trunk_num_hidden_layers": 1,
            "parcae_num_coda_layers": 1,
            "atom_encoder": {**_ROPE, "output_dim": 64},
            "structure_head": {
                "diffusion_module": {
                    "hidden_size": 64,
                    "fourier_dim": 32,
                    "atom_encoder": {**_ROPE, "output_dim": 64},
                }
            },
            "msa_encoder": {"outer_hidden_size": 8},
            "lm_encoder": {"lm_dropout": 0.0},
        },
        inputs={
            "res_type": feeds.integers("protein", 2, 22, 2, _RESIDUES),
            "input_ids": feeds.integers("protein", 4, 24, 2, _RESIDUES),
            "attention_mask": feeds.mask(_RESIDUES, 1, boolean=True),
            "residue_index": feeds.constant([[0, 1, 2, 0, 1, 2]] * 2),
            # Two chains.
            "asym_id": feeds.constant([[0, 0, 0, 1, 1, 1]] * 2),
            "token_bonds": feeds.uniform("", 2, _RESIDUES, _RESIDUES, 1),
            "msa": feeds.integers("alignment", 2, 22, 2, 3, _RESIDUES),
            "deletion_mean": feeds.uniform("", 2, _RESIDUES),
            "deletion_value": feeds.uniform("", 2, 3, _RESIDUES),
            "has_deletion": feeds.integers("", 0, 2, 2, 3, _RESIDUES),
            "ref_pos": feeds.normal("atoms", 2, _COUNT, 3),
            "ref_charge": feeds.normal("atoms", 2, _COUNT),
            "ref_element": feeds.integers("atoms", 1, 16, 2, _COUNT),
            "ref_atom_name_chars": feeds.integers("atoms", 0, 16, 2, _COUNT, 4),
            "atom_attention_mask": feeds.mask(_COUNT, _ATOMS, boolean=True),
            "atom_to_token": feeds.constant(_OF_ATOMS),
            "noise": feeds.normal("noise", 2, _RESIDUES, _RESIDUES, 32),
            "noisy_coords": feeds.normal("noise", 2, _COUNT, 3, scale=8.0),
            "noise_level": feeds.constant([4.0, 8.0]),
            "distogram_atom_idx": feeds.constant(
                [[_ATOMS * residue + 1 for residue in range(_RESIDUES)]] * 2
            ),
        },
        instead={"text": "its words are residues"},
        unheard={
            r".*\.(token_transformer\.layers\.\d+\.pair_norm"
            r"|msa_pair_weighted_averaging\.bias_norm)\.bias": Cancels(
                "it adds the same to all scores of a query, and the softmax takes it away"
            )
        },
    ),
}
