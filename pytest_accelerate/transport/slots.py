"""The queue: so many calls in flight, so many waiting, the most urgent first. Sans-IO.

A ticket is granted at once or later; whoever waits for it is woken by the function it gave, from
whatever thread returned the slot. Threads and tasks of any number of event loops share one queue.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from pytest_accelerate.errors import ClientClosed, QueueFull


class Ticket:
    """A place in the queue, and then the slot itself."""

    __slots__ = ("granted", "over", "wake")

    def __init__(self) -> None:
        self.granted = False
        self.over = False
        """Whether it was given back, or its client closed."""
        self.wake: Callable[[], None] | None = None


class Slots:
    """A bounded, prioritised queue before a bounded number of slots; safe to use from threads."""

    def __init__(self, concurrency: int, waiting: int) -> None:
        self._concurrency, self._bound = concurrency, waiting
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._heap: list[tuple[int, int, Ticket]] = []
        self._waiting = 0
        self._active = 0
        self._closed = False

    @property
    def active(self) -> int:
        """Slots in use."""
        return self._active

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return self._waiting

    def take(self, priority: int = 0, wake: Callable[[], None] | None = None) -> Ticket:
        """Ask for a slot.

        Args:
            priority: the lower, the sooner; equals in the order in which they came.
            wake: called once, when the ticket is granted later or the client is closed.

        Raises:
            QueueFull: as many wait already as may.
            ClientClosed: there is nothing to wait for any more.
        """
        ticket = Ticket()
        with self._lock:
            if self._closed:
                raise ClientClosed("the client is closed")
            if self._active < self._concurrency:
                self._active += 1
                ticket.granted = True
                return ticket
            if self._waiting >= self._bound:
                raise QueueFull(
                    f"{self._waiting} calls wait already for {self._concurrency} slots: "
                    "send fewer at once, or give the client a policy with a larger queue_size"
                )
            ticket.wake = wake
            self._waiting += 1
            heapq.heappush(self._heap, (priority, next(self._order), ticket))
            return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a slot back, or stop waiting for one; once is enough and more does no harm."""
        with self._lock:
            if ticket.over:
                return
            ticket.over = True
            if not ticket.granted:
                self._waiting -= 1  # it stays in the heap, and is passed over there
                return
            self._active -= 1
            woken = self._grant_next()
        if woken is not None and woken.wake is not None:
            woken.wake()

    def close(self) -> None:
        """Grant nothing any more, and wake all who wait."""
        with self._lock:
            self._closed = True
            woken = [ticket for _, _, ticket in self._heap if not ticket.over]
            for ticket in woken:
                ticket.over = True
            self._heap.clear()
            self._waiting = 0
        for ticket in woken:
            if ticket.wake is not None:
                ticket.wake()

    def _grant_next(self) -> Ticket | None:
        while self._heap and not self._closed:
            _, _, ticket = heapq.heappop(self._heap)
            if not ticket.over:
                ticket.granted = True
                self._waiting -= 1
                self._active += 1
                return ticket
        return None
