"""The clients that a test is given: mocked, or of the real APIs as far as the options allow."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_accelerate.cells import WRITING_EFFECTS, Measures, ProviderCell, Result, Verdict
from pytest_accelerate.errors import BudgetExceeded, ServerNotInstalled
from pytest_accelerate.guard import offline
from pytest_accelerate.providers import mocks, provider_class
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.budget import Budget, MeteredMetrics, refusal
from pytest_accelerate.providers.examples import examples
from pytest_accelerate.providers.operation import Effect
from pytest_accelerate.providers.stages import run_provider_cell
from pytest_accelerate.servers.hosting import Hosts, offering
from pytest_accelerate.transport.clock import FakeClock
from pytest_accelerate.transport.credentials import missing

if TYPE_CHECKING:
    import respx

    from pytest_accelerate.options import Options


@dataclass(frozen=True)
class Lent:
    """What a test has for its time."""

    client: Provider
    router: respx.MockRouter | None
    """What answers in place of the provider; ``None`` where the real one does."""


class Clients:
    """Makes the clients of one process's part of a run, on one budget."""

    def __init__(self, options: Options, workers: int, servers: Sequence[str] = ()) -> None:
        self._options, self._servers = options, servers
        self._hosts = Hosts()
        # Workers do not know of each other's calls: each has its share.
        self.budget = Budget(options.live_budget / workers)

    @contextmanager
    def lend(self, name: str) -> Iterator[Lent]:
        """A client that is closed when the test is over.

        Where it is mocked, the process has no network for so long, and sleeps between tries take
        no time. Where it is real and lacks its key, the test skips.
        """
        if self._options.live_apis:
            absent = self._missing(name)
            if absent:
                pytest.skip(absent)
            with self._live(name) as client:
                yield Lent(client, None)
            return
        kind = provider_class(name)
        if kind.native:
            with self._hosted(name) as client, offline():
                yield Lent(client, None)
            return
        router = mocks.router(kind)
        with (
            offline(),
            kind(
                mocks.KEY,
                base_url=kind.default_base_url,
                clock=FakeClock(),
                **mocks.transports(router),
            ) as client,
        ):
            yield Lent(client, router)

    def _hosted(self, name: str) -> Provider:
        """A client that no router can answer: of a server on loopback, one for all tests.

        Where that is not installed, the test skips.
        """
        try:
            hosted = self._hosts.get("moto")
        except ServerNotInstalled as error:
            pytest.skip(f"{name} is mocked by a server: {error}")
        # A bucket for each test: what one leaves there is none of another's.
        bucket = f"test-{uuid.uuid4().hex[:12]}"
        client = hosted.server.client(name, hosted.url, bucket=bucket, clock=FakeClock())
        client.stand_in = True  # type: ignore[attr-defined]
        return client

    def run(self, cell: ProviderCell) -> Result:
        """Run one cell, or say why it is not run."""
        if cell.mode == "mock":
            return run_provider_cell(cell)
        if cell.mode == "server":
            return self._run_on_servers(cell)
        effect = provider_class(cell.provider).operations()[cell.operation].declaration.effect
        skipped = self._missing(cell.provider) or self._not_sent(cell, effect)
        if skipped:
            return _untried(cell, effect, Verdict.SKIP, skipped)
        try:
            return run_provider_cell(cell, self._live(cell.provider))
        except BudgetExceeded as error:
            return _untried(cell, effect, Verdict.NOT_RUN, str(error))

    def _run_on_servers(self, cell: ProviderCell) -> Result:
        """Run a cell on each server that offers it: it passes where all of them do.

        Raises:
            ServerNotInstalled, ServerNotStarted: which says nothing of the cell.
        """
        shown: list[str] = []
        for name in offering(self._servers, cell.provider, cell.operation):
            hosted = self._hosts.get(name)
            shown.append(hosted.shown)
            parameters = hosted.calls(cell.provider)[cell.operation]
            result = run_provider_cell(cell, hosted.client(cell.provider), parameters)
            if result.verdict is not Verdict.PASS:
                result = replace(result, reason=f"{hosted.shown}: {result.reason}")
                break
        return replace(result, measures=replace(result.measures, server=", ".join(shown)))

    def close(self) -> None:
        """End the servers."""
        self._hosts.close()

    def _live(self, name: str) -> Provider:
        kind = provider_class(name)
        client = kind()
        client.shared.metrics = MeteredMetrics(kind, self.budget, self._options.live_writes, _skip)
        return client

    def _missing(self, name: str) -> str:
        """Which variable to set for a provider whose key is not there; empty where it is."""
        kind = provider_class(name)
        with kind() as client:
            if client.key_source or not kind.credential.required:
                return ""
        return str(missing(name, kind.credential))

    def _not_sent(self, cell: ProviderCell, effect: Effect) -> str:
        """Why an operation is not tried live; empty where it is."""
        if effect in WRITING_EFFECTS and not self._options.live_writes:
            return refusal(cell.provider, cell.operation, effect)
        example = examples(cell.provider).get(cell.operation)
        if example is not None and not example.live:
            return "its example names what another call has to make first"
        return ""


def _skip(reason: str) -> NoReturn:
    pytest.skip(reason)


def _untried(cell: ProviderCell, effect: Effect, verdict: Verdict, reason: str) -> Result:
    measures = Measures(implementation_type=cell.implementation_type, effect=str(effect))
    return Result(cell, verdict, measures=measures, reason=reason)
