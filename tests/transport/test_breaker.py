"""The breaker: it opens after failures in a row, and a single probe closes it."""

from __future__ import annotations

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
    rule,
)

from pytest_accelerate.errors import CircuitOpen
from pytest_accelerate.transport.breaker import Breaker, BreakerState
from pytest_accelerate.transport.clock import FakeClock

COOLDOWN = 10.0


class Calls(RuleBasedStateMachine):
    """Calls that overlap, on a clock that passes when it is told to."""

    entered: Bundle[bool | None] = Bundle("entered")

    @initialize(limit=st.integers(0, 3))
    def start(self, limit: int) -> None:
        """A breaker that opens after so many; 0 never."""
        self.limit, self.clock = limit, FakeClock()
        self.breaker = Breaker(limit, COOLDOWN)
        self.in_a_row = 0
        self.opened: float | None = None
        self.probes = 0

    @rule(seconds=st.sampled_from([0.5, 4.0, COOLDOWN]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule(target=entered)
    def enter(self) -> Any:
        """Ask to send."""
        now = self.clock.now()
        may = self.opened is None or (now >= self.opened + COOLDOWN and not self.probes)
        if not may:
            with pytest.raises(CircuitOpen) as caught:
                self.breaker.enter(now)
            assert 0 <= caught.value.retry_after <= COOLDOWN
            assert self.probes or caught.value.retry_after > 0
            return None
        probe = self.breaker.enter(now)
        assert probe == (self.opened is not None)
        self.probes += probe
        return probe

    @rule(probe=consumes(entered), succeeded=st.sampled_from([True, False, False, None]))
    def leave(self, probe: bool | None, succeeded: bool | None) -> None:
        """Tell how it went: late answers from before it opened, too."""
        if probe is None:
            return
        self.breaker.leave(self.clock.now(), probe, succeeded)
        self.probes -= probe
        if succeeded and (probe or self.opened is None):
            self.in_a_row, self.opened = 0, None
        elif succeeded is False:
            self.in_a_row += 1
            if probe or (self.opened is None and 0 < self.limit <= self.in_a_row):
                self.opened = self.clock.now()

    @invariant()
    def same(self) -> None:
        """The state is the model's, and there is never more than one probe."""
        if not hasattr(self, "breaker"):
            return
        assert self.probes in (0, 1)
        expected = BreakerState.CLOSED
        if self.opened is not None:
            expected = BreakerState.HALF_OPEN if self.probes else BreakerState.OPEN
        assert self.breaker.state is expected
        assert self.limit or self.breaker.state is BreakerState.CLOSED


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_a_cancelled_probe_lets_the_next_one_through() -> None:
    """A probe that came to nothing decides nothing, and does not lock the breaker."""
    breaker = Breaker(1, COOLDOWN)
    breaker.leave(0.0, breaker.enter(0.0), succeeded=False)
    with pytest.raises(CircuitOpen, match="for 10 s more") as caught:
        breaker.enter(0.0)
    assert caught.value.retry_after == COOLDOWN
    assert breaker.enter(COOLDOWN)
    with pytest.raises(CircuitOpen, match="single request"):
        breaker.enter(COOLDOWN)
    breaker.leave(COOLDOWN, True, succeeded=None)
    assert breaker.enter(COOLDOWN)
    breaker.leave(COOLDOWN, True, succeeded=True)
    assert breaker.state is BreakerState.CLOSED
