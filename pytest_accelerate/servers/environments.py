"""Environments of servers: one a server, within the environment that this runs in."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from pytest_accelerate.errors import ServerNotInstalled, ServerNotStarted
from pytest_accelerate.servers.base import Server

_INSTALLED = "installed"


def folder_of(server: Server) -> Path:
    """Where a server's environment is, or is to be."""
    return Path(sys.prefix) / "servers" / server.name


def is_installed(server: Server) -> bool:
    """Whether a server can be started, in the versions that it declares."""
    if not server.requirements:
        return not missing_here(server)
    try:
        return (folder_of(server) / _INSTALLED).read_text() == _fingerprint(server)
    except OSError:
        return False


def python_of(server: Server) -> Path:
    """The interpreter of a server's environment.

    Raises:
        ServerNotInstalled: it is not there; carries the command that installs it.
    """
    if not is_installed(server):
        raise ServerNotInstalled(server.name, missing_here(server))
    if not server.requirements:
        return Path(sys.executable)
    return folder_of(server) / "bin" / "python"


def install(server: Server) -> bool:
    """Make a server's environment; ``False`` where it is there already.

    Raises:
        ServerNotStarted: pip could not install it; carries what pip said.
        ServerNotInstalled: it has no environment of its own, and this Python lacks what it needs.
    """
    if is_installed(server):
        return False
    if not server.requirements:
        raise ServerNotInstalled(server.name, missing_here(server))
    folder = folder_of(server)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run(server, [sys.executable, "-m", "venv", "--clear", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    # Compiling all of it takes as long as installing it; what is imported is compiled then.
    _run(server, [*pip, "--no-compile", "--disable-pip-version-check", *server.requirements])
    (folder / _INSTALLED).write_text(_fingerprint(server))
    return True


def version_of(server: Server) -> str:
    """The version that is installed."""
    if not server.requirements:
        return _version_here(server.distribution)
    code = f"from importlib import metadata; print(metadata.version({server.distribution!r}))"
    told = subprocess.run(
        [str(python_of(server)), "-c", code], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


def missing_here(server: Server) -> tuple[str, ...]:
    """What this Python lacks of what a server without an environment of its own needs."""
    needed = () if server.requirements else (server.distribution, *server.needs)
    return tuple(name for name in needed if not _version_here(name))


def _version_here(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _fingerprint(server: Server) -> str:
    told = "\n".join((sys.version.split()[0], *server.requirements))
    return hashlib.sha256(told.encode()).hexdigest()


def _run(server: Server, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise ServerNotStarted(server.name, f"{' '.join(command[1:4])} failed: {said}")
