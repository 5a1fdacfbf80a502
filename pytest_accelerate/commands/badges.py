"""``badges``: write the badges of a matrix folder, as SVG and for a shields endpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_accelerate.commands.arguments import add_matrix_dir


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_matrix_dir(parser)
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="default: badges/ in the matrix folder"
    )


def run(args: argparse.Namespace) -> int:
    """Write them and print their paths."""
    from pytest_accelerate.matrix import badges
    from pytest_accelerate.matrix.history import read_results

    matrix = read_results(args.matrix_dir).matrix
    for path in badges.write(matrix, args.to or args.matrix_dir / "badges"):
        print(path)
    return 0
