"""What came of quantizing a model: how much of it, and by what."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_accelerate.errors import UnsupportedOperation

QUANTIZED_PRECISIONS = ("int8", "int4")
"""Those at which a model must say what was quantized."""


@dataclass(frozen=True)
class Quantized:
    """How much of a model has its weights in few bits."""

    modules: int
    """Weights of layers that are in the precision asked for."""
    of_modules: int
    """All weights of layers: of products, convolutions and tables that are looked up."""
    share: float
    """Elements in the precision asked for, of all elements that the model learns: 0 to 1."""
    how: str
    """By what, and what else is to be known: ``nncf int8_asym, weights alone``."""
    why_none: str = ""
    """Why no module is; empty where one is."""

    def or_refused(self) -> Quantized:
        """Itself.

        Raises:
            UnsupportedOperation: nothing was quantized; as it was, it would pass for nothing.
        """
        if not self.modules:
            raise UnsupportedOperation(f"nothing to quantize: {self.why_none}")
        return self
