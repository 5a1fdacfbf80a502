"""``pytest-accelerate``: what is done outside a pytest run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import metadata

from pytest_accelerate.commands import (
    badges,
    credentials,
    diff,
    discover,
    doctor,
    export,
    init,
    merge,
    render,
    servers,
    summary,
)
from pytest_accelerate.errors import AccelerateError

COMMANDS = {
    "render": render,
    "merge": merge,
    "diff": diff,
    "summary": summary,
    "badges": badges,
    "export": export,
    "discover": discover,
    "doctor": doctor,
    "credentials": credentials,
    "servers": servers,
    "init": init,
}
BAD_INPUT = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; what went wrong is one line on stderr and exit status 2."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except AccelerateError as error:
        print(f"pytest-accelerate {args.command}: {error}", file=sys.stderr)
        return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pytest-accelerate",
        description="The matrix of model types and hardware, outside a pytest run.",
    )
    version = metadata.version("pytest-accelerate")
    parser.add_argument("--version", action="version", version=f"pytest-accelerate {version}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").splitlines()[0].partition(": ")[2]
        sub = commands.add_parser(name, help=summary, description=summary)
        command.configure(sub)
        sub.set_defaults(run=command.run)
    return parser
