"""Writing files whole: a reader, or a kill in between, sees the old content or the new."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pytest_accelerate.errors import UnwritableMatrix


def write_whole(path: Path, text: str) -> None:
    """Replace the content of ``path`` at once, making its folder when there is none.

    Raises:
        UnwritableMatrix: the file system refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            temporary.chmod(0o644)  # mkstemp's files are for their owner alone; a page is for all
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UnwritableMatrix(f"cannot write {path}: {error.strerror or error}") from error


def check_writable(matrix_dir: Path) -> None:
    """Find out before a run whether its results can be written; leaves no trace.

    Raises:
        UnwritableMatrix: names the folder that cannot be written and why.
    """
    for folder in (matrix_dir, matrix_dir / "results", matrix_dir / "badges"):
        existing = _nearest_existing(folder)
        try:
            with tempfile.TemporaryFile(dir=existing) as stream:
                stream.write(b"x")
        except OSError as error:
            raise UnwritableMatrix(
                f"results cannot be written to {folder}: {existing}: {error.strerror or error}. "
                "Choose another folder with --matrix-dir"
            ) from error


def _nearest_existing(folder: Path) -> Path:
    folder = folder.absolute()
    while not os.path.lexists(folder):  # a dangling link is there, and cannot be written
        folder = folder.parent
    return folder
