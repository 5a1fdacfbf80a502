"""What a kind of hardware must offer: one Protocol, one file per implementation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from pytest_accelerate.hardware.generation import Generation
    from pytest_accelerate.hardware.quantized import Quantized
    from pytest_accelerate.zoo.generating_specimen import GeneratingSpecimen
    from pytest_accelerate.zoo.specimen import Specimen


@dataclass(frozen=True)
class Availability:
    """Whether a machine has some hardware; if not, why, and how to get it."""

    available: bool
    device: str = ""
    """The device's own full name, when available."""
    reason: str = ""
    remedy: str = ""


class LoadedModel(Protocol):
    """A model on its hardware, ready to be called, from any thread."""

    path: str
    """How it got there: ``eager``, ``trace``, ``export``."""
    path_reason: str
    """Why a cheaper path was not taken, or what this one disagrees by; empty for the cheapest."""
    quantized: Quantized | None
    """How much of it is in int8 or int4; ``None`` at other precisions."""
    executed: str
    """How much of it runs in a half precision, where a device may choose otherwise."""
    fault: str
    """What it is known to be off by in fp32, whatever its precision; empty for nothing."""

    def run(self, inputs: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Run one forward pass, finished when this returns.

        Args:
            inputs: keyword arguments of the model's forward, CPU tensors; left unchanged.

        Returns:
            CPU tensors by dotted leaf name (``last_hidden_state``, ``hidden_states.0``), in the
            order of the model's output, integers and booleans in their own dtype.
        """
        ...

    def close(self) -> None:
        """Free what the model holds on the device; it cannot run afterwards."""
        ...


class LoadedGenerator(Protocol):
    """A model on its hardware that generates, one call at a time."""

    @property
    def path(self) -> str:
        """How it got there: ``eager``, ``trace, stateful decode``."""
        ...

    @property
    def path_reason(self) -> str:
        """What it is already known to disagree by; empty for nothing."""
        ...

    def generate(self, prompt: Mapping[str, Any], tokens: int, *, cache: bool = True) -> Generation:
        """Generate greedily, always the same number of tokens.

        Args:
            prompt: keyword arguments of the model's ``generate``, CPU tensors; left unchanged.
            tokens: how many follow the prompt.
            cache: whether what was computed for earlier tokens is kept.

        Raises:
            UnsupportedOperation: without a cache, on hardware that needs one.
        """
        ...

    def close(self) -> None:
        """Free what the model holds on the device; it cannot generate afterwards."""
        ...


class Hardware(Protocol):
    """A place where models run. Constructing one must be cheap and touch no driver."""

    name: str
    """As in the cell: ``cpu``, ``cuda:1``, ``openvino:GPU``."""
    precisions: tuple[str, ...]
    fixed_shapes: bool
    """Whether a loaded model takes only inputs of the shapes it was loaded with."""

    def __init__(self, name: str) -> None: ...

    def availability(self) -> Availability:
        """Look at this machine. May import the backend and touch the driver."""
        ...

    def load(self, specimen: Specimen, precision: str) -> LoadedModel:
        """Bring the model onto the hardware; ``specimen`` stays usable as the reference.

        Raises:
            UnsupportedOperation: the backend says that it cannot, and names the operators; or the
                precision is not what it would run in.
            MemoryError: it does not fit.
        """
        ...

    def load_generator(
        self, specimen: GeneratingSpecimen, precision: str, tokens: int
    ) -> LoadedGenerator:
        """Bring a model that generates onto the hardware, for so many tokens after the prompt.

        ``specimen`` stays usable as the reference.

        Raises:
            UnsupportedOperation: the backend says that it cannot; names the operators.
            MemoryError: it does not fit.
        """
        ...
