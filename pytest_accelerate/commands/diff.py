"""``diff``: what changed between two runs or matrix folders; exit status 1 on a regression."""

from __future__ import annotations

import argparse

from pytest_accelerate.commands.arguments import add_matrix_dir


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    what = "a results file, a run's id, or a matrix folder"
    parser.add_argument("old", metavar="OLD", help=what)
    parser.add_argument("new", metavar="NEW", help=what)
    add_matrix_dir(parser, "folder in which run ids are looked up")


def run(args: argparse.Namespace) -> int:
    """Print the changes."""
    from pytest_accelerate.matrix.diff import compare, render_text, resolve

    old, new = (resolve(argument, args.matrix_dir) for argument in (args.old, args.new))
    changes = compare(old, new)
    print("\n".join(render_text(changes)))
    return 1 if changes.regressed else 0
