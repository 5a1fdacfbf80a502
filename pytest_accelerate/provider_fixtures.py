"""Fixtures for tests that use API providers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_accelerate.session import session_of

if TYPE_CHECKING:
    from pytest_accelerate.cells import ProviderCell
    from pytest_accelerate.lending import Lent
    from pytest_accelerate.verification import ProviderCellUnderTest

CELL = "_accelerate_provider_cell"
LENT = "_accelerate_lent"


@pytest.fixture
def _accelerate_provider_cell(request: pytest.FixtureRequest) -> ProviderCell:
    """The provider and operation of this item."""
    cell: ProviderCell = request.param
    return cell


@pytest.fixture
def _accelerate_provider(request: pytest.FixtureRequest) -> str:
    """The provider of this item, or the one of its cell."""
    if hasattr(request, "param"):
        return str(request.param)
    return str(request.getfixturevalue(CELL).provider)


@pytest.fixture
def _accelerate_lent(request: pytest.FixtureRequest, _accelerate_provider: str) -> Iterator[Lent]:
    """A client for this test, and what answers it."""
    with session_of(request.config).clients.lend(_accelerate_provider) as lent:
        yield lent
    _stop_if_spent(request)


@pytest.fixture
def provider(_accelerate_lent: Lent) -> Any:
    """A client of each selected provider: mocked, or real with ``--live-apis``.

    While a mocked one is in use, the process reaches nothing beyond this machine. A real one
    skips without its key, refuses what writes without ``--live-writes``, and ends the run
    when ``--live-budget`` is used up. It is closed after the test; what a real one has opened in
    an event loop, that loop alone can close: ``async with provider:``, or ``await
    provider.aclose()``.
    """
    return _accelerate_lent.client


@pytest.fixture
def provider_mock(_accelerate_lent: Lent) -> Any:
    """The ``respx`` router that answers ``provider``: ``provider_mock["chat"].respond(429)``.

    It has a route for each operation, of that name. With ``--live-apis`` there is none, nor for
    ``s3``, whose stand-in is a server on loopback: then the test skips.
    """
    if _accelerate_lent.router is None and _accelerate_lent.client.native:
        pytest.skip("no router can answer it: its connections are native, to a server's")
    if _accelerate_lent.router is None:
        pytest.skip("its replies are mocked, and --live-apis asks for real ones")
    return _accelerate_lent.router


@pytest.fixture
def provider_cell(
    request: pytest.FixtureRequest, _accelerate_provider_cell: ProviderCell
) -> Iterator[ProviderCellUnderTest]:
    """One cell (provider, operation); ``provider_cell.verify()`` runs it and judges it."""
    from pytest_accelerate.verification import ProviderCellUnderTest

    yield ProviderCellUnderTest(_accelerate_provider_cell, session_of(request.config), request.node)
    _stop_if_spent(request)


def _stop_if_spent(request: pytest.FixtureRequest) -> None:
    budget = session_of(request.config).clients.budget
    if budget.exceeded:
        request.session.shouldstop = (
            f"--live-budget is used up: {budget.spent:.4f} of {budget.limit:g} USD, with what was "
            "assumed for calls of unknown price"
        )
