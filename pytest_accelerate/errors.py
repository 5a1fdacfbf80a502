"""Every error that the package raises on purpose.

::

    AccelerateError
    ├── UsageError                what the user wrote cannot be followed
    │   ├── UnknownModelType      a KeyError too, as endpoints are a mapping
    │   ├── UnknownHardware       likewise
    │   ├── UnknownPrecision
    │   ├── MalformedFile         a data file is not what it must be: file, line, expectation
    │   ├── UnwritableMatrix      results could not be written: found out before the run
    │   └── InvalidInputs         an endpoint was called with what its model does not take
    ├── HardwareUnavailable       known, but not on this machine; carries the remedy
    ├── MissingPackage            carries the ``pip install`` that helps
    ├── BrokenInstallation        installed, and it breaks the others; carries the remedy
    ├── NotConstructible          the zoo cannot build or feed the type, and says what is missing
    ├── UnsupportedOperation      the backend says that it cannot, and names the operator
    └── ExecutorFailed            the machinery that runs cells is broken: never a verdict
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


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


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'bert' or 'bart'?"``, or nothing when no known name is near."""
    matches = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, matches))}?" if matches else ""
