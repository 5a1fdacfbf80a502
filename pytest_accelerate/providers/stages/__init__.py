"""What a cell of a provider verifies: one file a stage, and the funnel that runs them in order."""

from pytest_accelerate.providers.stages.funnel import run_provider_cell

__all__ = ["run_provider_cell"]
