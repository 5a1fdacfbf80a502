"""Endpoints: one handler a model and hardware, called, awaited, and refused what it cannot take."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import pytest_accelerate
from pytest_accelerate import Endpoints
from pytest_accelerate.agreement import compare
from pytest_accelerate.errors import (
    InvalidInputs,
    NotConstructible,
    UnknownHardware,
    UnknownModelType,
    UnknownPrecision,
    UsageError,
)

BACKENDS = ("cpu", "openvino")


@pytest.fixture(scope="module")
def tiny() -> Iterator[Endpoints]:
    """Endpoints with tiny weights, as the fixture of the plugin gives them."""
    endpoints = Endpoints(weights="tiny")
    yield endpoints
    endpoints.close()


def test_the_public_object_is_not_replaced_by_a_module() -> None:
    """``from pytest_accelerate import endpoints`` is callable, however often it is imported."""
    code = (
        "from pytest_accelerate import endpoints as one\n"
        "import pytest_accelerate.endpoint\n"
        "from pytest_accelerate import endpoints as two\n"
        "assert one is two and callable(one)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pytest_accelerate.nothing  # noqa: B018


def test_both_forms_give_the_same_handler(tiny: Endpoints) -> None:
    """A call and two subscripts name one object, and the mapping behaves like one."""
    assert tiny("bert", "cpu") is tiny["bert"]["cpu"] is tiny("bert", "cpu")
    assert tiny("bert", "openvino") is not tiny("bert", "cpu")
    assert "bert" in tiny
    assert "bertt" not in tiny
    assert tiny.get("bertt") is None
    assert len(tiny) == len(list(tiny)) > 800
    assert "openvino" in tiny["bert"]
    assert "gpu" not in tiny["bert"]


@pytest.mark.parametrize("name", BACKENDS)
def test_an_output_says_what_it_is(tiny: Endpoints, name: str) -> None:
    """Outputs are tensors by name, and tell implementation, weights and cell."""
    endpoint = tiny("bert", name)
    output = endpoint(endpoint.example_inputs)
    assert list(output) == ["last_hidden_state", "pooler_output"]
    assert output["last_hidden_state"].shape[0] == 2
    assert (output.implementation_type, output.weights) == ("REAL", "tiny")
    assert output.cell.id == f"bert-{name}-fp32"
    assert endpoint.model_class == "BertModel"


@pytest.mark.parametrize("name", BACKENDS)
def test_twenty_concurrent_calls_give_twenty_right_answers(tiny: Endpoints, name: str) -> None:
    """Concurrent ``acall``s on one endpoint do not mix their answers."""
    endpoint = tiny("bert", name)
    example = endpoint.example_inputs
    batches = [{**example, "input_ids": (example["input_ids"] + n) % 64} for n in range(1, 21)]
    right = [tiny("bert", "cpu")(batch) for batch in batches]

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(endpoint.acall(batch) for batch in batches))

    for answer, expected in zip(asyncio.run(all_at_once()), right, strict=True):
        assert compare(answer, expected, 1e-4).agrees


@pytest.mark.parametrize("name", BACKENDS)
def test_other_shapes_and_masks_give_the_right_numbers(tiny: Endpoints, name: str) -> None:
    """What the example's shape or mask was is not baked into the answers to others."""
    endpoint, reference = tiny("bert", name), tiny("bert", "cpu").specimen.model
    generator = torch.Generator().manual_seed(1)
    for rows, columns in ((2, 12), (3, 5), (1, 12)):
        ids = torch.randint(5, 60, (rows, columns), generator=generator)
        mask = torch.ones_like(ids)
        mask[0, columns - 2 :] = 0
        with torch.no_grad():
            expected = reference(input_ids=ids, attention_mask=mask)
        answer = endpoint(input_ids=ids, attention_mask=mask)
        assert compare(answer, {name: expected[name] for name in answer}, 1e-4).agrees


@pytest.mark.parametrize("name", BACKENDS)
def test_values_that_lay_out_the_computation_are_heard(tiny: Endpoints, name: str) -> None:
    """A grid of the same shape with other values is another layout, not the example's."""
    endpoint, reference = tiny("qwen2_vl_vision", name), tiny("qwen2_vl_vision", "cpu")
    example = endpoint.example_inputs
    assert compare(endpoint(example), reference(example), 1e-4).agrees
    turned = {**example, "grid_thw": example["grid_thw"][:, [0, 2, 1]].contiguous()}
    answer = endpoint(turned)
    with torch.no_grad():
        expected = reference.specimen.model(**turned)
    first = next(iter(answer))
    assert compare(answer, {key: expected[key] for key in answer}, 1e-4).agrees
    assert not torch.equal(answer[first], endpoint(example)[first])


