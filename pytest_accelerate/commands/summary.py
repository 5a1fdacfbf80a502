"""``summary``: the newest run, or that of each column, as text, or as Markdown for a CI job."""

from __future__ import annotations

import argparse

from pytest_accelerate.commands.arguments import add_matrix_dir, add_whole


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_matrix_dir(parser)
    add_whole(parser)
    parser.add_argument(
        "--markdown", action="store_true", help='for a CI job: ... >> "$GITHUB_STEP_SUMMARY"'
    )


def run(args: argparse.Namespace) -> int:
    """Print it."""
    from pytest_accelerate.matrix.history import read_results
    from pytest_accelerate.matrix.job_summary import markdown
    from pytest_accelerate.matrix.summary import summarise

    history = read_results(args.matrix_dir)
    page = args.matrix_dir / "index.html"
    if args.markdown:
        print(markdown(history, whole=args.whole))
    else:
        print("\n".join(summarise(history, page, whole=args.whole)))
    return 0
