"""Checkpoints in S3: brought into this user's cache once, and held to their checksums."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pytest_accelerate.providers.s3 import S3
from pytest_accelerate.providers.s3_names import place

_WITHIN = 3600.0
"""Seconds for each file."""


def fetched(url: str) -> Path:
    """The folder with the files of a checkpoint.

    What is there already with the checksums that the folder's manifest names is not brought again.

    Args:
        url: ``s3://bucket/prefix``, sent there by S3's ``upload_folder``; keys, region and endpoint
            are found as those of any :class:`S3`.

    Raises:
        ProviderError: it cannot be brought, or a file is not what the manifest says.
    """
    with S3() as client:
        at = place(url, "", name="checkpoint", prefix=True)
        folder = _cache() / _host(client.base_url) / at.bucket / (at.key or "whole bucket")
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(f".{folder.name}.lock")):
            client.download_folder(key=url, folder=folder, timeout=_WITHIN)
    return folder


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "pytest-accelerate" / "s3"


def _host(url: str) -> str:
    return urlsplit(url).netloc.replace(":", "_")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait for other processes that bring the same."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
