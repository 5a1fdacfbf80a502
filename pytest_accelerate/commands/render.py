"""``render``: merge the results of a matrix folder and write its page and badges anew."""

from __future__ import annotations

import argparse

from pytest_accelerate.commands.arguments import add_matrix_dir


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_matrix_dir(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page and print its path."""
    from pytest_accelerate.matrix.history import read_results
    from pytest_accelerate.matrix.publish import publish

    print(publish(args.matrix_dir, read_results(args.matrix_dir)))
    return 0
