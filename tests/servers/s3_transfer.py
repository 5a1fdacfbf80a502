"""A transfer in a process of its own: to be killed in its middle, or measured.

``python s3_transfer.py URL BUCKET WHAT KEY PATH [DIE_AFTER]`` prints, as JSON, the first and last
report, how many there were, and by how many bytes the process has grown at most.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pytest_accelerate.providers.s3 import S3
from pytest_accelerate.servers.moto import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from pytest_accelerate.transport.progress import Progress


def peak() -> int:
    """Bytes that this process has had in memory at most."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main(url: str, bucket: str, what: str, key: str, path: str, die_after: str = "") -> None:
    """Transfer, and tell."""
    reports: list[Progress] = []

    def report(progress: Progress) -> None:
        reports.append(progress)
        if die_after and progress.done >= int(die_after):
            os.kill(os.getpid(), signal.SIGKILL)

    client = S3(ACCESS_KEY_ID, SECRET_ACCESS_KEY, base_url=url, bucket=bucket, region="us-east-1")
    with client:
        client.put(key="warm", file=b"up")
        client.get(key="warm")
        before = peak()
        calls: dict[str, Any] = {
            "put": lambda: client.put(key=key, file=Path(path), progress=report, timeout=3000),
            "get": lambda: client.get(key=key, path=Path(path), progress=report, timeout=3000),
            "upload": lambda: client.upload_folder(folder=path, key=key, progress=report),
            "download": lambda: client.download_folder(folder=path, key=key, progress=report),
        }
        calls[what]()
    told = [reports[0].done, reports[-1].done, reports[-1].total, len(reports), peak() - before]
    print(json.dumps(told))


main(*sys.argv[1:])
