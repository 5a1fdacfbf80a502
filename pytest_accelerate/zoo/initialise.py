"""Random weights that matter: every tensor shapes the output, and fp32 stays well conditioned."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch

# Below, the library's own initialisation is a stub that training would move away from: layer
# scales start at 1e-6, gates and last layers at zero, and whatever they scale is not heard.
_UNHEARD = 1e-3
# Below, a vector or a bias is drawn as if it were a row of a matrix of the published size.
_FAINT = 0.2
# Of a channel of a batch norm, relative to the values of all its channels. Less leaves more of the
# rounding: at 0.3, some models differ from their float64 by more than the tolerance.
_LEAST_SPREAD = 1.0


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
            if _is_weight_normalised(module):
                # Sets its direction and its length; both are drawn small, and biases take over.
                weight: Any = module.weight
                module.weight = torch.empty_like(weight).normal_(
                    0.0, _fan_in(module, weight) ** -0.5, generator=generator
                )
            for name, parameter in module.named_parameters(recurse=False):
                _redraw(module, name, parameter, generator)
        for module in model.modules():
            if "VectorQuantizer" in type(module).__name__:
                _level_codes(module)
            if "EuclideanCodebook" in type(module).__name__:
                _draw_codes(module, generator)
            if "HashRouter" in type(module).__name__:
                _deal_experts(module, generator)


def settle_norms(model: torch.nn.Module, inputs: Mapping[str, Any]) -> None:
    """Give batch norms the statistics of what they see when ``model`` is run, as training does.

    With the zeros and ones that they start with, each convolution fades the signal further, until
    the biases are all that comes out of a deep net.
    """
    norms = [module for module in model.modules() if hasattr(module, "running_var")]
    hooks = [
        norm.register_forward_pre_hook(_settle) for norm in norms if norm.running_var is not None
    ]
    if not hooks:
        return
    try:
        # Whatever is wrong with the model, the stage that runs it says so itself.
        with contextlib.suppress(Exception), torch.no_grad():
            model(**copy.deepcopy(dict(inputs)))
    finally:
        for hook in hooks:
            hook.remove()


def _settle(norm: Any, seen: tuple[torch.Tensor, ...]) -> None:
    values = seen[0].transpose(0, 1).flatten(1)
    variance, mean = torch.var_mean(values, dim=1, correction=0)
    # No channel is told by its rounding: what hardly differs is not scaled up to one.
    least = _LEAST_SPREAD**2 * values.square().mean()
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance + least)


def _is_weight_normalised(module: torch.nn.Module) -> bool:
    parametrized = getattr(module, "parametrizations", {})
    return "weight" in parametrized and hasattr(parametrized["weight"], "original1")


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


def _deal_experts(router: torch.nn.Module, generator: torch.Generator) -> None:
    """Give each token experts of its own: the table that checkpoints supply starts at zero."""
    table: Any = router.tid2eid
    experts: Any = router.num_experts
    draws = torch.rand(table.shape[0], experts, generator=generator)
    table.copy_(draws.argsort(dim=-1)[:, : table.shape[1]])


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
    if parameter.dim() == 3 and min(parameter.shape) > 1 and size < _FAINT:
        # Matrices of experts or heads, drawn for the published width.
        parameter.normal_(0.0, max(parameter.shape) ** -0.5, generator=generator)
        return
    constant = bool(low == high)
    if constant and parameter.dim() == 2 and name.endswith("_gate"):
        parameter.normal_(0.0, parameter.shape[-1] ** -0.5, generator=generator)
        return
    # Some libraries draw the scales of norms around zero, as if they were matrices.
    faint_scale = name == "weight" and _UNHEARD <= size < _FAINT
    if (constant and (size == 1.0 or 0 < size < _FAINT)) or faint_scale:
        parameter.normal_(1.0, 0.1, generator=generator)
    elif size < (_FAINT if parameter.dim() == 1 or "bias" in name else _UNHEARD):
        # A gate of one number is half open: near zero, nothing that it lets through is heard. A
        # bias of one number may come out near zero as well.
        parameter.normal_(0.5 if parameter.numel() == 1 else 0.0, 0.1, generator=generator)


def _fan_in(module: torch.nn.Module, parameter: torch.Tensor) -> int:
    if type(module).__name__ == "Conv1D":
        return parameter.shape[0]
    if isinstance(module, torch.nn.modules.conv._ConvTransposeNd):
        return max(1, parameter.shape[0] * parameter[0, 0].numel() // module.groups)
    if parameter.dim() == 3 and not isinstance(module, torch.nn.modules.conv._ConvNd):
        return max(parameter.shape[1:])  # matrices in a stack, either way round
    return max(1, parameter[0].numel())
