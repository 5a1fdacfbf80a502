"""From a folder of results to its page and badges."""

from __future__ import annotations

from pathlib import Path

from pytest_accelerate import taxonomy
from pytest_accelerate.matrix import badges
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
    matrix, changes, since = history.matrix, history.changes, history.since
    kinds = taxonomy.known_to(matrix.runs)
    write_whole(page, render(matrix, changes, since, history.past, kinds, history.runs))
    badges.write(history.matrix, matrix_dir / "badges")
    return page
