"""Servers are started, waited for and ended, whatever they do."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from pytest_accelerate.errors import ServerNotInstalled, ServerNotStarted, UnknownServer
from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.ollama import Ollama
from pytest_accelerate.servers import environments, hosting, names
from pytest_accelerate.servers import running as module
from pytest_accelerate.servers import server as server_named
from pytest_accelerate.servers.base import Server
from pytest_accelerate.servers.running import running


class Folder(Server):
    """Serves its folder, by the server that Python has."""

    name = "folder"
    distribution = "pytest"
    requirements: ClassVar[tuple[str, ...]] = ()
    quick = True
    health = "/ready"
    providers = ("ollama",)
    code = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port={port})"

    def prepare(self, python: Path, folder: Path) -> None:
        """Make what it answers with."""
        (folder / "ready").write_text("yes")
        (folder / "api").mkdir()
        (folder / "api" / "version").write_text('{"version": "1"}')

    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """Run the code."""
        return [str(python), "-c", self.code.format(port=port)]

    def client(self, provider: str, url: str, **options: Any) -> Provider:
        """A client."""
        return Ollama(base_url=url, **options)

    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """What a folder can answer."""
        return {"version": {}}


class Ends(Folder):
    """Ends before it answers."""

    code = "raise SystemExit('no room for {port}')"


class Silent(Folder):
    """Never answers."""

    code = "import time; time.sleep(600) # {port}"


class Stubborn(Folder):
    """Does not end when it is asked to, and has a worker that does not either."""

    code = (
        "import signal, subprocess, sys, http.server\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import signal, time; "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'])\n"
        "open('worker', 'w').write(str(worker.pid))\n" + Folder.code
    )


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(told.stdout.strip()) and not told.stdout.strip().startswith("Z")


def test_a_server_runs_and_ends(tmp_path: Path) -> None:
    """It answers while it runs and no longer, and says its version."""
    with running(Folder(), tmp_path) as started:
        assert httpx.get(f"{started.url}/ready").text == "yes"
        assert started.shown == f"folder {pytest.__version__}"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{started.url}/ready")


def test_a_server_that_ends_tells_why(tmp_path: Path) -> None:
    """What it wrote before it ended stands in the error."""
    ended = r"'folder': it ended at once.*no room for \d+"
    with pytest.raises(ServerNotStarted, match=ended), running(Ends(), tmp_path):
        raise AssertionError("it does not run")


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how long it was waited for, and its process is gone."""
    monkeypatch.setattr(module, "STARTED_WITHIN", 0.5)
    late = pytest.raises(ServerNotStarted, match="did not answer within")
    with late, running(Silent(), tmp_path):
        raise AssertionError("it does not answer")
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert "time.sleep(600) #" not in told


def test_a_stubborn_server_is_killed_with_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that it started outlives it."""
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    with running(Stubborn(), tmp_path):
        worker = int((tmp_path / "worker").read_text())
        assert is_alive(worker)
    until = time.monotonic() + 5
    while is_alive(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(worker)


def test_a_proxy_does_not_stand_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on loopback is reached whatever proxy the environment names."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with running(Folder(), tmp_path) as started:
        assert started.url.startswith("http://127.0.0.1:")


def test_hosts_start_a_server_once_and_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that ask have the same server, and its folder goes when it ends."""
    monkeypatch.setattr(module, "server_named", lambda name: Folder())
    hosts = hosting.Hosts()
    started = hosts.get("folder")
    assert hosts.get("folder") is started
    assert started.folder.is_dir()
    hosts.close()
    assert not started.folder.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(started.url)


def test_an_unknown_server_is_an_error_with_the_known() -> None:
    """The message lists what there is."""
    with pytest.raises(UnknownServer, match=r"unknown server 'nosuch'; known: .*moto"):
        server_named("nosuch")


def test_what_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is the command, also for an environment of other versions than declared."""
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    with pytest.raises(ServerNotInstalled, match="pytest-accelerate servers install moto"):
        hosting.selected(["moto"])
    folder = environments.folder_of(server_named("moto"))
    folder.mkdir(parents=True)
    (folder / "installed").write_text("moto of another day")
    with pytest.raises(ServerNotInstalled):
        environments.python_of(server_named("moto"))
    assert "moto" not in hosting.selected(["all"])


def test_a_failed_installation_leaves_nothing_that_passes_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pip said is in the error, and the server is not installed."""

    class Missing(Folder):
        requirements = ("no-such-package-of-pytest-accelerate==1",)

    monkeypatch.setattr("sys.prefix", str(tmp_path))
    with pytest.raises(ServerNotStarted, match="no-such-package"):
        environments.install(Missing())
    assert not environments.is_installed(Missing())


def test_every_server_is_declared_in_full() -> None:
    """Every server names what it proves and pins what it needs."""
    for name in names():
        server = server_named(name)
        assert server.name == name
        assert all("==" in each for each in server.requirements), server.requirements
        for provider in server.providers:
            assert hosting.offered(name, provider), f"{name} offers nothing of {provider}"
