"""Drivers whose requests obstore sends: the same exchange, with a store in place of HTTP.

A store is native code: it blocks the thread that calls it, and neither Ctrl-C nor the call's own
time ends that. So threads have their calls made in an event loop on the side, where both do.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from pytest_accelerate.transport.clock import Clock
from pytest_accelerate.transport.exchange import Call, Send
from pytest_accelerate.transport.outcome import Failure, FailureKind, Outcome, Reply
from pytest_accelerate.transport.progress import Report, Reporter
from pytest_accelerate.transport.requests import failure_of
from pytest_accelerate.transport.slots import Slots
from pytest_accelerate.transport.store_errors import StoreFailed, outcome_of
from pytest_accelerate.transport.tasks import TaskDriver
from pytest_accelerate.transport.threads import ThreadDriver

T = TypeVar("T")
_GIVEN_UP = 2.0
"""Seconds that a call which is given up has to put away what it holds."""


@dataclass(frozen=True, slots=True)
class StoreCall(Call):
    """A call that a store makes."""

    work: Callable[[Send], Awaitable[Reply]]
    """One try; it raises :class:`StoreFailed` where the store does."""


@dataclass(frozen=True, slots=True)
class Local:
    """A further step of an exchange: what takes time and is done here, such as a checksum."""

    function: Callable[[], Any]
    """It raises no ``OSError``."""


class Counter:
    """Tells a call's ``progress`` what has passed."""

    def __init__(
        self, report: Report | None, direction: Literal["sent", "received"], total: int | None
    ) -> None:
        self._reporter = Reporter(report) if report is not None else None
        self._direction: Literal["sent", "received"] = direction
        self._total = total

    def passed(self, size: int) -> None:
        """So many bytes more have.

        Raises:
            ReportFailed: what is told raised something.
        """
        if self._reporter is None:
            return
        try:
            self._reporter.passed(self._direction, size, self._total)
        except Exception as error:
            raise ReportFailed(error) from None


class ReportFailed(Exception):
    """A call's ``progress`` raised an error: it ends the call as it is."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(error)


async def native(call: Awaitable[T]) -> T:
    """The result of one call of obstore.

    Raises:
        StoreFailed: in place of whatever obstore raises.
    """
    try:
        return await call
    except StopAsyncIteration:
        raise
    except Exception as error:
        outcome = outcome_of(error)
    finally:
        _EXIT.called()
    raise StoreFailed(outcome)  # here, so that no traceback shows the text of obstore's


class _Exit:
    """Keeps a process from ending in the moment after a call of obstore.

    obstore (0.12) tells a result to its event loop from a thread of its own, which then needs the
    interpreter once more. Where that is ending by then, the whole process aborts (SIGABRT).
    """

    SETTLED = 0.3
    """Seconds after which no such thread is left."""

    def __init__(self) -> None:
        self._last: float | None = None

    def called(self) -> None:
        """A call has ended."""
        if self._last is None:
            atexit.register(self._settle)
        self._last = time.monotonic()

    def _settle(self) -> None:
        assert self._last is not None
        time.sleep(max(0.0, self._last + self.SETTLED - time.monotonic()))


_EXIT = _Exit()


async def perform(step: Send, now: float) -> Outcome:
    """One try, within the call's own time."""
    assert isinstance(step.call, StoreCall)
    try:
        async with asyncio.timeout(max(step.until - now, 0.001)):
            return await step.call.work(step)
    except StoreFailed as error:
        return error.outcome
    except ReportFailed as error:
        raise error.error from None
    except TimeoutError:
        return Failure(FailureKind.TIMEOUT, "the call's own time is over")
    except OSError as error:
        return failure_of(error)


class StoreTasks(TaskDriver):
    """Performs the steps of calls in event loops."""

    def __init__(self, slots: Slots, clock: Clock) -> None:
        super().__init__(_no_transport, slots, clock)

    async def _perform(self, step: Any) -> Any:
        if isinstance(step, Local):
            return await asyncio.to_thread(step.function)
        return await super()._perform(step)

    async def _send(self, step: Send) -> Outcome:
        return await perform(step, self._clock.now())


class StoreThreads(ThreadDriver):
    """Performs the steps of calls from threads."""

    def __init__(self, slots: Slots, clock: Clock) -> None:
        super().__init__(_NO_TRANSPORT, slots, clock)
        self._side = SideLoop()

    def _perform(self, step: Any) -> Any:
        return step.function() if isinstance(step, Local) else super()._perform(step)

    def _send(self, step: Send) -> Outcome:
        try:
            outcome: Outcome = self._side.run(perform(step, self._clock.now()))
        except CancelledError:  # by close(), in another thread
            return Failure(FailureKind.LOST, "the client was closed")
        return outcome

    def close(self) -> None:
        """End the event loop on the side, and what is made in it."""
        self._side.close()


class SideLoop:
    """An event loop in a thread of its own, from the first call on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Any) -> Any:
        """The result of a coroutine; whoever is interrupted meanwhile gives it up."""
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result()
        except BaseException:
            if future.cancel():
                with contextlib.suppress(BaseException):
                    future.exception(timeout=_GIVEN_UP)
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="pytest-accelerate-store", daemon=True
                )
                self._thread.start()
            return self._loop

    def close(self) -> None:
        """Give up what is under way, and end the thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        if thread.is_alive():
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(timeout=_GIVEN_UP)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=_GIVEN_UP)
        if not loop.is_running():
            loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _no_transport() -> NoReturn:
    raise AssertionError("a store sends its requests itself")


_NO_TRANSPORT: Any = None
