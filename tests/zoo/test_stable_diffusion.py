"""Stable Diffusion against diffusers' own pipeline, on the CPU and with its parts on OpenVINO."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from pytest_accelerate import hardware, zoo
from pytest_accelerate.zoo.compositions.stable_diffusion import GUIDANCE, STEPS
from pytest_accelerate.zoo.specimen import Specimen

TOLERANCE = 1e-4


class Part(torch.nn.Module):
    """What is compiled of one of the pipeline's models: tensors in, one tensor out."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model
        self.config = model.config


class Encoder(Part):
    """From token ids to the states of a text."""

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Of the last layer."""
        return self.model(input_ids)[0]  # type: ignore[no-any-return]


class Denoiser(Part):
    """From latents at a time to the noise in them."""

    def forward(
        self, sample: torch.Tensor, time: torch.Tensor, states: torch.Tensor
    ) -> torch.Tensor:
        """The time comes as a tensor, so that one graph serves all steps."""
        return self.model(sample, time, states).sample  # type: ignore[no-any-return]


class Decoder(Part):
    """From latents to an image."""

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """The VAE's second half."""
        return self.model.decode(latents).sample  # type: ignore[operator, no-any-return]


class OnOpenVINO(torch.nn.Module):
    """Stands in a pipeline where one of its models stood, and asks OpenVINO."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, part: Part, inputs: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.config, self.calls, self._inputs = part.config, 0, tuple(inputs)
        specimen = Specimen(type(part).__name__, part.eval(), inputs, ())
        self._loaded = hardware.create("openvino").load(specimen, "fp32")

    def forward(self, *tensors: torch.Tensor, **options: Any) -> tuple[torch.Tensor, ...]:
        """As the model's own forward where it returns a tuple."""
        self.calls += 1
        given = (*tensors, *(options[n] for n in ("encoder_hidden_states",) if n in options))
        answer = self._loaded.run(dict(zip(self._inputs, given, strict=True)))
        return tuple(answer.values())

    def decode(self, latents: torch.Tensor, **options: Any) -> tuple[torch.Tensor, ...]:
        """As the VAE's."""
        return self(latents)  # type: ignore[no-any-return]


def drawn(
    specimen: Specimen, text_encoder: Any, unet: Any, vae: Any
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """An image (batch, 3, height, width) in [0, 1] by diffusers' pipeline, and all its latents."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever its other pipelines warn of
        from diffusers import StableDiffusionPipeline
    model, inputs = specimen.model, specimen.inputs
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=None,
        unet=unet,
        scheduler=model.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    latents: list[torch.Tensor] = []

    def note(pipeline: Any, step: int, time: Any, state: dict[str, Any]) -> dict[str, Any]:
        latents.append(state["latents"])
        return {}

    with torch.no_grad():
        image = pipeline(
            prompt_embeds=text_encoder(inputs["input_ids"])[0],
            negative_prompt_embeds=text_encoder(inputs["negative_ids"])[0],
            latents=inputs["latents"],
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            callback_on_step_end=note,
            output_type="pt",
        ).images
    return image, latents


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    """The tiny Stable Diffusion of the zoo."""
    return zoo.construct("stable-diffusion")


def test_the_forward_pass_is_the_pipelines_own_loop(specimen: Specimen) -> None:
    """After every step, and at the end, the row's module has what diffusers' pipeline has."""
    model: Any = specimen.model
    image, latents = drawn(specimen, model.text_encoder, model.unet, model.vae)
    answer = model(**specimen.inputs)
    assert len(latents) == STEPS
    for step, expected in enumerate(latents):
        assert torch.equal(answer[f"latents.{step}"], expected)
    assert torch.equal((answer["image"] / 2 + 0.5).clamp(0, 1), image)
    assert image.std() > 0.1


def test_the_pipeline_draws_the_same_with_all_parts_on_openvino(specimen: Specimen) -> None:
    """Text encoder, UNet and VAE on OpenVINO, one graph each: the same steps, the same image."""
    model, inputs = specimen.model, specimen.inputs
    states = model.text_encoder(inputs["input_ids"])[0]
    doubled = torch.cat([inputs["latents"]] * 2)
    encoder = OnOpenVINO(Encoder(model.text_encoder), {"input_ids": inputs["input_ids"]})
    time = model.scheduler.timesteps[0]
    unet = OnOpenVINO(
        Denoiser(model.unet),
        {"sample": doubled, "time": time, "states": torch.cat([states, states])},
    )
    vae = OnOpenVINO(Decoder(model.vae), {"latents": inputs["latents"]})

    image, latents = drawn(specimen, encoder, unet, vae)
    expected, expected_latents = drawn(specimen, model.text_encoder, model.unet, model.vae)

    assert (encoder.calls, unet.calls, vae.calls) == (2, STEPS, 1)
    for there, here in zip(latents, expected_latents, strict=True):
        assert difference(there, here) < TOLERANCE
    assert difference(image, expected) < TOLERANCE


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest, relative to the largest value."""
    return float((one - other).abs().max() / other.abs().max())
