"""int8 on torch's devices: linear layers as products of 8-bit integers.

Each weight matrix is rounded once, with a scale for each output; what comes in is rounded in each
call, with a scale for each row. Their product is torch's own, ``torch._int_mm``, exact in 32 bits
and the same on CPU and CUDA. Of what torch offers it was chosen by measurement
(``benchmarks/precisions.py``): layers of BERT's size take a quarter of fp32's time on a CPU with
AVX512-VNNI, where torch.ao's dynamic int8 takes a fifth at 1.5 to twice the error, ties the rows of
a batch together by one scale, and is deprecated. Integers that are only stored and multiplied as
floats, as in torchao's weight-only form, take longer than fp32.

Only linear layers are quantized, and transformers' ``Conv1D``, which is one. Convolutions,
embeddings, recurrent layers, and experts that share one tensor of three axes stay in fp32, and the
result says how much that leaves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from pytest_accelerate.hardware.quantized import Quantized

_LARGEST = 127
_TINY = 1e-30
"""In the place of a scale of 0: of a row of zeros, whatever it is divided by."""
# What cuBLASLt asks of a product of integers.
_MULTIPLE = 8
_ROWS_ON_CUDA = 17


class Int8Linear(torch.nn.Module):
    """A linear layer whose product is one of integers."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, transposed: bool) -> None:
        """Round a weight.

        Args:
            weight: (outputs, inputs), fp32.
            bias: of the outputs.
            transposed: whether the layer keeps its weight the other way round, as ``Conv1D`` does.
        """
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self._transposed = transposed
        scale = _scale(weight)
        rounded = (weight / scale).round().to(torch.int8)
        more = (-self.in_features % _MULTIPLE, -self.out_features % _MULTIPLE)
        self._integers: torch.Tensor
        self._scale: torch.Tensor
        self.bias: torch.Tensor | None
        self.register_buffer(
            "_integers", torch.nn.functional.pad(rounded, (0, more[0], 0, more[1])).t()
        )
        self.register_buffer("_scale", scale[:, 0])
        self.register_buffer("bias", None if bias is None else bias.detach().clone())

    @property
    def weight(self) -> torch.Tensor:
        """The rounded weight as floats, for models that read it themselves."""
        integers = self._integers.t()[: self.out_features, : self.in_features]
        floats = integers * self._scale[:, None]
        return floats.t() if self._transposed else floats

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Round the rows of ``x``, multiply, and scale back."""
        rows = x.reshape(-1, self.in_features)
        scale = _scale(rows)
        more = (-self.in_features % _MULTIPLE, _missing_rows(rows))
        integers = torch.nn.functional.pad(
            (rows / scale).round().to(torch.int8), (0, more[0], 0, more[1])
        )
        product = torch._int_mm(integers, self._integers)[: len(rows), : self.out_features]
        outputs = product * scale * self._scale
        if self.bias is not None:
            outputs = outputs + self.bias
        return outputs.reshape(*x.shape[:-1], self.out_features)


def _scale(rows: torch.Tensor) -> torch.Tensor:
    """(rows, 1): what a step of an integer stands for."""
    if rows.numel() == 0:
        return rows.new_ones(len(rows), 1)
    return (rows.abs().amax(dim=1, keepdim=True) / _LARGEST).clamp_min(_TINY)


def _missing_rows(rows: torch.Tensor) -> int:
    return max(0, _ROWS_ON_CUDA - len(rows)) if rows.device.type == "cuda" else 0


def quantize(model: torch.nn.Module) -> Quantized:
    """Replace the linear layers of ``model`` in place."""
    learnt = {id(each): each.numel() for each in model.parameters()}
    of_layers = {id(each) for each in model.parameters() if each.dim() > 1}
    made: dict[int, Int8Linear] = {}
    for parent in list(model.modules()):
        for name, child in parent._modules.items():
            if child is not None and id(child) not in made and _is_linear(child):
                made[id(child)] = _of(child)
            if id(child) in made:
                parent._modules[name] = made[id(child)]
    # A weight that an embedding shares is not gone: the embedding looks it up in fp32.
    gone = set(learnt) - {id(each) for each in model.parameters()}
    quantized = gone & of_layers
    return Quantized(
        modules=len(made),
        of_modules=len(made) + len(of_layers - quantized),
        share=sum(learnt[each] for each in quantized) / (sum(learnt.values()) or 1),
        how="torch int8 by row: weights once, activations in each call; linear layers alone",
        why_none="" if made else "the model has no linear layers, which alone torch runs in int8",
    )


def _is_linear(module: Any) -> bool:
    """Whether a module multiplies by a weight of its own, and does nothing else."""
    if isinstance(module, NonDynamicallyQuantizableLinear):
        return False  # the attention around it reads the weight, and never calls the layer
    weight = module._parameters.get("weight")  # none, where it is computed from others
    if weight is None or weight.dtype is not torch.float32 or weight.numel() == 0:
        return False
    if type(module).forward in (torch.nn.Linear.forward, _conv1d().forward):
        return True
    return isinstance(module, torch.nn.Linear) and _answers_like_a_linear_layer(module)


def _answers_like_a_linear_layer(module: torch.nn.Linear) -> bool:
    """For a class with a forward of its own, such as falcon's, which writes the product out."""
    x = torch.randn(2, module.in_features, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            answer: Any = module(x)
            return torch.allclose(answer, torch.nn.functional.linear(x, module.weight, module.bias))
    except Exception:
        return False  # it wants more than x, or answers more than a product


def _of(linear: Any) -> Int8Linear:
    transposed = isinstance(linear, _conv1d())
    weight = linear.weight.detach()
    return Int8Linear(weight.t() if transposed else weight, linear.bias, transposed)


def _conv1d() -> Any:
    from transformers.pytorch_utils import Conv1D

    return Conv1D
