"""Every error that the package raises on purpose.

::

    AccelerateError
    ├── UsageError                what the user wrote cannot be followed
    │   ├── UnknownModelType      a KeyError too, as endpoints are a mapping
    │   ├── UnknownHardware       likewise
    │   ├── UnknownPrecision
    │   ├── UnknownProvider       a KeyError too
    │   ├── UnknownServer         likewise
    │   ├── MalformedFile         a data file is not what it must be: file, line, expectation
    │   ├── UnwritableMatrix      results could not be written: found out before the run
    │   └── InvalidInputs         an endpoint was called with what its model does not take
    ├── HardwareUnavailable       known, but not on this machine; carries the remedy
    ├── MissingPackage            carries the ``pip install`` that helps
    ├── BrokenInstallation        installed, and it breaks the others; carries the remedy
    ├── NotConstructible          the zoo cannot build or feed the type, and says what is missing
    ├── UnsupportedOperation      the backend or provider says that it cannot, and names what
    ├── ExecutorFailed            the machinery that runs cells is broken: never a verdict
    ├── ServerNotInstalled        a server that proves clients; carries the command that installs it
    ├── ServerNotStarted          it ended, or did not answer in time; carries the end of its log
    └── ProviderError             a call of an API provider came to nothing; says which and why
        ├── InvalidParameters     nothing was sent: a UsageError too; names the parameter
        ├── MissingCredential     no key was found; names the variable
        ├── UnsafeCredentials     a file of keys that others can read, or that cannot be read
        ├── ClientClosed          the client was closed before or during the call
        ├── QueueFull             too many calls wait already
        ├── CircuitOpen           it failed too often just now; says when it is tried again
        ├── DeadlineExceeded      the call's own time is over; a TimeoutError too
        ├── ConnectionFailed      it could not be reached, or the connection broke
        │   └── ProviderTimeout   it did not answer in time; a TimeoutError too
        ├── RedirectRefused       it sent the call elsewhere, where credentials must not follow
        ├── InvalidResponse       the answer is not what the protocol says
        ├── StreamInterrupted     a stream that ended without its end mark; carries what had arrived
        ├── StatusError           the provider answered with an error; carries the status
        │   ├── BadRequest            400, 422 and other 4xx
        │   ├── AuthenticationFailed  401
        │   ├── PermissionDenied      403
        │   ├── NotFound              404
        │   ├── Conflict              409, and 304 and 412: a condition does not hold
        │   ├── PayloadTooLarge       413, or refused before it was sent
        │   ├── RateLimited           429; carries ``retry_after``
        │   └── ServerError           5xx
        │       └── Overloaded            503, 529
        ├── NetworkRefused        a mocked test reached beyond this machine; names --live-apis
        └── BudgetExceeded        live calls came to more than --live-budget
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class AccelerateError(Exception):
    """Base of all errors of this package; its text says what happened, where, and what to do."""

    def __str__(self) -> str:
        # KeyError, which some of these are too, would show its argument's repr.
        return Exception.__str__(self)


class UsageError(AccelerateError):
    """What the user wrote (an option, a marker, a file, a call) cannot be followed."""


class UnknownModelType(UsageError, KeyError):
    """No model type has this name; the message names the nearest ones."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"unknown model type {name!r}{nearest(name, known)}")


class UnknownHardware(UsageError, KeyError):
    """No hardware has this name; the message lists the known."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"unknown hardware {name!r}; known: {', '.join(known)}, and auto")


class UnknownPrecision(UsageError):
    """No precision has this name, or the hardware does not offer it."""

    def __init__(self, name: str, known: Iterable[str], hardware: str = "") -> None:
        self.name = name
        where = f" on {hardware}" if hardware else ""
        super().__init__(f"unknown precision {name!r}{where}; known{where}: {', '.join(known)}")


class UnknownProvider(UsageError, KeyError):
    """No API provider has this name; the message lists the known."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"unknown provider {name!r}; known: {', '.join(known)}")


class UnknownServer(UsageError, KeyError):
    """No server that proves clients has this name; the message lists the known."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"unknown server {name!r}; known: {', '.join(known)}")


class MalformedFile(UsageError):
    """A data file is not what it must be."""

    def __init__(self, path: object, line: int | None, expected: str) -> None:
        self.path, self.line = path, line
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {expected}")


class UnwritableMatrix(UsageError):
    """Results could not be written to the matrix folder."""


class InvalidInputs(UsageError):
    """An endpoint was called with inputs that its model does not take."""


class HardwareUnavailable(AccelerateError):
    """Known hardware that this machine does not have; ``remedy`` says how to get it."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        self.name, self.reason, self.remedy = name, reason, remedy
        super().__init__(f"hardware {name!r} is not available here: {reason}. {remedy}")


