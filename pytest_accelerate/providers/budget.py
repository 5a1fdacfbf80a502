"""What live calls may do and cost: held before each request is sent.

The cost of a call whose price is not known is assumed, and assumed high: a budget that counted it
for nothing would bound nothing. Reading costs nothing; what a call truly cost takes the place of
what was assumed once it is known. A request that is tried again counts again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

from pytest_accelerate.cells import WRITING_EFFECTS
from pytest_accelerate.errors import BudgetExceeded
from pytest_accelerate.providers.operation import Effect
from pytest_accelerate.transport.metrics import Metrics

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

ASSUMED: Mapping[Effect, float] = {
    Effect.READ: 0.0,
    Effect.INFER: 0.02,
    Effect.CREATE: 0.02,
    Effect.SPEND: 0.25,
    Effect.DELETE: 0.0,
}
"""USD for a request whose price is not known: above what the tiny calls of the examples cost with
the dearest models, and what an image costs."""

_ROUNDING = 1e-9
"""USD that adding up may be off by."""


class Budget:
    """The money of one process's part of a run; safe to use from threads."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        """USD."""
        self._spent = 0.0
        self._lock = threading.Lock()
        self.exceeded = False
        """Whether a call was refused, or cost more than was left."""

    @property
    def spent(self) -> float:
        """USD so far, what was assumed included."""
        return self._spent

    def take(self, usd: float) -> None:
        """Count what a request may cost.

        Raises:
            BudgetExceeded: there is not so much left.
        """
        with self._lock:
            if usd > 0 and self._spent + usd > self.limit + _ROUNDING:
                self.exceeded = True
                raise BudgetExceeded(
                    f"the next call could bring the cost of this run, {self._spent:.4f} USD so "
                    f"far, beyond --live-budget {self.limit:g}"
                )
            self._spent += usd

    def settle(self, difference: float) -> None:
        """Correct what was counted, by what a call cost in the end."""
        with self._lock:
            self._spent += difference
            self.exceeded = self.exceeded or self._spent > self.limit + _ROUNDING


class MeteredMetrics(Metrics):
    """The metrics of a live client, which ask before each request."""

    def __init__(
        self,
        provider: type[Provider],
        budget: Budget,
        writes: bool,
        refuse: Callable[[str], NoReturn],
    ) -> None:
        """Make them.

        Args:
            provider: the client class.
            budget: what all clients of the process share.
            writes: whether operations may create, spend and delete.
            refuse: raises for one that may not.
        """
        super().__init__()
        self._provider, self.budget = provider, budget
        self._writes, self._refuse = writes, refuse

    def sent(self, operation: str) -> None:
        """Count a request that is about to be sent.

        Raises:
            BudgetExceeded: there is not so much left.
        """
        effect = self._effect(operation)
        if effect in WRITING_EFFECTS and not self._writes:
            self._refuse(refusal(self._provider.name, operation, effect))
        self.budget.take(ASSUMED[effect])
        super().sent(operation)

    def spent(
        self, operation: str, input_tokens: int, output_tokens: int, cost_usd: float | None
    ) -> None:
        """Put what a call cost in the place of what was assumed."""
        super().spent(operation, input_tokens, output_tokens, cost_usd)
        if cost_usd is not None:
            self.budget.settle(cost_usd - ASSUMED[self._effect(operation)])

    def _effect(self, operation: str) -> Effect:
        return self._provider.operations()[operation].declaration.effect


def refusal(provider: str, operation: str, effect: Effect) -> str:
    """Why an operation is not called live."""
    does = {Effect.CREATE: "creates", Effect.SPEND: "spends", Effect.DELETE: "deletes"}[effect]
    return f"{provider}.{operation} {does} at the provider: allow it with --live-writes"
