"""``credentials``: where keys are looked for, and a file of keys to fill in."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pytest_accelerate.commands.accounts import accounts
from pytest_accelerate.errors import UsageError
from pytest_accelerate.transport.credentials import DOTENV, SHARED_FILE

HEADER = f"""\
# Keys of API providers, one NAME=key a line; several keys of one provider with commas between.
# Looked at in this order: an argument, the environment, {DOTENV} in the current folder, this file.
# This file belongs at {SHARED_FILE}, for you alone to read: chmod 600 {SHARED_FILE}
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("action", choices=("template",), help="print a file of keys to fill in")
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"write it to {SHARED_FILE} instead, for you alone to read, if there is none yet",
    )


def template() -> str:
    """The text of a file without any key."""
    credentials = [account.credential for account in accounts()]
    names = [name for each in credentials for name in (*each.along, *each.variables[:1])]
    return HEADER + "".join(f"{name}=\n" for name in names)


def run(args: argparse.Namespace) -> int:
    """Print the template, or write it."""
    if not args.write:
        print(template(), end="")
        return 0
    path = Path(SHARED_FILE).expanduser()
    try:
        # Made so that nobody else can read it, rather than closed to others afterwards.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} is there already") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(template())
    print(f"wrote {path}; fill in the keys that you have")
    return 0
