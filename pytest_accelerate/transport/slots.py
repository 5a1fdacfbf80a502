"""The queue: so many calls in flight, so many waiting, the most urgent first. Sans-IO.

A ticket is granted at once or later; whoever waits for it is woken by the function it gave, from
whatever thread returned the slot. Threads and tasks of any number of event loops share one queue.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable

from pytest_accelerate.errors import ClientClosed, QueueFull


class Ticket:
    """A place in the queue, and then the slot itself."""

    __slots__ = ("granted", "over", "wake")

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self.granted = False
        self.over = False
        """Whether it was given back, or its client closed."""
        self.wake = wake


class Slots:
    """A bounded, prioritised queue before a bounded number of slots; safe to use from threads."""

    def __init__(self, concurrency: int, waiting: int) -> None:
        self._concurrency, self._bound = concurrency, waiting
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._heap: list[tuple[int, int, Ticket]] = []
        self._left: deque[Ticket] = deque()
        self._to_wake: deque[Ticket] = deque()
        self._waiting = 0
        self._active = 0
        self.closed = False
        """Whether nothing is granted any more."""

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
        ticket = Ticket(wake)
        try:
            with self._lock:
                self._absorb()
                self._place(ticket, priority)
        finally:
            self._settle()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give a slot back, or stop waiting for one; once is enough and more does no harm.

        It never waits for a lock. The garbage collector, where it finds a stream that was dropped,
        calls this in the middle of whatever its thread does, and that may be :meth:`take`.
        """
        self._left.append(ticket)
        self._settle()

    def close(self) -> None:
        """Grant nothing any more, and wake all who wait."""
        with self._lock:
            self.closed = True
            self._absorb()
            for _, _, ticket in self._heap:
                if not ticket.over:
                    ticket.over = True
                    self._to_wake.append(ticket)
            self._heap.clear()
            self._waiting = 0
        self._settle()

    def _settle(self) -> None:
        """Take in what was given back, and wake whom that helps."""
        # Whoever holds the lock comes here when it is free again, so that nothing stays behind.
        while self._left and self._lock.acquire(blocking=False):
            try:
                self._absorb()
            finally:
                self._lock.release()
        while self._to_wake:
            try:
                ticket = self._to_wake.popleft()
            except IndexError:  # another thread was quicker
                return
            if ticket.wake is not None:
                ticket.wake()

    def _place(self, ticket: Ticket, priority: int) -> None:
        if self.closed:
            raise ClientClosed("the client is closed")
        if self._active < self._concurrency:
            self._active += 1
            ticket.granted = True
            return
        if self._waiting >= self._bound:
            raise QueueFull(
                f"{self._waiting} calls wait already for {self._concurrency} slots: "
                "send fewer at once, or give the client a policy with a larger queue_size"
            )
        self._waiting += 1
        heapq.heappush(self._heap, (priority, next(self._order), ticket))

    def _absorb(self) -> None:
        while self._left:
            ticket = self._left.popleft()
            if ticket.over:
                continue
            ticket.over = True
            if ticket.granted:
                self._active -= 1
                self._grant_next()
            else:
                self._waiting -= 1
                self._forget_some()

    def _grant_next(self) -> None:
        while self._heap and not self.closed:
            _, _, ticket = heapq.heappop(self._heap)
            if not ticket.over:
                ticket.granted = True
                self._waiting -= 1
                self._active += 1
                self._to_wake.append(ticket)
                return

    def _forget_some(self) -> None:
        """Those who gave up stay in the heap until they come up, but not without bound."""
        if len(self._heap) > 2 * self._waiting + 64:
            self._heap = [entry for entry in self._heap if not entry[2].over]
            heapq.heapify(self._heap)
