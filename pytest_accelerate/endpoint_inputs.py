"""What an endpoint's model takes, and the check of what it is given, before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_accelerate.errors import InvalidInputs, nearest
from pytest_accelerate.hardware.layout import lays_out

if TYPE_CHECKING:
    import torch

    from pytest_accelerate.zoo.specimen import Specimen

TOKEN_INPUTS = ("input_ids", "decoder_input_ids")


def signature_of(inputs: Mapping[str, Any]) -> object:
    """A hashable value, equal for inputs that one graph of fixed shapes can take.

    They have the same names, shapes and dtypes, and the same values where these lay out the
    computation (:func:`~pytest_accelerate.hardware.layout.lays_out`).
    """
    return tuple(sorted((name, _kind(name, value)) for name, value in inputs.items()))


def _kind(name: str, value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = f"{value.dtype}{list(value.shape)}"
        return f"{kind}{value.tolist()}" if lays_out(name, value) else kind
    if isinstance(value, list | tuple):
        return f"[{', '.join(_kind(name, item) for item in value)}]"
    return repr(value)


@dataclass(frozen=True)
class InputRules:
    """The names, ranks and dtypes that a model's forward takes."""

    endpoint: str
    accepted: frozenset[str]
    """Parameters of the forward pass; empty where it takes any."""
    required: tuple[str, ...]
    """Parameters without a default."""
    examples: Mapping[str, Any]
    vocabulary: int | None
    """Token ids stay below this."""

    @classmethod
    def of(cls, endpoint: str, specimen: Specimen) -> InputRules:
        """Read the rules off a specimen."""
        parameters = inspect.signature(specimen.model.forward).parameters.values()
        named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        # **kwargs of a transformers model carries flags, not inputs: what it is fed here is known.
        accepted = {p.name for p in named} | (set(specimen.inputs) if takes_any else set())
        return cls(
            endpoint=endpoint,
            accepted=frozenset(accepted),
            required=tuple(p.name for p in named if p.default is p.empty),
            examples=dict(specimen.inputs),
            vocabulary=_vocabulary(specimen.model),
        )

    def check(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs as tensors, or say what is wrong with them.

        Raises:
            InvalidInputs: a name, rank, dtype or token id that the model does not take.
        """
        if not inputs:
            raise InvalidInputs(f"{self.endpoint} was called without inputs; {self.hint()}")
        for name in inputs:
            if name not in self.accepted:
                raise InvalidInputs(
                    f"{self.endpoint} takes no input {name!r}{nearest(name, self.accepted)}; "
                    f"{self.hint()}"
                )
        if missing := [name for name in self.required if name not in inputs]:
            raise InvalidInputs(f"{self.endpoint} needs {', '.join(missing)}; {self.hint()}")
        return {name: self._check_one(name, value) for name, value in inputs.items()}

    def _check_one(self, name: str, value: Any) -> Any:
        import torch

        example = self.examples.get(name)
        if not isinstance(example, torch.Tensor):
            # Nothing is known of it but its name; numbers in rows are a tensor all the same.
            is_array = isinstance(value, list | tuple) or hasattr(value, "__array__")
            return self._as_tensor(name, value) if example is None and is_array else value
        tensor = self._as_tensor(name, value)
        if tensor.is_floating_point() != example.is_floating_point():
            raise InvalidInputs(
                f"{self.endpoint}: input {name!r} has dtype {_dtype(tensor)}, "
                f"not one like {_dtype(example)}"
            )
        if tensor.ndim != example.ndim:
            raise InvalidInputs(
                f"{self.endpoint}: input {name!r} has shape {list(tensor.shape)}, "
                f"not {example.ndim} dimensions like {list(example.shape)}"
            )
        if 0 in tensor.shape and 0 not in example.shape:
            raise InvalidInputs(f"{self.endpoint}: input {name!r} is empty: {list(tensor.shape)}")
        self._check_tokens(name, tensor)
        return tensor.to(example.dtype)

    def _as_tensor(self, name: str, value: Any) -> torch.Tensor:
        import torch

        if isinstance(value, torch.Tensor):
            return value.detach().cpu()
        try:
            return torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InvalidInputs(
                f"{self.endpoint}: input {name!r} of type {type(value).__name__} is not a tensor, "
                f"array or nested list of numbers: {error}"
            ) from error

    def _check_tokens(self, name: str, tensor: torch.Tensor) -> None:
        # On CUDA an id beyond the embedding is a device assertion that ends the whole process.
        if self.vocabulary is None or name not in TOKEN_INPUTS or tensor.is_floating_point():
            return
        highest = int(tensor.max())
        if highest >= self.vocabulary or int(tensor.min()) < 0:
            wrong = highest if highest >= self.vocabulary else int(tensor.min())
            raise InvalidInputs(
                f"{self.endpoint}: input {name!r} has token id {wrong}; "
                f"the vocabulary has {self.vocabulary}"
            )

    def describe(self) -> str:
        """The example inputs in one line: ``input_ids int64[2, 16], ...``."""
        return ", ".join(
            f"{name} {_dtype(value)}{list(value.shape)}"
            if hasattr(value, "shape")
            else f"{name}={value!r}"
            for name, value in self.examples.items()
        )

    def hint(self) -> str:
        """What would be right, for the end of a message."""
        return f"it takes, for example: {self.describe()}"


def _vocabulary(model: Any) -> int | None:
    get_embeddings = getattr(model, "get_input_embeddings", None)
    try:
        embeddings = get_embeddings() if get_embeddings is not None else None
    except (NotImplementedError, AttributeError):
        return None
    count = getattr(embeddings, "num_embeddings", None)
    return count if isinstance(count, int) else None


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")
