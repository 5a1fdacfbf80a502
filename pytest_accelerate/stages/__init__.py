"""What a cell verifies: one file a stage, and the funnel that runs them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_accelerate.stages.funnel import run_cell

__all__ = ["run_cell"]


def __getattr__(name: str) -> Any:
    # At first use: the funnel imports torch, which what a provider's stages share does not need.
    if name == "run_cell":
        from pytest_accelerate.stages.funnel import run_cell

        return run_cell
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
