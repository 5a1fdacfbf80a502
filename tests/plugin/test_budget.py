"""What live calls may cost: assumed before they are sent, and known after."""

from __future__ import annotations

from typing import NoReturn

import pytest

from pytest_accelerate.errors import BudgetExceeded
from pytest_accelerate.providers import Groq, OpenAI
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.budget import ASSUMED, Budget, MeteredMetrics
from pytest_accelerate.providers.operation import Effect


class Refused(Exception):
    """An operation may not be called."""


def refuse(reason: str) -> NoReturn:
    """As the fixtures skip."""
    raise Refused(reason)


def metered(provider: type[Provider], limit: float, writes: bool = False) -> MeteredMetrics:
    """The metrics of a live client with so much money."""
    return MeteredMetrics(provider, Budget(limit), writes, refuse)


def test_a_known_cost_takes_the_place_of_the_assumed_one() -> None:
    """A thousand cheap calls of known price fit where a hundred of unknown price would not."""
    metrics = metered(Groq, limit=1.0)
    for _ in range(1000):
        metrics.sent("chat")
        metrics.spent("chat", 10, 10, 0.0005)
    assert metrics.budget.spent == pytest.approx(0.5)
    assert not metrics.budget.exceeded


def test_an_unknown_cost_stays_assumed() -> None:
    """What is not known is not counted for nothing: the calls come to an end."""
    metrics = metered(OpenAI, limit=1.0)
    for _ in range(round(1.0 / ASSUMED[Effect.INFER])):
        metrics.sent("chat")
        metrics.spent("chat", 10, 10, None)
    assert not metrics.budget.exceeded
    with pytest.raises(BudgetExceeded, match=r"--live-budget 1$"):
        metrics.sent("chat")
    assert metrics.budget.exceeded


def test_a_call_dearer_than_was_assumed_ends_the_run() -> None:
    """Money that is gone is counted, though the call has its answer."""
    metrics = metered(OpenAI, limit=0.1)
    metrics.sent("chat")
    metrics.spent("chat", 10_000, 10_000, 0.3)
    assert metrics.budget.exceeded
    with pytest.raises(BudgetExceeded):
        metrics.sent("chat")


def test_reading_costs_nothing_and_writing_must_be_allowed() -> None:
    """Without money lists can be read, and nothing is created without leave."""
    metrics = metered(OpenAI, limit=0.0)
    metrics.sent("models_list")
    assert metrics.budget.spent == 0
    with pytest.raises(Refused, match=r"openai\.files_upload creates .*--live-writes"):
        metrics.sent("files_upload")
    with pytest.raises(BudgetExceeded):
        metered(OpenAI, limit=0.0, writes=True).sent("files_upload")
