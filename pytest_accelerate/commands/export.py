"""``export``: the matrix in the Common Test Report Format (CTRF), for other tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_accelerate.commands.arguments import add_matrix_dir, add_whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_matrix_dir(parser)
    add_whole(parser)
    parser.add_argument("--to", type=Path, metavar="FILE", help="default: print it")


def run(args: argparse.Namespace) -> int:
    """Write or print the report."""
    from pytest_accelerate.matrix.ctrf import report
    from pytest_accelerate.matrix.files import write_whole
    from pytest_accelerate.matrix.history import read_results

    text = report(read_results(args.matrix_dir), whole=args.whole)
    if args.to is None:
        print(text)
    else:
        write_whole(args.to, text)
        print(args.to)
    return 0
