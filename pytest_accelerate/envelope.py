"""What an item's report says of its cell: one string, on its way to the writer."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from pytest_accelerate.cells import Cell, ModelCell, Result


@dataclass(frozen=True)
class Envelope:
    """A result on its way from the process that ran it to the one that writes."""

    result: Result
    planned: int
    """Cells that this run collected, before any were deselected."""
    models: int
    """How many of these are of models; the others are of providers."""
    replayed: bool = False
    """Taken from the run that is being resumed: it stands in the file already."""

    @classmethod
    def of(cls, result: Result, planned: Collection[Cell], replayed: bool = False) -> Envelope:
        """The envelope of a result in a process that collected the ``planned`` cells."""
        models = sum(isinstance(cell, ModelCell) for cell in planned)
        return cls(result, len(planned), models, replayed)

    def dumps(self) -> str:
        """As the value of the user property :data:`~pytest_accelerate.vocabulary.PROPERTY`.

        One JSON string: a float subclass such as numpy.float64 in a property kills xdist.
        """
        fields = {"planned": self.planned, "models": self.models, "replayed": self.replayed}
        return json.dumps({"result": self.result.to_json(), **fields}, allow_nan=False)

    @classmethod
    def loads(cls, text: str) -> Envelope:
        """Read :meth:`dumps`."""
        data = json.loads(text)
        return cls(
            Result.from_json(data["result"]),
            data["planned"],
            data.get("models", data["planned"]),
            data["replayed"],
        )
