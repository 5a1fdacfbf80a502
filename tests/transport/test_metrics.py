"""What is counted of calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pytest_accelerate.transport.metrics import BOUNDS, Metrics


def test_counts() -> None:
    """Calls, requests, errors by kind, durations, tokens and cost, by operation."""
    metrics = Metrics()
    for _ in range(3):
        metrics.sent("chat")
    metrics.succeeded("chat", 0.02)
    metrics.failed("chat", "RateLimited", 1000.0)
    metrics.failed("chat", "cancelled", 0.005)
    metrics.broke("chat", "StreamInterrupted")
    metrics.spent("chat", 10, 5, 0.5)
    metrics.spent("chat", 1, 2, 0.25)
    metrics.sent("embeddings")
    chat = metrics.snapshot()["chat"]
    assert (chat.calls, chat.sent) == (3, 3)
    assert chat.errors == {"RateLimited": 1, "cancelled": 1, "StreamInterrupted": 1}
    assert chat.latency == (1, 0, 1, *[0] * (len(BOUNDS) - 3), 1)
    assert chat.seconds == 1000.025
    assert (chat.input_tokens, chat.output_tokens, chat.cost_usd) == (11, 7, 0.75)
    assert metrics.snapshot()["embeddings"].sent == 1


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    """A sum that lacks some is no sum, and never 0."""
    metrics = Metrics()
    metrics.spent("chat", 1, 1, 0.5)
    metrics.spent("chat", 1, 1, None)
    metrics.spent("chat", 1, 1, 0.5)
    assert metrics.snapshot()["chat"].cost_usd is None


def test_a_snapshot_stays_as_it_is() -> None:
    """What was read once does not change under its reader."""
    metrics = Metrics()
    metrics.failed("chat", "NotFound", 0.1)
    before = metrics.snapshot()
    metrics.failed("chat", "NotFound", 0.1)
    assert before["chat"].errors == {"NotFound": 1}
    assert sum(before["chat"].latency) == 1


def test_from_many_threads() -> None:
    """No count is lost."""
    metrics = Metrics()

    def work(_: int) -> None:
        for _ in range(500):
            metrics.sent("chat")
            metrics.failed("chat", "NotFound", 0.1)
            metrics.spent("chat", 1, 1, 1.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    chat = metrics.snapshot()["chat"]
    assert chat.sent == chat.calls == chat.errors["NotFound"] == chat.input_tokens == 4000
    assert chat.cost_usd == 4000
