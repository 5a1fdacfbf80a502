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
    parser.add_argument(
        "--family",
        action="append",
        default=[],
        metavar="NAME",
        help="also one of this family of model types, such as bert; repeatable",
    )
    parser.add_argument(
        "--markdown",
        nargs="?",
        const="",
        metavar="URL",
        help="print lines for a README instead of paths, where URL is the folder of the badges as "
        "the README reaches it (default: the folder itself)",
    )


def run(args: argparse.Namespace) -> int:
    """Write them and print their paths, or lines for a README."""
    from pytest_accelerate import taxonomy
    from pytest_accelerate.matrix import badges
    from pytest_accelerate.matrix.history import read_results

    matrix = read_results(args.matrix_dir).matrix
    folder = args.to or args.matrix_dir / "badges"
    kinds = taxonomy.known_to(matrix.runs)
    written = badges.write(matrix, folder, kinds, args.family)
    if args.markdown is None:
        lines = list(map(str, written))
    else:
        named = badges.named(matrix, kinds, args.family)
        lines = badges.markdown(named, args.markdown or folder.as_posix())
    print("\n".join(lines))
    return 0
