"""What outputs hear: weights and inputs, by gradients and by noise; the rules of what none can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from pytest_accelerate import zoo
from pytest_accelerate.stages import hearing
from pytest_accelerate.stages.hearing import Hearing, hear
from pytest_accelerate.zoo.specimen import Specimen
from pytest_accelerate.zoo.unheard import RULES, Cancels, rule_for

Tensors = dict[str, torch.Tensor]


class Toy(torch.nn.Module):
    """Two inputs, a layer, and a weight whose part in the output is to be chosen."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)
        self.other = torch.nn.Linear(8, 8)
        self.share = share

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> Tensors:
        """The other layer has a share in what is given back."""
        return {"output": self.layer(text) + self.share * self.other(image)}


class Detached(Toy):
    """The same without gradients."""

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> Tensors:
        """Nothing flows back."""
        return {"output": super().forward(text, image)["output"].detach()}


class Guarded(Toy):
    """The same under ``torch.no_grad``, and how often it was run."""

    runs = 0

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> Tensors:
        """Nothing flows back, unless the guard is lifted."""
        self.runs += 1
        with torch.no_grad():
            return super().forward(text, image)


class InPlace(Toy):
    """The same, where the backward pass fails."""

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> Tensors:
        """Write into what the derivative needs."""
        output = super().forward(text, image)["output"].exp()
        output += 1.0
        return {"output": output}


class Unused(Toy):
    """The other layer takes no part."""

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> Tensors:
        """The image is for nothing."""
        return {"output": self.layer(text)}


def specimen(model: torch.nn.Module, unheard: Mapping[str, str] | None = None) -> Specimen:
    """A specimen of a toy."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    inputs = {"text": torch.randn(2, 8), "image": torch.randn(2, 8)}
    return Specimen(
        "toy",
        model.eval().requires_grad_(False),
        inputs,
        ("image", "text"),
        carriers={"text": ("text",), "image": ("image",)},
        unheard=unheard or {},
    )


@pytest.mark.parametrize("kind", [Toy, Detached, Guarded, InPlace])
def test_what_moves_an_output_is_heard(kind: type[Toy]) -> None:
    """Every weight and modality is heard, whether gradients flow or not."""
    assert hear(specimen(kind(1.0)), 1e-4) == Hearing(tensors=4)


def test_one_backward_pass_tells_of_what_runs_without_gradients() -> None:
    """Four weights under ``torch.no_grad`` take no run each, and it guards again afterwards."""
    model = Guarded(1.0)
    hear(specimen(model), 1e-4)
    assert model.runs == 4  # two, and one for each input
    with torch.no_grad():
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("kind", [Toy, Detached, Guarded, InPlace])
def test_what_moves_less_than_the_tolerance_is_not_heard(kind: type[Toy]) -> None:
    """A gradient that is not zero is no proof: the layer scale of 1e-6 is the case in point."""
    found = hear(specimen(kind(1e-6)), 1e-4)
    assert found.deaf == ("other.weight", "other.bias")
    assert found.deaf_modalities == ("image",)
    assert found.heard == 2
    assert "image" in found.complaint
    assert "other.weight and 1 more" in found.complaint


def test_what_takes_no_part_is_not_heard() -> None:
    """A weight outside of the graph is deaf, and one that a rule names is excused."""
    assert hear(specimen(Unused(1.0)), 1e-4).deaf == ("other.weight", "other.bias")
    found = hear(specimen(Unused(1.0), {r"other\..*": "for training alone"}), 1e-4)
    assert found.deaf == ()
    assert found.excused == {"for training alone": 2}
    assert found.heard == 2


def test_a_rule_excuses_nothing_that_moves_an_output() -> None:
    """Where the outputs move a little, what was declared is not so."""
    found = hear(specimen(Toy(1e-6), {r"other\..*": "for training alone"}), 1e-4)
    assert found.deaf == ("other.weight", "other.bias")
    assert not found.excused


class Chosen(Unused):
    """Of many weights without a gradient, one moves the output after all."""

    def __init__(self, share: float) -> None:
        super().__init__(share)
        self.silent = torch.nn.ParameterList(torch.ones(2) for _ in range(7))
        self.choice = torch.nn.Parameter(torch.ones(2))

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> Tensors:
        """The output grows with the choice, by a part that no gradient goes through."""
        return {"output": self.layer(text) * (1.0 + self.choice.detach().sum())}


def test_one_heard_among_many_silent_is_found() -> None:
    """Tensors that are disturbed together are told apart when one of them moves an output."""
    found = hear(specimen(Chosen(1.0)), 1e-4)
    silent = tuple(f"silent.{number}" for number in range(7))
    assert sorted(found.deaf) == sorted(("other.weight", "other.bias", *silent))
    assert found.heard == 3


def test_an_unfinished_hearing_is_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not asked for want of runs is neither heard nor deaf, and said."""
    monkeypatch.setattr(hearing, "MOST_RUNS", 3)
    found = hear(specimen(Detached(1.0)), 1e-4)
    assert found.unasked > 0
    assert found.deaf == ()
    assert found.heard == found.tensors - found.unasked
    assert f"{found.unasked} not asked" in found.complaint


