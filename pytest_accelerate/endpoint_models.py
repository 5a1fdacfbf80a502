"""The loaded models of one endpoint: shared by its calls, and closed when the last has finished."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_accelerate.hardware.base import LoadedModel

BUILDING = threading.RLock()
"""Held while a model is built or brought onto hardware.

Both set what the whole process shares: torch's default generator and its determinism, the
verbosity of transformers, the patches of an exporter. Two at once give other weights [six types
built in twelve threads: vit came out different in two rounds of three].
"""
MAX_MODELS = 8
"""Conversions that one endpoint keeps where hardware takes fixed shapes alone."""


@dataclass
class _Entry:
    model: LoadedModel
    calls: int = 0
    """How many run on it now."""
    retired: bool = False
    """Whether the last of these calls closes it."""


class LoadedModels:
    """Models by what they were made for; the ones that were used last are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[object, _Entry] = {}

    @contextlib.contextmanager
    def using(self, key: object, load: Callable[[], LoadedModel]) -> Iterator[LoadedModel]:
        """The model of ``key``, loaded if need be; nobody closes it meanwhile."""
        entry = self._take(key) or self._load(key, load)
        try:
            yield entry.model
        finally:
            self._give_back(entry)

    def close(self) -> None:
        """Close what is idle now, and what is in use after its last call."""
        with self._lock:
            for key in list(self._entries):
                self._retire(key)

    def __len__(self) -> int:
        return len(self._entries)

    def _load(self, key: object, load: Callable[[], LoadedModel]) -> _Entry:
        with BUILDING:
            # Another thread may have loaded it while this one waited.
            if (entry := self._take(key)) is not None:
                return entry
            model = load()
            with self._lock:
                while len(self._entries) >= MAX_MODELS:
                    self._retire(next(iter(self._entries)))
                entry = self._entries[key] = _Entry(model, calls=1)
                return entry

    def _take(self, key: object) -> _Entry | None:
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is not None:
                self._entries[key] = entry
                entry.calls += 1
            return entry

    def _give_back(self, entry: _Entry) -> None:
        with self._lock:
            entry.calls -= 1
            if entry.retired and not entry.calls:
                entry.model.close()

    def _retire(self, key: object) -> None:
        entry = self._entries.pop(key)
        entry.retired = True
        if not entry.calls:
            entry.model.close()
