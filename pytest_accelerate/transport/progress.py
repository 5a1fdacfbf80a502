"""How far a transfer is, as a call's ``progress`` is told it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """What of a transfer has passed; a try that is made anew begins at 0 again."""

    direction: Literal["sent", "received"]
    done: int
    """Bytes so far."""
    total: int | None
    """Bytes in all; ``None`` where nobody tells."""


Report: TypeAlias = Callable[[Progress], None]
"""Called as a transfer goes on, in the thread or loop that transfers: it must not wait. What it
raises ends the call and is raised from it as it is."""


class Reporter:
    """Counts one try's transfers and tells them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._done = {"sent": 0, "received": 0}
        self.error: Exception | None = None
        """What the report raised: what lies between may not let it through."""

    def passed(self, direction: Literal["sent", "received"], size: int, total: int | None) -> None:
        """So many bytes more have passed.

        Raises:
            Exception: what the report raises.
        """
        self._done[direction] += size
        try:
            self._report(Progress(direction, self._done[direction], total))
        except Exception as error:
            self.error = error
            raise
