"""The pytest plugin: hooks that parse and delegate. Imports nothing that runs models."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_accelerate import hookspecs, options
from pytest_accelerate.errors import AccelerateError
from pytest_accelerate.fixtures import (
    CELL,
    _accelerate_cell,
    _accelerate_hardware,
    _accelerate_model_type,
    cell,
    endpoint,
    endpoints,
    hardware,
    model_type,
    parametrize,
)
from pytest_accelerate.provider_fixtures import (
    LENT,
    _accelerate_lent,
    _accelerate_provider,
    _accelerate_provider_cell,
    provider,
    provider_cell,
    provider_mock,
)
from pytest_accelerate.session import SESSION, AccelerateSession, session_of
from pytest_accelerate.vocabulary import OWN_TEST, PROPERTY

if TYPE_CHECKING:
    from pytest_accelerate.recording import Recorder

__all__ = [
    "_accelerate_cell",
    "_accelerate_hardware",
    "_accelerate_lent",
    "_accelerate_model_type",
    "_accelerate_provider",
    "_accelerate_provider_cell",
    "cell",
    "endpoint",
    "endpoints",
    "hardware",
    "model_type",
    "provider",
    "provider_cell",
    "provider_mock",
]

MARKERS = (
    "model_types(*names): run the test for these model types alone; names and globs",
    "hardware(*names): run the test on this hardware alone",
    "providers(*names): run the test for these API providers alone",
)


OVER_CELLS = frozenset({CELL, LENT})
"""The fixtures behind ``endpoint`` and ``provider``."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer the hooks that add hardware and recipes from outside."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and check each option by itself."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    try:
        session = AccelerateSession(config, options.parse(config))
    except AccelerateError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[SESSION] = session
    if session.worker_input is None:
        config.pluginmanager.register(_Controller(session), "accelerate-controller")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the executor and free the endpoints of this process."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        session.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize tests that use the plugin's fixtures."""
    try:
        parametrize(metafunc)
    except AccelerateError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test over ``endpoint`` or ``provider`` say what it means for its cells."""
    report = yield
    if not OVER_CELLS.isdisjoint(getattr(item, "fixturenames", ())):
        from pytest_accelerate import own_tests

        own_tests.attach(item, report)
    return report


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the executor while the rest of the collection goes on, if any cell was kept."""
    if session.config.option.collectonly:
        return
    if any(CELL in getattr(item, "fixturenames", ()) for item in session.items):
        session_of(session.config).start_executor_early()


class _Controller:
    """Hooks of the process that writes: the only one, or xdist's controller."""

    def __init__(self, session: AccelerateSession) -> None:
        self._session = session
        self._started = time.monotonic()
        self._recorder: Recorder | None = None
        """Made for the first report that carries a result: most suites have none."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Make the plan before any worker starts and anything is collected."""
        if not options.is_used(self._session.config):
            return
        try:
            self._session.prepare()
        except AccelerateError as error:
            raise pytest.UsageError(str(error)) from error

    def pytest_report_header(self) -> list[str]:
        """Say what was asked for, where anything was."""
        if not options.is_used(self._session.config):
            return []
        return self._session.header()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the plan and a CUDA device to an xdist worker."""
        if options.is_used(self._session.config):
            self._session.equip_worker(node.gateway.id, node.workerinput)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the CUDA device of a worker back."""
        if options.is_used(self._session.config):
            self._session.retire_worker(node.gateway.id)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what a report says of cells, and take it off: a JUnit report has its own words."""
        told = {name for name, _ in report.user_properties} & {OWN_TEST, PROPERTY}
        if not told:
            return
        if OWN_TEST in told or report.when == "call":  # the teardown's report repeats a result
            if self._recorder is None:
                from pytest_accelerate.recording import Recorder

                self._recorder = Recorder(self._session, self._started)
            self._recorder.take(report)
        report.user_properties = [each for each in report.user_properties if each[0] not in told]

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Iterator[None]:
        """Close the run once every worker has gone."""
        yield
        if self._recorder is None:
            return
        try:
            self._recorder.finish()
        except AccelerateError as error:
            raise pytest.UsageError(str(error)) from error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the counts, the slowest cells, what changed and where the page is."""
        if self._recorder is not None:
            self._recorder.summarize(terminalreporter)
