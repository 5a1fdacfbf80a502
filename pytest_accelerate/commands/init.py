"""``init``: write into a project the suites that this one uses itself."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

from pytest_accelerate.errors import UsageError

SUITE = Path("model_tests", "test_model_types.py")
API_SUITE = Path("api_tests", "test_providers.py")
_TEXTS = {SUITE: "suite.py.txt", API_SUITE: "providers_suite.py.txt"}


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
        "--force", action="store_true", help="replace suites that are there and differ"
    )


def suite_text(suite: Path = SUITE) -> str:
    """The text of a suite: of the models, or of the API providers."""
    folder = resources.files("pytest_accelerate.commands")
    return folder.joinpath(_TEXTS[suite]).read_text(encoding="utf-8")


def run(args: argparse.Namespace) -> int:
    """Write the suites and say what to do with them."""
    texts = {args.directory / suite: suite_text(suite) for suite in _TEXTS}
    for path, text in texts.items():
        if path.exists() and path.read_text(encoding="utf-8") != text and not args.force:
            raise UsageError(f"{path} is there and differs; --force replaces it")
    for path, text in texts.items():
        _write(path, text)
        print(f"wrote {path}")
    print(f"next: pytest {args.directory / SUITE.parent} -n auto --hardware auto")
    print(f"      pytest {args.directory / API_SUITE.parent}")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
