"""What an executor must offer: one Protocol, one file per implementation."""

from __future__ import annotations

from typing import Protocol

from pytest_accelerate.cells import CellSettings, ModelCell, Result


class Executor(Protocol):
    """Decides where a cell runs. One cell at a time; usable from one thread."""

    def start(self) -> None:
        """Begin to get ready, without waiting for it; :meth:`run` does the waiting."""
        ...

    def run(self, cell: ModelCell, settings: CellSettings) -> Result:
        """Run one cell to its verdict; whatever the cell does, this returns.

        Raises:
            ExecutorFailed: the executor itself is broken.
        """
        ...

    def close(self) -> None:
        """Stop everything that was started; idempotent."""
        ...
