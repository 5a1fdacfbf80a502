"""The accounts whose keys the package can use: one for each provider, and Hugging Face's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_accelerate import providers
from pytest_accelerate.transport.credentials import Credential


@dataclass(frozen=True)
class Account:
    """One account."""

    name: str
    credential: Credential


def accounts() -> Iterator[Account]:
    """All accounts, in the order in which they are shown."""
    for name in providers.names():
        yield Account(name, providers.provider_class(name).credential)
    # For checkpoints that are not public.
    yield Account("huggingface", Credential(("HF_API_TOKEN",), required=False))
