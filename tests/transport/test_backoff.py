"""How long is waited, and how often is tried again."""

from __future__ import annotations

import email.utils
from random import Random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accelerate.transport.backoff import RetryBudget, delay, retry_after
from pytest_accelerate.transport.policy import Policy

NOW = 1_800_000_000.0


@given(
    tries=st.integers(1, 10_000),
    initial=st.floats(0, 100),
    factor=st.floats(1, 10),
    cap=st.floats(0, 100),
    seed=st.integers(),
)
def test_the_delay(tries: int, initial: float, factor: float, cap: float, seed: int) -> None:
    """Half of the exponential step at least, all of it at most, never beyond the cap."""
    policy = Policy(backoff_initial=initial, backoff_factor=factor, backoff_cap=cap)
    step = min(cap, initial * factor ** min(tries - 1, 60))
    assert step / 2 <= delay(policy, tries, Random(seed)) <= step <= cap


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "Fri, 99 Foo 9999999999999 00:00:00 GMT"}, None),
        ({"retry-after": email.utils.formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": email.utils.formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after": "Friday, 15-Jan-27 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri Jan 15 08:00:30 2027"}, 30.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Each form of the header, the three forms of dates of RFC 9110 too, and what is none."""
    assert retry_after(httpx.Headers(headers), NOW) == seconds


@given(text=st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_text(text: str) -> None:
    """Whatever the header says, it is seconds or nothing."""
    for name in ("retry-after", "retry-after-ms"):
        found = retry_after({name: text}, NOW)
        assert found is None or found >= 0


@given(
    parts=st.lists(
        st.sampled_from(["Fri,", "15", "Jan", "2027", "08:00:30", "GMT", "-", ":", "+9999", ",",
                         "99999999999", "0", "am", "", "(x", "\x00"]),
        max_size=8,
    )
)  # fmt: skip
def test_any_date(parts: list[str]) -> None:
    """Nor does half a date break anything."""
    found = retry_after({"retry-after": " ".join(parts)}, NOW)
    assert found is None or found >= 0


def test_the_budget() -> None:
    """So many retries for each call, and some in any case."""
    budget = RetryBudget(Policy(retry_budget=0.5, retry_floor=2))
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(4):
        budget.call()
    assert [budget.spend() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    "field",
    ["concurrency", "max_tries", "deadline", "backoff_cap", "retry_budget", "breaker_cooldown"],
)
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, "1", None])
def test_an_impossible_policy(field: str, value: object) -> None:
    """A policy that cannot be followed is refused when it is made."""
    with pytest.raises(ValueError, match=field):
        Policy(**{field: value})  # type: ignore[arg-type]


def test_counts_are_whole() -> None:
    """Half a call cannot be in flight."""
    for field in ("concurrency", "queue_size", "max_tries", "max_response_bytes"):
        with pytest.raises(ValueError, match=field):
            Policy(**{field: 2.5})  # type: ignore[arg-type]