def test_plain_lists_and_arrays_are_inputs_too(tiny: Endpoints) -> None:
    """Nested lists and arrays become tensors of the example's dtype."""
    bert = tiny("bert", "cpu")
    ids = [[5, 6, 7], [8, 9, 10]]
    as_lists = bert(input_ids=ids)
    as_arrays = bert({"input_ids": torch.tensor(ids).int().numpy()})
    assert compare(as_lists, as_arrays, 0.0).agrees


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "was called without inputs; it takes, for example: input_ids int64"),
        ({"input_id": [[1]]}, "takes no input 'input_id'; did you mean 'input_ids'"),
        ({"input_ids": [1, 2]}, r"'input_ids' has shape \[2\], not 2 dimensions"),
        ({"input_ids": [[0.5]]}, "'input_ids' has dtype float32, not one like int64"),
        ({"input_ids": [[10_000]]}, "token id 10000; the vocabulary has"),
        ({"input_ids": [[-1]]}, "token id -1"),
        ({"input_ids": [[]]}, "'input_ids'"),
        ({"input_ids": "text"}, "of type str is not a tensor"),
        ({"input_ids": [[1], [2, 3]]}, "of type list is not a tensor"),
        ([[1, 2]], "takes a mapping of input names to values, not list"),
        (
            {"input_ids": [[1, 2]], "position_ids": [[0, 99_999]]},
            "cannot run on these inputs: RuntimeError",
        ),
    ],
)
def test_what_a_model_does_not_take_is_told(tiny: Endpoints, inputs: Any, told: str) -> None:
    """Wrong inputs are one error of ours that says what would be right."""
    with pytest.raises(InvalidInputs, match=told):
        tiny("bert", "cpu")(inputs)


def test_required_inputs_are_named(tiny: Endpoints) -> None:
    """An input without a default cannot be left out."""
    resnet = tiny("resnet", "cpu")
    with pytest.raises(InvalidInputs, match=r"needs pixel_values|takes no input"):
        resnet({"return_dict": True})


def test_unknown_names_carry_the_remedy(tiny: Endpoints, tmp_path: Path) -> None:
    """Model type, hardware, precision and weights are checked when the handler is asked for."""
    with pytest.raises(UnknownModelType, match="did you mean 'bert'"):
        tiny("bertt", "cpu")
    with pytest.raises(UnknownHardware, match="known: cpu"):
        tiny("bert", "gpu")
    with pytest.raises(UnknownPrecision, match="fp32"):
        tiny("bert", "cpu", precision="fp31")
    with pytest.raises(UnknownPrecision, match="on cpu"):
        tiny("bert", "cpu", precision="int4")
    with pytest.raises(UsageError, match="unknown weights"):
        tiny("bert", "cpu", weights="huge")


def test_outside_pytest_the_default_is_the_mapped_checkpoint(tmp_path: Path) -> None:
    """Pretrained unless asked otherwise; what is not mapped or not there says how to go on."""
    endpoints = Endpoints()
    assert endpoints("bert", "cpu").weights == "pretrained"
    with pytest.raises(NotConstructible, match=r"mapped_models\.json.*weights='tiny'"):
        endpoints("afmoe", "cpu")
    absent = endpoints("bert", "cpu", checkpoint=str(tmp_path / "absent"))
    with pytest.raises(NotConstructible):
        absent.load()


def test_a_local_checkpoint_gives_its_own_weights(tmp_path: Path, tiny: Endpoints) -> None:
    """A folder with weights is loaded as it is, and its numbers are its model's."""
    source = tiny("bert", "cpu").specimen.model
    source.save_pretrained(tmp_path)
    endpoint = Endpoints()("bert", "openvino", checkpoint=str(tmp_path))
    inputs = tiny("bert", "cpu").example_inputs
    output = endpoint(inputs)
    assert output.weights == "pretrained"
    assert compare(output, tiny("bert", "cpu")(inputs), 1e-4).agrees


def test_a_part_names_the_type_it_belongs_to(tiny: Endpoints) -> None:
    """A type without a forward pass of its own is refused with the one to use."""
    with pytest.raises(NotConstructible, match="use the type that it belongs to: sam"):
        tiny("sam_prompt_encoder", "cpu").load()


def test_a_mock_is_asked_for_and_says_so(tiny: Endpoints) -> None:
    """Only ``mock`` gives a mock; it answers what it was given and keeps what it was asked."""
    mock = tiny.mock("bert", "openvino", {"last_hidden_state": torch.ones(1)})
    output = mock(input_ids=[[1]])
    assert (output.implementation_type, output.weights) == ("MOCK", "mock")
    assert asyncio.run(mock.acall({"input_ids": [[2]]})).implementation_type == "MOCK"
    assert mock.calls == [{"input_ids": [[1]]}, {"input_ids": [[2]]}]
    with pytest.raises(UnknownModelType):
        tiny.mock("bertt", "cpu", {})


def test_a_closed_endpoint_loads_again() -> None:
    """Closing frees the model; the next call is as good as the first."""
    with Endpoints(weights="tiny")("bert", "openvino") as endpoint:
        first = endpoint(endpoint.example_inputs)
    again = endpoint(endpoint.example_inputs)
    assert compare(first, again, 0.0).agrees
    endpoint.close()


def test_more_layouts_at_once_than_are_kept_give_the_right_answers(tiny: Endpoints) -> None:
    """A graph that makes room for another is not closed under the call that uses it."""
    endpoint, reference = tiny("bert", "openvino"), tiny("bert", "cpu")
    batches = [{"input_ids": torch.full((1, columns), 7)} for columns in range(2, 14)]
    right = [reference(batch) for batch in batches]

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(endpoint.acall(batch) for batch in batches))

    for answer, expected in zip(asyncio.run(all_at_once()), right, strict=True):
        assert compare(answer, expected, 1e-4).agrees
