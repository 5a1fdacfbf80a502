"""Fixtures for people's own tests, and the parametrization behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_accelerate.session import AccelerateSession, session_of

if TYPE_CHECKING:
    from pytest_accelerate.cells import ModelCell, ProviderCell
    from pytest_accelerate.verification import ModelCellUnderTest

# The parametrized fixtures are hidden ones on which the public ones stand: a suite that has a
# fixture of its own named "cell" or "hardware" is left alone.
CELL = "_accelerate_cell"
MODEL_TYPE = "_accelerate_model_type"
HARDWARE = "_accelerate_hardware"
PROVIDER = "_accelerate_provider"
PROVIDER_CELL = "_accelerate_provider_cell"


@pytest.fixture
def _accelerate_cell(request: pytest.FixtureRequest) -> ModelCell:
    """The cell of this item."""
    cell: ModelCell = request.param
    return cell


@pytest.fixture
def _accelerate_model_type(request: pytest.FixtureRequest) -> str:
    """The model type of this item."""
    return str(_parameter(request, "model_type"))


@pytest.fixture
def _accelerate_hardware(request: pytest.FixtureRequest) -> str:
    """The hardware of this item."""
    return str(_parameter(request, "hardware"))


def _parameter(request: pytest.FixtureRequest, name: str) -> Any:
    if hasattr(request, "param"):
        return request.param
    return getattr(request.getfixturevalue(CELL), name)


@pytest.fixture
def cell(request: pytest.FixtureRequest, _accelerate_cell: ModelCell) -> ModelCellUnderTest:
    """One cell (model type, hardware, precision); ``cell.verify()`` runs it and judges it."""
    from pytest_accelerate.verification import ModelCellUnderTest

    return ModelCellUnderTest(_accelerate_cell, session_of(request.config), request.node)


@pytest.fixture
def model_type(_accelerate_model_type: str) -> str:
    """Each selected model type, or the one of this item's ``cell`` or ``endpoint``."""
    return _accelerate_model_type


@pytest.fixture
def hardware(_accelerate_hardware: str) -> str:
    """Each hardware asked for, or the one of this item's ``cell`` or ``endpoint``."""
    return _accelerate_hardware


@pytest.fixture
def endpoint(request: pytest.FixtureRequest, _accelerate_cell: ModelCell) -> Iterator[Any]:
    """A loaded model, callable: one for each selected model type, hardware and precision."""
    session = session_of(request.config)
    missing = session.plan.missing.get(_accelerate_cell.hardware)
    if missing is not None:
        pytest.skip(missing)
    handler = session.endpoints(
        _accelerate_cell.model_type,
        _accelerate_cell.hardware,
        precision=_accelerate_cell.precision,
    )
    yield handler
    handler.close()


@pytest.fixture(scope="session")
def endpoints(request: pytest.FixtureRequest) -> Any:
    """Every endpoint by ``endpoints(model_type, hardware)``, with the weights asked for."""
    return session_of(request.config).endpoints


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test that uses the fixtures above its model types, hardware or cells."""
    names = set(metafunc.fixturenames)
    _parametrize_providers(metafunc, names)
    if CELL in names:
        cells = _cells(metafunc)
        metafunc.parametrize(CELL, cells, indirect=True, ids=[cell.id for cell in cells])
        return
    session = session_of(metafunc.config) if names & {MODEL_TYPE, HARDWARE} else None
    if session is not None and MODEL_TYPE in names:
        metafunc.parametrize(MODEL_TYPE, _types(metafunc, session), indirect=True)
    if session is not None and HARDWARE in names:
        metafunc.parametrize(HARDWARE, _hardware(metafunc, session), indirect=True)


def _parametrize_providers(metafunc: pytest.Metafunc, names: set[str]) -> None:
    if not names & {PROVIDER, PROVIDER_CELL}:
        return
    session = session_of(metafunc.config)
    selected = session.selected_providers(_marked(metafunc, "providers"))
    if PROVIDER_CELL not in names:
        metafunc.parametrize(PROVIDER, selected, indirect=True)
        return
    cells = _provider_cells(session, selected)
    metafunc.parametrize(PROVIDER_CELL, cells, indirect=True, ids=[cell.id for cell in cells])
    if "provider_cell" in names:
        session.check_matrix()
        session.planned.update(cells)


def _provider_cells(session: AccelerateSession, selected: Sequence[str]) -> list[ProviderCell]:
    from pytest_accelerate.cells import ProviderCell
    from pytest_accelerate.providers import provider_class

    modes = ["live" if session.options.live_apis else "mock"]
    if session.options.servers:
        modes.append("server")
    return [
        ProviderCell(name, operation, mode)
        for name in selected
        for mode in modes
        for operation in provider_class(name).operations()
        if mode != "server" or session.offering(name, operation)
    ]


def _cells(metafunc: pytest.Metafunc) -> list[ModelCell]:
    from pytest_accelerate.cells import ModelCell
    from pytest_accelerate.hardware import offers

    session = session_of(metafunc.config)
    hardware = _hardware(metafunc, session)
    cells = [
        ModelCell(name, place, precision)
        for name in _types(metafunc, session)
        for place in hardware
        for precision in session.options.precisions
        if offers(place, precision, session.plan.hardware_plugins)
    ]
    if "cell" in metafunc.fixturenames:
        session.planned.update(cells)
    return cells


def _types(metafunc: pytest.Metafunc, session: AccelerateSession) -> list[str]:
    return [kind.name for kind in session.selected_types(_marked(metafunc, "model_types"))]


def _hardware(metafunc: pytest.Metafunc, session: AccelerateSession) -> Sequence[str]:
    marked = _marked(metafunc, "hardware")
    if not marked:
        return session.plan.hardware
    if not session.options.hardware:
        session.require_hardware(marked)
        return marked
    # The marker narrows what was asked for: "cuda" takes in cuda:1 as well.
    return [
        name for name in session.plan.hardware if name in marked or name.split(":")[0] in marked
    ]


def _marked(metafunc: pytest.Metafunc, marker: str) -> tuple[str, ...]:
    """The arguments of the closest marker of this name."""
    found = metafunc.definition.get_closest_marker(marker)
    return tuple(str(name) for name in found.args) if found is not None else ()
