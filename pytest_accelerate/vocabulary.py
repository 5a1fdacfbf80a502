"""The names that options take, apart from the records: importing these costs nothing."""

from __future__ import annotations

PRECISIONS: tuple[str, ...] = ("fp32", "fp16", "bf16", "int8", "int4")

MODES: tuple[str, ...] = ("mock", "server", "live")
"""Who answers the calls of a provider's cell."""

EXTRA_STAGES: tuple[str, ...] = ("batch", "generate", "benchmark")
"""The stages of a model that may be left out."""

WEIGHTS: tuple[str, ...] = ("tiny", "published", "pretrained")

ALLOWANCES: tuple[str, ...] = ("pickle", "remote-code")
"""What a checkpoint may run of its author's, where it is allowed by name."""

RAW_INPUTS: tuple[str, ...] = ("text", "images", "audio", "videos")
"""Names by which an endpoint takes what is not tensors yet."""

SAMPLING_RATE = "sampling_rate"
"""Goes with ``audio``: samples a second."""

PROPERTY = "accelerate_result"
"""Name of the report's user property that carries a result to the controller."""

OWN_TEST = "accelerate_test"
"""Name of the one that carries what a test of people's own says of its cells."""
