"""``servers``: list and install the real servers that prove the clients of API providers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from pytest_accelerate import servers
from pytest_accelerate.errors import UsageError
from pytest_accelerate.servers.environments import install, is_installed, version_of
from pytest_accelerate.servers.hosting import ALL


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="tell which there are, and which are installed")
    add = actions.add_parser("install", help="install some, each into an environment of its own")
    add.add_argument("names", nargs="*", metavar="NAME", help=f"names, or {ALL}")
    add.add_argument("--quick", action="store_true", help="those that install within two minutes")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for."""
    if args.action == "list":
        print("\n".join(_lines()))
        return 0
    names = _wanted(args.names, args.quick)
    if not names:
        raise UsageError(f"name what to install: {', '.join(servers.names())}, {ALL}, or --quick")
    # pip keeps one core busy and waits for the network; several at a time share both.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for line in pool.map(_installed, names):
            print(line, flush=True)
    return 0


def _installed(name: str) -> str:
    server = servers.server(name)
    if server.requirements and not is_installed(server):
        print(f"{name}: installing {', '.join(server.requirements)}", flush=True)
    install(server)
    return f"{name}: {version_of(server)} is installed"


def _wanted(named: list[str], quick: bool) -> list[str]:
    wanted = list(servers.names()) if ALL in named else list(named)
    if quick:
        wanted += [name for name in servers.names() if servers.server(name).quick]
    return list(dict.fromkeys(wanted))


def _lines() -> Iterator[str]:
    for name in servers.names():
        server = servers.server(name)
        state = version_of(server) if is_installed(server) else "not installed"
        yield f"{name:<20} {state:<14} {', '.join(server.providers)}"
