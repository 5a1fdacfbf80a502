"""The queue: bounded, by priority, and no slot is lost or granted twice."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from pytest_accelerate.errors import ClientClosed, QueueFull
from pytest_accelerate.transport.slots import Slots, Ticket


class Queue(RuleBasedStateMachine):
    """A queue beside a plain list that does the same."""

    tickets: Bundle[Ticket] = Bundle("tickets")

    @initialize(concurrency=st.integers(1, 3), waiting=st.integers(0, 4))
    def start(self, concurrency: int, waiting: int) -> None:
        """A queue of any size."""
        self.concurrency, self.bound = concurrency, waiting
        self.slots = Slots(concurrency, waiting)
        self.active: list[Ticket] = []
        self.waiting: list[tuple[int, int, Ticket]] = []
        self.woken: list[Ticket] = []
        self.expected: list[Ticket] = []
        self.asked = 0
        self.closed = False

    @rule(target=tickets, priority=st.integers(-2, 2))
    def take(self, priority: int) -> Any:
        """Ask for a slot."""
        told: list[Ticket] = []
        self.asked += 1
        try:
            ticket = self.slots.take(priority, lambda: self.woken.append(told[0]))
        except ClientClosed:
            assert self.closed
            return Ticket()
        except QueueFull:
            assert len(self.active) == self.concurrency
            assert len(self.waiting) == self.bound
            return Ticket()
        told.append(ticket)
        assert not self.closed
        if len(self.active) < self.concurrency:
            self.active.append(ticket)
        else:
            self.waiting.append((priority, self.asked, ticket))
        return ticket

    @rule(ticket=consumes(tickets), again=st.booleans())
    def leave(self, ticket: Ticket, again: bool) -> None:
        """Give it back, perhaps more than once."""
        if not ticket.granted and not any(ticket is each for _, _, each in self.waiting):
            return  # it was refused, or the client is closed
        if ticket in self.active:
            self.active.remove(ticket)
            if self.waiting and not self.closed:
                following = min(self.waiting, key=lambda entry: entry[:2])
                self.waiting.remove(following)
                self.active.append(following[2])
                self.expected.append(following[2])
        self.waiting = [entry for entry in self.waiting if entry[2] is not ticket]
        for _ in range(1 + again):
            self.slots.leave(ticket)

    @precondition(lambda self: not self.closed)
    @rule(really=st.sampled_from([False, False, False, True]))
    def close(self, really: bool) -> None:
        """Grant nothing any more."""
        if really:
            self.closed = True
            self.expected += [ticket for _, _, ticket in sorted(self.waiting, key=lambda e: e[:2])]
            self.waiting = []
            self.slots.close()

    @invariant()
    def same(self) -> None:
        """The queue and the list agree."""
        if not hasattr(self, "slots"):
            return
        assert self.slots.active == len(self.active) <= self.concurrency
        assert self.slots.waiting == len(self.waiting) <= self.bound
        assert all(ticket.granted for ticket in self.active)
        assert not any(ticket.granted for _, _, ticket in self.waiting)
        assert sorted(map(id, self.woken)) == sorted(map(id, self.expected))


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_who_gave_up_is_forgotten() -> None:
    """Calls that gave up waiting do not pile up behind slots that are long in use."""
    before = _tickets()
    slots = Slots(1, 10)
    held = slots.take()
    for _ in range(1000):
        slots.leave(slots.take())
    assert _tickets() < before + 200
    last = slots.take()
    slots.leave(held)
    assert last.granted


def _tickets() -> int:
    gc.collect()
    return sum(type(each) is Ticket for each in gc.get_objects())


def test_a_slot_given_back_amid_the_queues_own_work() -> None:
    """The garbage collector gives slots back in the middle of anything, and nothing locks up."""

    class Dropped:
        """Held by itself alone, so that the collector has to find it."""

        def __init__(self, ticket: Ticket) -> None:
            self.itself = self
            weakref.finalize(self, slots.leave, ticket)

    slots = Slots(1, 3000)
    held, thresholds = slots.take(), gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(2000):
            Dropped(slots.take())
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert (slots.active, slots.waiting) == (1, 0)
    slots.leave(held)
    assert slots.active == 0


def test_many_threads() -> None:
    """Never more than allowed at once, and none is forgotten, from many threads."""
    slots, lock = Slots(3, 64), threading.Lock()
    now, most, done = 0, 0, 0

    def work() -> None:
        nonlocal now, most, done
        for _ in range(200):
            woken = threading.Event()
            ticket = slots.take(0, woken.set)
            assert ticket.granted or woken.wait(10)
            with lock:
                now += 1
                most = max(most, now)
            with lock:
                now -= 1
                done += 1
            slots.leave(ticket)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 3
    assert done == 16 * 200
    assert slots.active == slots.waiting == 0


@pytest.mark.parametrize("waiting", [0, 5])
def test_a_queue_that_is_full(waiting: int) -> None:
    """One call more than may wait is refused, and the message says what to do."""
    slots = Slots(1, waiting)
    tickets = [slots.take() for _ in range(1 + waiting)]
    with pytest.raises(QueueFull, match="queue_size"):
        slots.take()
    for ticket in tickets:
        slots.leave(ticket)
    assert slots.active == slots.waiting == 0
