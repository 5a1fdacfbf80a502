"""The page's second half: what it says of the operations of API providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_accelerate.cells import Cell, ProviderCell
from pytest_accelerate.matrix import details
from pytest_accelerate.matrix.merge import Matrix
from pytest_accelerate.matrix.squares import Card, News, Square, card, square
from pytest_accelerate.matrix.text import one_line

PLAIN = {
    "mock": "answered by canned replies, without a network: not the real API",
    "server": "answered by real servers on loopback: each square says which, in which version",
    "live": "answered by the provider's own API",
}
"""Each mode in words."""

_PASS = {"mock": "pass on mocks", "server": "pass on servers", "live": "pass live"}


@dataclass(frozen=True)
class Row:
    """One operation."""

    id: str
    name: str
    squares: tuple[Square | None, ...]


@dataclass(frozen=True)
class Group:
    """The operations of one provider."""

    provider: str
    rows: tuple[Row, ...]


def groups(matrix: Matrix, news: Mapping[Cell, News]) -> Iterator[Group]:
    """The table's rows, provider by provider."""
    for provider in matrix.providers:
        rows = tuple(
            Row(
                one_line(operation.id, details.NAME),
                one_line(operation.name, details.NAME),
                tuple(
                    square(matrix, ProviderCell(provider, operation.name, mode), news)
                    for mode in matrix.modes
                ),
            )
            for operation in matrix.operations
            if operation.provider == provider
        )
        yield Group(one_line(provider, details.NAME), rows)


def cards(matrix: Matrix) -> Iterator[Card]:
    """The totals of each mode, which are never added up."""
    for mode in matrix.modes:
        present = [name for name in matrix.providers if matrix.tally_apis(mode, name).total]
        yield card(
            name=mode,
            title="API providers",
            subtitle=mode,
            passes=_PASS[mode],
            tally=matrix.tally_apis(mode),
            note=f"{len(present)} provider{'' if len(present) == 1 else 's'}, {PLAIN[mode]}",
        )
