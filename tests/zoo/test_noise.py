"""Models that draw noise are given it, and answer as they do when they draw it themselves."""

from __future__ import annotations

from typing import Any

import torch

from pytest_accelerate.zoo import construct


def test_given_noise_is_what_would_be_drawn() -> None:
    """Qwen2.5-Omni's sound from given noise is that of the model itself from the same seed."""
    specimen = construct("qwen2_5_omni_token2wav")
    inputs: dict[str, Any] = dict(specimen.inputs)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        own = specimen.model.model(
            inputs["code"], inputs["conditioning"], inputs["reference_mel"], num_steps=3
        )
        torch.manual_seed(3)
        inputs["noise"] = torch.randn_like(inputs["noise"])
        given = specimen.model(**inputs)
    assert torch.equal(own, given)
    assert not torch.equal(given, specimen.model(**specimen.inputs))


def test_a_fold_begins_at_the_noise_that_is_given() -> None:
    """ESMFold2 answers the same twice to the same noise, and otherwise to other noise."""
    specimen = construct("esmfold2")
    first, again = (specimen.model(**specimen.inputs) for _ in range(2))
    other = specimen.model(**{**specimen.inputs, "noise": specimen.inputs["noise"].flip(1)})
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.allclose(first["distogram_logits"], other["distogram_logits"])
    assert "_init_pair_state" not in vars(specimen.model.model)
