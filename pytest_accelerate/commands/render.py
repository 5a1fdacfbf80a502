"""``render``: merge the results of a matrix folder and write its page and badges anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_accelerate.commands.arguments import add_matrix_dir
from pytest_accelerate.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_matrix_dir(parser)
    parser.add_argument(
        "--by",
        metavar="PACKAGE",
        help="instead, a page with a column for each release that runs had of a package, such as "
        "transformers, which names what the newest release changed",
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="that page (default: by-PACKAGE.html in the matrix folder)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the page and print its path."""
    from pytest_accelerate.matrix.history import check_results, read_results
    from pytest_accelerate.matrix.publish import publish, publish_by

    if args.by:
        check_results(args.matrix_dir)
        print(publish_by(args.matrix_dir, args.by, args.to))
        return 0
    if args.to:
        raise UsageError("--to is for the page that --by asks for")
    print(publish(args.matrix_dir, read_results(args.matrix_dir)))
    return 0
