"""Tensors that no output can hear, each by a declared rule: all others must be heard.

A rule says why; whoever measures (:mod:`pytest_accelerate.stages.hearing`) holds it to what it
claims, so a rule excuses nothing that moves an output. Rules of one model type stand in its recipe
(``Recipe.unheard``), those of many here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


class Cancels(str):
    """The reason of a recipe for what takes part and cancels in exact arithmetic."""


@dataclass(frozen=True)
class Unheard:
    """Why some tensors are not heard."""

    tensors: str
    """Regular expression of their names, from the start to the end."""
    why: str
    """One clause, such as ``an expert that no token was routed to``."""
    cancels: bool = False
    """Whether they take part and their effect cancels, so that rounding is all that moves; else the
    outputs are the same to the bit, whatever they hold."""
    among: str = ""
    """Regular expression whose one group is the number of one of several alike, such as experts:
    the rule holds where another of them is heard."""

    def covers(self, name: str) -> bool:
        """Whether the rule is about a tensor."""
        return re.fullmatch(self.tensors, name) is not None

    def alike(self, name: str) -> re.Pattern[str] | None:
        """The names of those that are alike; ``None`` where that is not asked for."""
        found = re.search(self.among, name) if self.among else None
        if found is None:
            return None
        before, after = name[: found.start(1)], name[found.end(1) :]
        return re.compile(rf"{re.escape(before)}\d+{re.escape(after)}")


_KEY = (
    r"(k|key|keys|wk|Wk|to_k)(_?(proj|proj_layer|head|lin|layer|linear|global))?"
    r"|linear_k|attn_k|lin_k|layout_key|key_protein"
    r"|(k|(self|cross)_attn_key)_(content|pos)_proj"
)

RULES: tuple[Unheard, ...] = (
    Unheard(
        rf"(.*\.)?({_KEY})\.bias|(.*\.)?k_bias",
        "a key's bias adds the same to all scores of a query, and the softmax takes it away",
        cancels=True,
    ),
    Unheard(r".+\.embeddings\.mask_token", "whoever holds this part masks none of its patches"),
    Unheard(
        r".*(\.swin|pixel_level_module\.encoder\.model)\.layernorm\.(weight|bias)",
        "a backbone's stages have norms of their own",
    ),
    Unheard(r"(model\.)*denoising_class_embed\.weight", "it makes the noisy queries of training"),
    Unheard(
        r".*output_hypernetworks_mlps\.\d+\..*",
        "of several masks, the one of the best score alone is put out",
        among=r"output_hypernetworks_mlps\.(\d+)\.",
    ),
    Unheard(
        r".*experts\.(expert_)?\d+\..*",
        "an expert that no token was routed to",
        among=r"experts\.(?:expert_)?(\d+)\.",
    ),
)


def rule_for(name: str, declared: Mapping[str, str]) -> Unheard | None:
    """The rule about a tensor: of its model type first, then a general one.

    Args:
        name: of the parameter, as ``named_parameters`` has it.
        declared: the model type's own, from regular expressions of names to reasons.
    """
    own = (
        Unheard(tensors, why, cancels=isinstance(why, Cancels)) for tensors, why in declared.items()
    )
    return next((rule for rule in (*own, *RULES) if rule.covers(name)), None)
