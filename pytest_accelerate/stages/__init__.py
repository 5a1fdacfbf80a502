"""What a cell verifies: one file a stage, and the funnel that runs them in order."""

from pytest_accelerate.stages.funnel import run_cell

__all__ = ["run_cell"]
