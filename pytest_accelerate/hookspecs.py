"""Hooks by which other plugins and conftest files add to this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest


@pytest.hookspec
def pytest_accelerate_hardware(config: pytest.Config) -> Mapping[str, str]:  # type: ignore[empty-body]
    """Name hardware to add: its name (``mychip``) and its class as ``"package.module:Class"``.

    The class follows :class:`pytest_accelerate.hardware.base.Hardware`. It is a string because it
    is imported in the processes that run cells, never in pytest's own.
    """


@pytest.hookspec
def pytest_accelerate_recipes(config: pytest.Config) -> Sequence[str]:  # type: ignore[empty-body]
    """Name importable modules whose ``RECIPES`` add to the zoo, or replace what it has."""
