"""Sends 64 MiB to a model as bytes, and tells how much memory that took: run by a test.

::

    python large_tensor.py URL called|awaited

It is a process of its own, since what is measured is the most memory that a process ever had. That
is taken from Linux's ``VmHWM``, which begins anew with a process; ``ru_maxrss`` would begin with
what the test's own process had.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy

from pytest_accelerate.providers.ovms import OVMS
from pytest_accelerate.transport.progress import Progress


def peak() -> int:
    """The most bytes that this process has had in memory so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(found.split()[1]) * 1024


def call(url: str, way: str, array: Any, **options: Any) -> Any:
    """The answer for one tensor."""
    parameters = {"model": "double", "inputs": {"x": array}}
    if way == "called":
        with OVMS(base_url=url) as client:
            return client.infer(parameters, **options)

    async def ask() -> Any:
        async with OVMS(base_url=url) as client:
            return await client.infer.acall(parameters, **options)

    return asyncio.run(ask())


def main(url: str, way: str) -> None:
    """Measure, and print it as JSON."""
    reports: list[Progress] = []
    call(url, way, numpy.ones(3))  # so that all is imported
    array = numpy.arange(2**23, dtype="float64")
    before = peak()
    answer = call(url, way, array, progress=reports.append)
    added = peak() - before
    output = answer.tensor("x").numpy()
    print(
        json.dumps(
            {
                "added": added,
                "right": bool((output == 2 * array).all()),
                "owns": bool(output.flags.owndata),
                "size": array.nbytes,
                "reports": [[each.direction, each.done, each.total] for each in reports],
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
