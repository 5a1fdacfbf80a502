"""From a folder of results to its page and badges."""

from __future__ import annotations

from pathlib import Path

from pytest_accelerate import taxonomy
from pytest_accelerate.matrix import badges
from pytest_accelerate.matrix.editions import read_editions
from pytest_accelerate.matrix.files import write_whole
from pytest_accelerate.matrix.history import History, read_history
from pytest_accelerate.matrix.render import render


def publish(matrix_dir: Path, history: History | None = None) -> Path:
    """Merge all runs in ``matrix_dir/results`` and write ``index.html`` and ``badges/``.

    Args:
        matrix_dir: the folder.
        history: of ``matrix_dir/results``, when it has been read already.

    Returns:
        The path of the page.

    Raises:
        MalformedFile: a results file is not what it must be, or of an unknown schema.
        UnwritableMatrix: the file system refuses.
    """
    history = history or read_history(matrix_dir / "results")
    page = matrix_dir / "index.html"
    matrix = history.matrix
    kinds = taxonomy.known_to(matrix.runs)
    write_whole(page, render(matrix, history.news, history.past, kinds, history.runs))
    folder = matrix_dir / "badges"
    badges.write(matrix, folder, kinds, badges.drawn_families(folder, matrix, kinds))
    return page


def publish_by(matrix_dir: Path, package: str, page: Path | None = None) -> Path:
    """Write a page with a column for each release of a package, beside that of all runs.

    Args:
        matrix_dir: the folder, whose own page and badges stay as they are.
        package: such as ``transformers``.
        page: where to write it; ``by-PACKAGE.html`` in the folder by default.

    Returns:
        The path of the page.

    Raises:
        UsageError: no run has the package, or all have the same release.
        MalformedFile: a results file is not what it must be, or of an unknown schema.
        UnwritableMatrix: the file system refuses.
    """
    editions = read_editions(matrix_dir / "results", package)
    page = page or matrix_dir / f"by-{package}.html"
    matrix = editions.matrix
    kinds = taxonomy.known_to(matrix.runs)
    text = render(matrix, [editions.news], taxonomy=kinds, by=package)
    write_whole(page, text)
    return page
