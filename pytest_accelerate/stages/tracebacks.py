"""Tracebacks fit for publication: no host, no user, paths relative to what is installed."""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path

MAX_CHARACTERS = 8000


def publishable(error: BaseException) -> str:
    """Format ``error`` with its causes, the oldest text cut where it is very long.

    Paths become relative to site-packages, the standard library or the working directory.
    """
    text = relative_paths("".join(traceback.format_exception(error)))
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters cut ...]\n{text[-half:]}"


def relative_paths(text: str) -> str:
    """Remove this machine's folders from every path in ``text``."""
    for folder in _folders():
        text = text.replace(f"{folder}/", "")
    return re.sub(r"(/(?:home|Users)/)[^/\s\"']+", r"\1user", text)


def _folders() -> list[str]:
    folders = {entry for entry in sys.path if entry and Path(entry).is_absolute()}
    folders |= {str(Path.cwd()), sys.prefix, sys.base_prefix, str(Path.home())}
    folders.discard("/")
    return sorted(folders, key=len, reverse=True)
