"""The frame of a module that calls a model: ``Recipe.around`` makes one."""

from __future__ import annotations

from typing import Any

import torch


class Around(torch.nn.Module):
    """Holds a model and has its config; a subclass's forward says how the model is called."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model: Any = model
        self.config: Any = model.config
