"""How long it takes to bring many runs together and to draw them, and how much memory.

    python benchmarks/matrix.py [--runs 100] [--cells 5000]

Writes synthetic runs of tiny results (one in twenty fails, with a traceback), then does what the
commands ``merge`` and ``render`` do in a process of their own, and prints seconds, peak memory and
the size of the page.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_accelerate.cells import (
    MODEL_STAGES,
    Measures,
    ModelCell,
    Result,
    StageResult,
    Verdict,
)
from pytest_accelerate.environment import Environment
from pytest_accelerate.matrix.store import Run, RunWriter

HARDWARE = ("cpu", "cuda", "openvino", "xpu", "mps", "openvino:GPU")
ENVIRONMENT = Environment(
    "3.11.2", "Linux x86_64", "A Processor", 8, 2**34, {"torch": "2.13.0", "openvino": "2026.4.1"}
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--publish", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.publish is not None:
        publish(args.publish)
        return
    with tempfile.TemporaryDirectory() as folder:
        matrix = Path(folder)
        write(matrix, args.runs, args.cells)
        size = sum(path.stat().st_size for path in (matrix / "results").iterdir())
        print(f"{args.runs} runs x {args.cells} cells, {size / 2**20:.0f} MiB of results")
        subprocess.run([sys.executable, __file__, "--publish", folder], check=True)


def publish(matrix: Path) -> None:
    """Bring together and draw, and print what it took."""
    from pytest_accelerate.matrix.gather import gather
    from pytest_accelerate.matrix.publish import publish as draw

    with tempfile.TemporaryDirectory() as folder:
        merged = Path(folder)
        started = time.perf_counter()
        gather([matrix], merged / "results")
        copied = time.perf_counter() - started
        page = draw(merged)
        drawn = time.perf_counter() - started - copied
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = page.stat().st_size / 2**20
    print(
        f"check and copy {copied:.1f} s, merge and draw {drawn:.1f} s, "
        f"together {copied + drawn:.1f} s, peak memory {peak:.0f} MiB, page {size:.2f} MiB"
    )


def write(matrix: Path, runs: int, cells: int) -> None:
    """Write the runs, the same in each call."""
    draw = random.Random(0)
    names = [f"type_{number:04d}" for number in range(-(-cells // len(HARDWARE)))]
    targets = [ModelCell(name, hardware) for name in names for hardware in HARDWARE][:cells]
    for number in range(runs):
        at = f"202611{1 + number // 24:02d}T{number % 24:02d}0000Z"
        started = f"2026-11-{1 + number // 24:02d}T{number % 24:02d}:00:00Z"
        run = Run(f"{at}-{number:04x}", started, ENVIRONMENT, {"weights": "tiny"}, cells,
                  tuple(names))  # fmt: skip
        writer = RunWriter(matrix / "results", run)
        for cell in targets:
            writer.write(result(cell, draw))
        writer.end(partial=False, seconds=600.0)


def result(cell: ModelCell, draw: random.Random) -> Result:
    """A result as a real run has them."""
    fails = draw.random() < 0.05
    verdict = draw.choice((Verdict.MISMATCH, Verdict.ERROR)) if fails else Verdict.PASS
    reason = f"output logits: relative error {draw.random():.2g} exceeds 0.0001" if fails else ""
    trace = "\n".join(f'  File "transformers/models/{cell.model_type}.py", line {n}'
                      for n in range(40)) if fails else ""  # fmt: skip
    stages = tuple(
        StageResult(stage, verdict if stage is MODEL_STAGES[3] else Verdict.PASS,
                    draw.random(), reason if stage is MODEL_STAGES[3] else "",
                    trace if stage is MODEL_STAGES[3] else "")
        for stage in MODEL_STAGES
    )  # fmt: skip
    measures = Measures(
        parameters=draw.randrange(10**6),
        peak_memory_bytes=draw.randrange(2**28),
        latency_seconds=draw.random() / 10,
        latency_p90_seconds=draw.random() / 10,
        max_relative_error=draw.random() * 1e-6,
        tolerance=1e-4,
        modalities=("text",),
        weight_tensors=60,
        weights_heard=57,
        implementation_type="REAL",
        threads=1,
    )
    return Result(cell, verdict, stages, measures, reason)


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of this file's own description."""


if __name__ == "__main__":
    main()
