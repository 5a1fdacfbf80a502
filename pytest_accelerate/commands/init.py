"""``init``: write into a project the suite that this one uses itself."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

from pytest_accelerate.errors import UsageError

SUITE = Path("model_tests", "test_model_types.py")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="DIRECTORY",
        help="the project's root folder (default: the current one)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a suite that is there and differs"
    )


def suite_text() -> str:
    """The text of the suite."""
    folder = resources.files("pytest_accelerate.commands")
    return folder.joinpath("suite.py.txt").read_text(encoding="utf-8")


def run(args: argparse.Namespace) -> int:
    """Write the suite and say what to do with it."""
    path = args.directory / SUITE
    text = suite_text()
    if path.exists() and path.read_text(encoding="utf-8") != text and not args.force:
        raise UsageError(f"{path} is there and differs; --force replaces it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    print(f"wrote {path}")
    print(f"next: pytest {path.parent} -n auto --hardware auto")
    return 0
