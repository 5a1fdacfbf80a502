"""Where a cell runs: in a child forked for it, or in this process."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_accelerate.errors import UsageError
from pytest_accelerate.execution.base import Executor

NAMES = ("forked", "inline")


def create(
    name: str,
    hardware: Sequence[str] = ("cpu",),
    plugins: Sequence[tuple[str, str]] = (),
    recipe_modules: Sequence[str] = (),
) -> Executor:
    """Make an executor; nothing is started yet, and nothing that runs models is imported.

    Args:
        name: ``forked`` or ``inline``.
        hardware: the hardware of the cells to come, which decides what is imported ahead.
        plugins: (name, ``"package.module:Class"``) of hardware added from outside.
        recipe_modules: importable modules with recipes added from outside.

    Raises:
        UsageError: no executor has this name, or it cannot work on this platform.
    """
    if name == "inline":
        from pytest_accelerate.execution.inline import InlineExecutor

        return InlineExecutor()
    if name == "forked":
        from pytest_accelerate.execution.forked import ForkedExecutor

        return ForkedExecutor(hardware, plugins, recipe_modules)
    raise UsageError(f"unknown executor {name!r}; known: {', '.join(NAMES)}")
