"""Random weights that matter: every tensor shapes the output, and fp32 stays well conditioned."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch

# Below, the library's own initialisation is a stub that training would move away from: layer
# scales start at 1e-6, gates and last layers at zero, and whatever they scale is not heard.
_UNHEARD = 1e-3


@contextlib.contextmanager
def marking_uninitialised() -> Iterator[None]:
    """Fill what is allocated and not initialised with NaN, so that it can be told from weights.

    What memory happens to hold is neither the same on every machine nor in every process.
    """
    before = torch.are_deterministic_algorithms_enabled()
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warns)


def reinitialise(model: torch.nn.Module, seed: int) -> None:
    """Redraw the weights of ``model`` in place, reproducibly.

    Matrices and kernels get a standard deviation of ``fan_in ** -0.5``, so that signals keep
    their size through the layers; scales are drawn around one and biases around zero.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                _redraw(module, name, parameter, generator)
        for module in model.modules():
            if "VectorQuantizer" in type(module).__name__:
                _level_codes(module)
            if "EuclideanCodebook" in type(module).__name__:
                _draw_codes(module, generator)


def _level_codes(quantizer: torch.nn.Module) -> None:
    """Give all codes one length: else the shortest is the nearest to whatever is small."""
    for codebook in quantizer.modules():
        if isinstance(codebook, torch.nn.Embedding):
            codebook.weight.copy_(torch.nn.functional.normalize(codebook.weight))


def _draw_codes(codebook: torch.nn.Module, generator: torch.Generator) -> None:
    """Draw the codes that training collects in buffers: they start at zero, all of them equal."""
    for name, codes in codebook.named_buffers(recurse=False):
        if name in ("embed", "embed_sum"):
            codes.normal_(generator=generator)
            codes.copy_(torch.nn.functional.normalize(codes))


def _redraw(
    module: torch.nn.Module, name: str, parameter: torch.Tensor, generator: torch.Generator
) -> None:
    if not parameter.is_floating_point() or parameter.numel() == 0:
        return
    if parameter.isnan().any():
        # Left as it was allocated, such as the experts of a model whose library forgets them.
        parameter.normal_(0.0, parameter.shape[-1] ** -0.5, generator=generator)
        return
    if isinstance(module, torch.nn.Embedding):
        parameter.normal_(0.0, 1.0 / math.sqrt(parameter.shape[-1]) * 4, generator=generator)
        return
    if name == "weight" and parameter.dim() >= 2:
        parameter.normal_(0.0, _fan_in(module, parameter) ** -0.5, generator=generator)
        return
    low, high = parameter.aminmax()
    size = max(abs(float(low)), abs(float(high)))
    constant = bool(low == high)
    # Some libraries draw the scales of norms around zero, as if they were matrices.
    faint_scale = name == "weight" and _UNHEARD <= size < 0.2
    if (constant and (size == 1.0 or 0 < size < 0.2)) or faint_scale:
        parameter.normal_(1.0, 0.1, generator=generator)
    elif size < _UNHEARD:
        parameter.normal_(0.0, 0.1, generator=generator)


def _fan_in(module: torch.nn.Module, parameter: torch.Tensor) -> int:
    if type(module).__name__ == "Conv1D":
        return parameter.shape[0]
    if isinstance(module, torch.nn.modules.conv._ConvTransposeNd):
        return max(1, parameter.shape[0] * parameter[0, 0].numel() // module.groups)
    return max(1, parameter[0].numel())