class MissingPackage(AccelerateError):
    """A package is absent; the message carries the command that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(
            f"the package {package!r} is not installed: pip install 'pytest-accelerate[{extra}]'"
        )


class BrokenInstallation(AccelerateError):
    """Something that is installed breaks the libraries that models run on."""


class NotConstructible(AccelerateError):
    """The zoo cannot build a model type or feed it; the message says what is missing."""


class UnsupportedOperation(AccelerateError):
    """The backend says that it cannot; ``operations`` names what it lacks, if it told."""

    def __init__(self, message: str, operations: Sequence[str] = ()) -> None:
        self.operations = tuple(operations)
        super().__init__(message)


class ExecutorFailed(AccelerateError):
    """The machinery that runs cells is broken; an error of the run, never a verdict."""


class ServerNotInstalled(AccelerateError):
    """A server that is to prove clients is not installed, or in another version."""

    def __init__(self, name: str, missing: Sequence[str] = ()) -> None:
        self.name = name
        self.missing = tuple(missing)
        """Packages that this Python lacks, for a server that has no environment of its own."""
        super().__init__(
            f"server {name!r} needs {', '.join(missing)}: pip install 'pytest-accelerate[dev]'"
            if missing
            else f"server {name!r} is not installed: pytest-accelerate servers install {name}"
        )


class ServerNotStarted(AccelerateError):
    """A server could not be installed or started, or did not answer in time."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"server {name!r}: {reason}")


class ProviderError(AccelerateError):
    """A call of an API provider came to nothing; every attribute survives pickling."""

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        operation: str = "",
        call_id: str = "",
        attempts: int = 0,
        **more: Any,
    ) -> None:
        self.message = message
        self.provider, self.operation = provider, operation
        self.call_id = call_id
        """Our own id of the call, which the log and the metrics name too."""
        self.attempts = attempts
        """How often something was sent."""
        for name, value in more.items():
            setattr(self, name, value)
        super().__init__(message)

    def __str__(self) -> str:
        where = ".".join(part for part in (self.provider, self.operation) if part)
        tries = f" (after {self.attempts} attempts)" if self.attempts > 1 else ""
        return f"{where}: {self.message}{tries}" if where else f"{self.message}{tries}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, dict(vars(self)))


def _rebuild(kind: type[ProviderError], message: str, state: dict[str, Any]) -> ProviderError:
    error = kind(message)
    vars(error).update(state)
    return error


class InvalidParameters(ProviderError, UsageError):
    """An operation does not take these parameters: nothing was sent."""


class MissingCredential(ProviderError):
    """No key was found; the message names the variable and the places that were looked at."""


class UnsafeCredentials(ProviderError):
    """A file of keys cannot be used: others can read it, or it is not what it must be."""


class ClientClosed(ProviderError):
    """The client was closed before or during the call."""


class QueueFull(ProviderError):
    """As many calls wait already as may."""


class CircuitOpen(ProviderError):
    """The provider failed too often just now: nothing was sent."""

    retry_after: float = 0.0
    """Seconds until it is tried again."""


class DeadlineExceeded(ProviderError, TimeoutError):
    """The call's own time is over."""


class ConnectionFailed(ProviderError):
    """The provider could not be reached, or the connection broke."""


class ProviderTimeout(ConnectionFailed, TimeoutError):
    """The provider did not answer in time."""


class RedirectRefused(ProviderError):
    """The provider sent the call elsewhere, where credentials must not follow."""


class InvalidResponse(ProviderError):
    """The answer is not what the protocol says: no JSON, another content type, a missing field."""


class StreamInterrupted(ProviderError):
    """A stream ended without its end mark."""

    events: tuple[Any, ...] = ()
    """What had arrived."""


class StatusError(ProviderError):
    """The provider answered with an error."""

    status: int = 0
    code: str = ""
    """The provider's own name for the error, where it gives one."""
    request_id: str = ""
    """The provider's own id of the request, to quote to its support."""
    retry_after: float | None = None
    """Seconds after which the provider asks to be tried again; ``None`` where it does not tell."""


class BadRequest(StatusError):
    """The provider does not accept the request: 400, 422 and other 4xx."""


class AuthenticationFailed(StatusError):
    """401: the key is not accepted."""


class PermissionDenied(StatusError):
    """403: the key is accepted and may not do this."""


class NotFound(StatusError):
    """404: no such model, file, job or route."""


class Conflict(StatusError):
    """409: it collides with the state of the resource; 304, 412: a condition does not hold."""


class PayloadTooLarge(StatusError):
    """413, or refused before it was sent since the provider would."""


class RateLimited(StatusError):
    """429: too many requests or tokens; ``retry_after`` says how long to wait, where known."""


class ServerError(StatusError):
    """5xx: the provider's own failure."""


class Overloaded(ServerError):
    """503 or 529: the provider is overloaded."""


class NetworkRefused(ProviderError):
    """A test with a mocked provider reached beyond this machine.

    No ``OSError``: what tries again or goes another way when the network is down must not hide it.
    """


class BudgetExceeded(ProviderError):
    """Live calls came to more than ``--live-budget``."""


def in_one_line(error: object) -> str:
    """An error of another library in one line, with its class: ``KeyError: 'weight'``."""
    said = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error)
    return " ".join(said.split())


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'bert' or 'bart'?"``, or nothing when no known name is near."""
    import difflib  # here: this module is imported where nothing goes wrong, too

    matches = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, matches))}?" if matches else ""
