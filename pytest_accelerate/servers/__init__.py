"""Real servers on loopback that prove the clients of providers: one file a server.

::

    with running("moto", folder) as server:
        client = server.client("s3")

Each lives in an environment of its own (``pytest-accelerate servers install NAME``), since what one
server pins another refuses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pytest_accelerate.errors import UnknownServer

if TYPE_CHECKING:
    from pytest_accelerate.servers.base import Server

__all__ = ["names", "server"]

_CLASSES = {
    "transformers_serve": "TransformersServe",
    "moto": "Moto",
    "mlserver": "MLServer",
    "kserve": "KServe",
    "llama_cpp": "LlamaCpp",
    "opea_comps": "OpeaComps",
}
"""Class by server name; its module has the server's name."""


def names() -> tuple[str, ...]:
    """The servers that there are, those that start fastest first."""
    return tuple(_CLASSES)


def server(name: str) -> Server:
    """A server by its name.

    Raises:
        UnknownServer: there is none of this name; lists the known.
    """
    if name not in _CLASSES:
        raise UnknownServer(name, names())
    made: Server = getattr(import_module(f"{__name__}.{name}"), _CLASSES[name])()
    return made
