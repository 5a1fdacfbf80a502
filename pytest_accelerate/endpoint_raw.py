"""Words, pictures and sound that an endpoint is given: made into tensors by its checkpoint."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pytest_accelerate.errors import InvalidInputs
from pytest_accelerate.vocabulary import RAW_INPUTS, SAMPLING_RATE

if TYPE_CHECKING:
    from pytest_accelerate.endpoint_inputs import InputRules
    from pytest_accelerate.zoo.specimen import Specimen


def is_raw(name: str, accepted: Collection[str]) -> bool:
    """Whether an input of this name is no tensor yet: a word of ours, and no parameter."""
    return name in (*RAW_INPUTS, SAMPLING_RATE) and name not in accepted


def prepared(
    endpoint: str, specimen: Specimen, inputs: Mapping[str, Any], rules: InputRules
) -> dict[str, Any]:
    """The inputs with tensors in the place of what is raw; what is given beside them wins.

    Raises:
        InvalidInputs: the checkpoint has no processor for it, or it is not what that takes.
    """
    from pytest_accelerate.zoo.processing import fitted

    given = {name: value for name, value in inputs.items() if is_raw(name, rules.accepted)}
    others = {name: value for name, value in inputs.items() if name not in given}
    if specimen.processing is None:
        raise InvalidInputs(
            f"{endpoint}: {next(iter(given))!r} takes the tokenizer or processor of a checkpoint, "
            f"and weights {specimen.weights!r} have none: ask for weights='pretrained' or give "
            f"checkpoint=, or give tensors; {rules.hint()}"
        )
    try:
        return {**fitted(specimen.model, specimen.processing(given)), **others}
    except InvalidInputs as error:
        raise InvalidInputs(f"{endpoint}: {error}") from error
