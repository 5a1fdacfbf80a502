"""The clients of API providers, one file each: declarations and deltas.

::

    from pytest_accelerate.providers import OpenAI

    with OpenAI() as client:
        client.chat(model="...", messages=[{"role": "user", "content": "Hello"}]).text

Importing a client imports no httpx: that comes with the first call.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_accelerate.errors import UnknownProvider

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider
    from pytest_accelerate.providers.claude import Claude
    from pytest_accelerate.providers.gemini import Gemini
    from pytest_accelerate.providers.groq import Groq
    from pytest_accelerate.providers.llvm import LLVM
    from pytest_accelerate.providers.ollama import Ollama
    from pytest_accelerate.providers.opea import OPEA
    from pytest_accelerate.providers.openai import OpenAI
    from pytest_accelerate.providers.ovms import OVMS
    from pytest_accelerate.providers.s3 import S3
    from pytest_accelerate.providers.tei import TEI
    from pytest_accelerate.providers.tgi import TGI

__all__ = [
    "LLVM",
    "OPEA",
    "OVMS",
    "S3",
    "TEI",
    "TGI",
    "Claude",
    "Gemini",
    "Groq",
    "Ollama",
    "OpenAI",
    "names",
    "provider_class",
]

_CLASSES = {
    "openai": "OpenAI",
    "claude": "Claude",
    "groq": "Groq",
    "gemini": "Gemini",
    "ollama": "Ollama",
    "tgi": "TGI",
    "tei": "TEI",
    "ovms": "OVMS",
    "llvm": "LLVM",
    "opea": "OPEA",
    "s3": "S3",
}
"""Class by provider name; its module has the provider's name."""


def names() -> tuple[str, ...]:
    """The providers that there are, in the order in which they are shown."""
    return tuple(_CLASSES)


def provider_class(name: str) -> type[Provider]:
    """The client class of a provider.

    Raises:
        UnknownProvider: there is none of this name; lists the known.
    """
    if name not in _CLASSES:
        raise UnknownProvider(name, names())
    found: type[Provider] = getattr(import_module(f"{__name__}.{name}"), _CLASSES[name])
    return found


def __getattr__(name: str) -> Any:
    for provider, kind in _CLASSES.items():
        if kind == name:
            return provider_class(provider)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
