"""What is measured of one cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.records import known_fields, without_defaults


@dataclass(frozen=True)
class Measures:
    """What was measured of one cell; ``None`` or empty means that it was not measured."""

    parameters: int | None = None
    """Number of elements over all parameters of the model, tied ones counted once."""
    peak_memory_bytes: int | None = None
    """Increase over the process's own high-water mark at the start of the cell."""
    latency_seconds: float | None = None
    """One forward pass, the median of :attr:`latency_passes`; or one call of a provider's
    operation, without streaming."""
    latency_p90_seconds: float | None = None
    """What nine of ten passes stay within."""
    latency_passes: int | None = None
    """Passes that were timed, after those that pay for lazy initialisation."""
    latency_deciles: tuple[float, ...] = ()
    """How they spread: seconds of the fastest, of each tenth, and of the slowest, eleven in all."""
    items_per_second: float | None = None
    """Rows of the batch, by the median."""
    tokens_per_second: float | None = None
    """Tokens of text without padding, by the median; ``None`` for a model without text."""
    device_memory_bytes: int | None = None
    """Most that torch held on a device with memory of its own."""
    latency_is_hint: bool = True
    """True when other cells ran at the same time, or other processes took the processor: never
    news."""
    max_relative_error: float | None = None
    """``max|a-b| / max|ref|`` over finite entries, the worst output."""
    max_absolute_error: float | None = None
    cosine: float | None = None
    """Cosine similarity of the worst output with its reference."""
    tolerance: float | None = None
    """The bound on ``max_relative_error`` that decided the verdict."""
    reference: str = ""
    """What the outputs were compared with: ``cpu-fp32`` or ``cpu-fp64``."""
    outputs_compared: int | None = None
    entries_tied: int | None = None
    """Entries of outputs that hang on a tie in a top-k or argmax, and were left out for it."""
    worst_output: str = ""
    path: str = ""
    """How the model reached the hardware: ``eager``, ``trace``, ``export``."""
    path_reason: str = ""
    """Why a cheaper path was not taken, or what the path taken disagrees by."""
    modalities: tuple[str, ...] = ()
    """The modalities fed, of ``text image video audio timeseries boxes points masks ...``."""
    weight_tensors: int | None = None
    """Weight tensors of the model, tied ones counted once."""
    weights_heard: int | None = None
    """Those of them that move an output beyond the tolerance when noise is added to them."""
    unheard: tuple[str, ...] = ()
    """Those that no output can hear: how many, and by which rule."""
    batch_size: int | None = None
    """Rows of the batch that was compared with its rows alone."""
    batch_relative_error: float | None = None
    """The worst row's relative error against the same row in a batch of its own."""
    generated_tokens: int | None = None
    """Tokens that were generated greedily, a row."""
    generation: str = ""
    """How they were: with which cache, and through which path to the hardware."""
    generated_tokens_per_second: float | None = None
    """Tokens of all rows, once the prompt was read; as much of a hint as the latency."""
    quantized_modules: int | None = None
    """Modules whose weights were quantized; ``None`` at a precision that quantizes none."""
    quantizable_modules: int | None = None
    """All modules with weights that could have been."""
    quantized_share: float | None = None
    """Share of the model's weights that were, of 1."""
    quantization: str = ""
    """What quantized them, and how: ``nncf int8_asym, weights alone``."""
    executed: str = ""
    """How much ran in a half precision, where a device may choose otherwise:
    ``18 of 35 operations on floats run in bf16``."""
    model_class: str = ""
    weights: str = ""
    loading: str = ""
    """Of pretrained weights: who made the inputs, and what of the checkpoint was not used."""
    implementation_type: str = ""
    """``REAL`` or ``MOCK``."""
    threads: int | None = None
    device: str = ""
    """The device's own full name, such as its marketing name."""
    cell_seconds: float | None = None
    """Wall time from the request to the answer, everything included."""
    library_seconds: float | None = None
    """The part of ``cell_seconds`` spent in torch, transformers, OpenVINO: the stages."""
    unsteady: str = ""
    """What the cell came to at first, where it had passed before, failed, and was run once more:
    ``error: ...``; empty for a cell that was steady, or not run again."""
    server: str = ""
    """The real servers that answered a provider's cell, with their versions: ``moto 5.2.5``."""
    effect: str = ""
    """What a provider's operation does there: ``read infer create spend delete``."""
    requests: int | None = None
    """Requests that all stages of a provider's cell sent, those sent again included."""
    input_tokens: int | None = None
    """Tokens of all requests, as the provider itself counts them."""
    output_tokens: int | None = None
    cost_usd: float | None = None
    """What all requests cost, in USD; ``None`` where the price is not known, never 0 for that."""

    def to_json(self) -> dict[str, Any]:
        """The ``measures`` of a result line."""
        return without_defaults(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measures:
        """Read what :meth:`to_json` wrote.

        Raises:
            TypeError: if ``data`` is not such a record.
        """
        known = known_fields(cls, data)
        for name in ("modalities", "unheard", "latency_deciles"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)
