"""Where keys come from: argument, environment, ``.env``, ``~/.ipfs_api_credentials``, in order."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_accelerate.errors import MissingCredential, UnsafeCredentials
from pytest_accelerate.transport.redaction import Secret

DOTENV = ".env"
SHARED_FILE = "~/.ipfs_api_credentials"
TEMPLATE_COMMAND = "pytest-accelerate credentials template"


@dataclass(frozen=True)
class Credential:
    """What a provider wants."""

    variables: tuple[str, ...]
    """Names of the variable, the first that is set wins."""
    required: bool = True
    """False for a server that people run themselves, without keys."""
    along: tuple[str, ...] = ()
    """Names of variables without which the key is of no use, such as an access key's id."""


@dataclass(frozen=True)
class Found:
    """The keys of one provider, and where they were found."""

    keys: tuple[Secret, ...]
    source: str
    """``argument``, ``environment``, ``.env``, ``~/.ipfs_api_credentials``; empty for none."""
    variable: str = ""


def find(credential: Credential, given: str | Sequence[str] | None = None) -> Found:
    """Look for the keys of a provider; a variable may hold several, with commas between.

    Returns:
        No keys where there are none, or where they are not needed.

    Raises:
        UnsafeCredentials: a file of keys that others can read, or that is not what it must be.
    """
    if given is not None:
        keys = _split(given) if isinstance(given, str) else _given(given)
        return Found(keys, "argument" if keys else "")
    for source, values in _sources():
        for variable in credential.variables:
            if not all(values.get(name) for name in credential.along):
                continue
            if keys := _split(values.get(variable) or ""):
                return Found(keys, source, variable)
    return Found((), "")


def check_files() -> None:
    """Look whether the files of keys can be used; that there are none is no fault.

    Raises:
        UnsafeCredentials: one cannot.
    """
    for _, values in _sources():
        values.get("")


def missing(provider: str, credential: Credential) -> MissingCredential:
    """The error for a provider without a key."""
    names = named(credential)
    return MissingCredential(
        f"no key: set {names} in the environment, in {DOTENV} or in {SHARED_FILE} "
        f"({TEMPLATE_COMMAND} prints one to fill in), or pass api_key",
        provider=provider,
    )


def named(credential: Credential) -> str:
    """The variables that make a credential, in words."""
    return " and ".join((*credential.along, " or ".join(credential.variables)))


def settings(source: str) -> Mapping[str, str | None]:
    """The variables of one source: what belongs to a key is looked for beside it."""
    return dict(_sources())[source]


def setting(*variables: str) -> str:
    """The first of these that is set, the sources in order; empty where none is."""
    for _, values in _sources():
        for variable in variables:
            if value := (values.get(variable) or "").strip():
                return value
    return ""


def _sources() -> Sequence[tuple[str, Mapping[str, str | None]]]:
    return (
        ("environment", os.environ),
        (DOTENV, _LazyFile(Path(DOTENV), private=False)),
        (SHARED_FILE, _LazyFile(Path(SHARED_FILE).expanduser(), private=True)),
    )


class _LazyFile(dict[str, "str | None"]):
    """A file of assignments, read when it is first asked for one."""

    def __init__(self, path: Path, private: bool) -> None:
        self._path, self._private, self._read = path, private, False

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        if not self._read:
            self.update(read_file(self._path, private=self._private))
            self._read = True
        return super().get(name, default)


def read_file(path: Path, *, private: bool) -> Mapping[str, str | None]:
    """The assignments in a file; none where there is no file.

    Args:
        path: the file.
        private: whether others must not be able to read it.

    Raises:
        UnsafeCredentials: they can, or it cannot be read, or it is not UTF-8.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return {}
    if not stat.S_ISREG(mode):
        return {}
    if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnsafeCredentials(f"{path} can be read or written by others: chmod 600 {path}")
    from dotenv import dotenv_values

    try:
        return dotenv_values(path, interpolate=False, encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UnsafeCredentials(
            f"{path} is not text in UTF-8 (byte {error.start}): write NAME=key lines"
        ) from None
    except OSError as error:
        raise UnsafeCredentials(f"{path} cannot be read: {error.strerror or error}") from None


def _given(keys: Sequence[str]) -> tuple[Secret, ...]:
    return tuple(Secret(key.strip()) for key in keys if key.strip())


def _split(text: str) -> tuple[Secret, ...]:
    return _given(text.split(","))


class Keyring:
    """The keys of one client, taken in turn: each endpoint goes round on its own."""

    def __init__(
        self, keys: tuple[Secret, ...], endpoint_keys: Mapping[str, tuple[Secret, ...]]
    ) -> None:
        self._keys, self._endpoint_keys = keys, dict(endpoint_keys)
        self._lock = threading.Lock()
        self._turns: dict[str, int] = {}

    @property
    def secrets(self) -> frozenset[Secret]:
        """All keys."""
        return frozenset(self._keys).union(*self._endpoint_keys.values())

    def next(self, operation: str) -> Secret | None:
        """The key for the next request of an operation; ``None`` where there is none."""
        keys = self._endpoint_keys.get(operation) or self._keys
        if len(keys) < 2:
            return keys[0] if keys else None
        with self._lock:
            turn = self._turns.get(operation, 0)
            self._turns[operation] = turn + 1
        return keys[turn % len(keys)]

    def __repr__(self) -> str:
        return f"<Keyring of {len(self.secrets)} keys>"
