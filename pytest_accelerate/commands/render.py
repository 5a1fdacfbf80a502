"""``render``: merge the results of a matrix folder and write its page and badges anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_accelerate.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--matrix-dir", type=Path, default=Path("matrix"), help="default: %(default)s"
    )


def run(args: argparse.Namespace) -> int:
    """Write the page and print its path."""
    from pytest_accelerate.matrix.publish import publish
    from pytest_accelerate.matrix.store import run_files

    results = args.matrix_dir / "results"
    if not run_files(results):
        raise UsageError(
            f"no results in {results}: run pytest with --hardware first, or name the folder "
            "with --matrix-dir"
        )
    print(publish(args.matrix_dir))
    return 0
