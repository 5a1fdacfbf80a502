"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_matrix_dir(parser: argparse.ArgumentParser, what: str = "") -> None:
    """Add ``--matrix-dir``, the folder of results, page and badges.

    Args:
        parser: of the command.
        what: what the folder is to the command, where it is more than the one to read.
    """
    default = "default: %(default)s"
    parser.add_argument(
        "--matrix-dir",
        type=Path,
        default=Path("matrix"),
        help=f"{what} ({default})" if what else default,
    )


def add_whole(parser: argparse.ArgumentParser) -> None:
    """Add ``--whole``, for what tells of the newest run unless asked for more."""
    parser.add_argument(
        "--whole",
        action="store_true",
        help="tell of the newest run about each column, as after a merge of several machines' runs",
    )
