"""Messages between client, fork server and cell: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from pytest_accelerate.cells import CellSettings, ModelCell

Message: TypeAlias = dict[str, Any]


def encode(message: Mapping[str, Any]) -> bytes:
    """One line.

    Raises:
        TypeError, ValueError: something in the message is not JSON, such as NaN.
    """
    return json.dumps(message, allow_nan=False).encode("ascii") + b"\n"


class Decoder:
    """Puts lines together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that ``data`` completes; a line cut short by a death stays behind.

        Raises:
            ValueError: a line is no JSON; the messages before it have been given.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        return map(json.loads, lines)


def pack_request(cell: ModelCell, settings: CellSettings) -> Message:
    """What the server needs to run one cell."""
    return {"cell": asdict(cell), "settings": asdict(settings)}


def unpack_request(message: Mapping[str, Any]) -> tuple[ModelCell, CellSettings]:
    """Read :func:`pack_request`."""
    settings = dict(message["settings"])
    settings["hardware_plugins"] = tuple(tuple(pair) for pair in settings["hardware_plugins"])
    settings["recipe_modules"] = tuple(settings["recipe_modules"])
    return ModelCell(**message["cell"]), CellSettings(**settings)