class Shifted(Toy):
    """What is added to all entries is taken away, up to a rounding that is magnified."""

    def __init__(self, share: float) -> None:
        super().__init__(share)
        self.shift = torch.nn.Parameter(torch.ones(1))

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> Tensors:
        """The share of the shift that is left is none, or little."""
        output = super().forward(text, image)["output"]
        large = output + 1000.0 * self.shift
        return {"output": large - 1000.0 * self.shift * self.share}


@pytest.mark.parametrize(("share", "excused"), [(1.0, 1), (1.0 - 1e-7, 0)])
def test_what_cancels_is_told_in_float64(share: float, excused: int) -> None:
    """Magnified rounding is no objection to a rule, and a movement that is real is one."""
    found = hear(specimen(Shifted(share), {"shift": Cancels("it is taken away")}), 1e-2)
    assert sum(found.excused.values()) == excused
    assert found.deaf == (() if excused else ("shift",))


def test_the_specimen_is_left_as_it_was() -> None:
    """Weights, inputs and the outputs are the same after as before, to the bit."""
    toy = specimen(Toy(1e-6))
    before = {name: value.clone() for name, value in toy.model.state_dict().items()}
    inputs: dict[str, Any] = {name: value.clone() for name, value in toy.inputs.items()}
    hear(toy, 1e-4)
    assert all(torch.equal(value, before[name]) for name, value in toy.model.state_dict().items())
    assert all(torch.equal(toy.inputs[name], value) for name, value in inputs.items())
    assert not any(parameter.requires_grad for parameter in toy.model.parameters())


def test_a_key_bias_under_a_softmax_is_excused_and_nothing_else_of_bert() -> None:
    """5 % of bert's tensors cannot be heard by any input, and the others are."""
    found = hear(zoo.construct("bert"), 1e-4)
    assert found.complaint == ""
    assert sum(found.excused.values()) == 2
    assert found.heard == found.tensors - 2 == 37


def test_a_layer_scale_near_zero_makes_a_model_deaf() -> None:
    """With the scale that transformers itself draws, convnext's agreement would be empty."""
    convnext = zoo.construct("convnext")
    assert hear(convnext, 1e-4).complaint == ""
    with torch.no_grad():
        for name, parameter in convnext.model.named_parameters():
            if "layer_scale" in name:
                parameter.fill_(1e-6)
    deaf = hear(convnext, 1e-4).deaf
    assert len([name for name in deaf if name.endswith("weight")]) >= 10


def test_an_expert_is_excused_only_where_another_is_heard() -> None:
    """A whole layer of experts that nobody hears is no matter of routing."""
    rule = rule_for("layers.0.experts.3.up.weight", {})
    assert rule is not None
    assert "routed" in rule.why
    alike = rule.alike("layers.0.experts.3.up.weight")
    assert alike is not None
    assert alike.fullmatch("layers.0.experts.11.up.weight")
    assert not alike.fullmatch("layers.1.experts.3.up.weight")


@pytest.mark.parametrize(
    "name", ["k_proj.bias", "layer.0.attention.self.key.bias", "x.to_k.bias", "attn.k_bias"]
)
def test_names_of_key_biases(name: str) -> None:
    """The names under which models have them are known."""
    assert rule_for(name, {}) is RULES[0]


@pytest.mark.parametrize("name", ["q_proj.bias", "k_proj.weight", "key_norm.bias", "monkey.bias"])
def test_names_that_are_no_key_biases(name: str) -> None:
    """What only looks like one is not excused."""
    assert rule_for(name, {}) is None


def test_the_rule_of_a_type_goes_first() -> None:
    """Its reason is the more exact."""
    rule = rule_for("decoder.k_proj.bias", {r"decoder\..*": "for training alone"})
    assert rule is not None
    assert rule.why == "for training alone"
