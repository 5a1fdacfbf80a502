"""``merge``: bring the results of other machines into a matrix folder, and draw it anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_accelerate.commands.arguments import add_matrix_dir


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "sources",
        nargs="+",
        type=Path,
        metavar="SOURCE",
        help="a results file, a matrix folder, or a folder of results files",
    )
    add_matrix_dir(parser, "folder that they come into")


def run(args: argparse.Namespace) -> int:
    """Merge, publish, and say what came in."""
    from pytest_accelerate.matrix.files import check_writable
    from pytest_accelerate.matrix.gather import gather
    from pytest_accelerate.matrix.publish import publish

    check_writable(args.matrix_dir)
    came = gather(args.sources, args.matrix_dir / "results")
    for said, runs in (("new", came.added), ("continued", came.continued), ("known", came.known)):
        for name in runs:
            print(f"{said:<9} {name}")
    print(publish(args.matrix_dir))
    return 0
