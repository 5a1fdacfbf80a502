"""Mixtures of experts whose code runs the experts that are chosen, and no others.

A trace keeps the experts that its own tokens chose, and how many tokens each of them got; other
tokens choose others, already at the second step of a generation. transformers has another form for
most mixtures: all experts run as one product (``batched_mm``; its grouped form takes
``aten::histc``, for which OpenVINO has no translator). For the rest, all experts answer here, and
what was not chosen counts for nothing: the module's own code runs once for each expert, as if all
tokens had chosen that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

Tensor = torch.Tensor
Forward = Callable[..., Any]


@contextmanager
def all_experts(model: torch.nn.Module) -> Iterator[None]:
    """Let all experts of a model answer, however many are chosen."""
    choose = getattr(model, "set_experts_implementation", None)
    before = getattr(getattr(model, "config", None), "_experts_implementation", None)
    with ExitStack() as stack:
        if choose is not None and before is not None:
            choose("batched_mm")
            stack.callback(choose, before)
        for module in model.modules():
            form = _FORMS.get(type(module).__name__)
            if form is not None:
                replaced: Any = module
                replaced.forward = form(module, module.forward)
                stack.callback(delattr, module, "forward")
        yield


def _by_index(module: Any, forward: Forward) -> Forward:
    """Each token names its experts."""

    def all_of_them(hidden_states: Tensor, top_k_index: Tensor, top_k_weights: Tensor) -> Any:
        answers = []
        for expert in range(_count(module)):
            chosen = torch.tensor([[expert]]).expand(top_k_index.shape)
            answers.append(forward(hidden_states, chosen, top_k_weights * (top_k_index == expert)))
        return sum(answers)

    return all_of_them


def _by_mask(module: Any, forward: Forward) -> Forward:
    """Each token has a mask of the experts."""

    def all_of_them(
        hidden_states: Tensor, selected_experts: Tensor, routing_weights: Tensor
    ) -> Any:
        answers = []
        for expert in range(_count(module)):
            chosen = torch.eye(_count(module), dtype=selected_experts.dtype)[expert]
            counts = routing_weights * selected_experts[:, 0, expert, None]
            chosen = chosen.expand(selected_experts.shape)
            answers.append(forward(hidden_states, chosen, counts))
        return sum(answers)

    return all_of_them


def _of_groups(module: Any, forward: Forward) -> Forward:
    """Tokens are sorted by their experts: instead of how many each has, the expert of each."""

    def gate(hidden_states: Tensor) -> Any:
        order, tokens, weights, _, logits = forward(hidden_states)
        experts = logits.topk(module.top_k, dim=1).indices.flatten()
        return order, tokens, weights, experts[order], logits

    return gate


def _in_groups(module: Any, forward: Forward) -> Forward:
    """As above: each row by the weights of its own expert."""

    def project(inputs: Tensor, expert_size: Tensor) -> Any:
        return torch.bmm(module.weight[expert_size], inputs[:, :, None])[:, :, 0]

    return project


def _count(module: Any) -> int:
    return int(getattr(module, "total_experts", None) or module.num_experts)


_FORMS: Mapping[str, Callable[[Any, Forward], Forward]] = {
    "DbrxExperts": _by_index,
    "LongcatFlashExperts": _by_index,
    "Step3p7Experts": _by_index,
    "SwitchTransformersExperts": _by_mask,
    "JetMoeTopKGating": _of_groups,
    "JetMoeParallelExperts": _in_groups,
}
"""The classes for which transformers has no other form."""
