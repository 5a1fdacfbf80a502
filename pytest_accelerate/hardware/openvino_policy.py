"""Which of several paths to OpenVINO is taken: the cheapest whose outcome agrees.

Where none agrees, the cheapest that converts at all is kept, with what it is off by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pytest_accelerate.hardware.openvino_errors import neither_converts

M = TypeVar("M")


@dataclass(frozen=True)
class Reached(Generic[M]):
    """What a path made, and what came of the cheaper ones."""

    made: M
    disagreement: str
    """What it is off by; empty where it agrees."""
    failures: Mapping[str, BaseException]
    """What was raised on the way, by path."""
    passed_over: tuple[M, str] | None
    """What a cheaper path made, and by what it was off, where this one agrees."""


def cheapest(paths: Mapping[str, Callable[[], tuple[M, str]]]) -> Reached[M]:
    """Try paths in their order.

    Args:
        paths: by name, the cheapest first; each makes something, and says what it is off by.

    Raises:
        MemoryError: a path has not enough.
        UnsupportedOperation, RuntimeError: none converts; names the operators, or the causes.
    """
    failures: dict[str, BaseException] = {}
    disagreeing: tuple[M, str] | None = None
    for path, make in paths.items():
        try:
            made, wrong = make()
        except MemoryError:
            raise
        except Exception as error:
            failures[path] = error
            continue
        if not wrong:
            return Reached(made, "", failures, disagreeing)
        disagreeing = disagreeing or (made, wrong)
    if disagreeing is None:
        raise neither_converts(failures)
    return Reached(*disagreeing, failures, None)
