"""What a run cost: cells a minute, seconds per stage, the slowest cells, the harness's own share.

    python benchmarks/harness.py matrix/results/RUN.jsonl

Reads the results of a run that was made on otherwise idle cores (``make matrix``) and prints, per
hardware: cells a minute of the whole run, seconds per stage, and the share of the cells' time
that was spent outside torch, transformers and OpenVINO, which is all time outside the stages:
fork, limits, transport of the result, and what pytest and xdist take between two cells. Then the
slowest cells with their slowest stages, the cells that were run twice, whose first run is in no
other figure, and how many of the types that transformers maps to a base model were built and run
on the CPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_accelerate.cells import Result, Stage, Verdict
from pytest_accelerate.errors import AccelerateError
from pytest_accelerate.matrix.store import newest, read_run


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def stage_lines(results: Iterable[Result]) -> list[str]:
    """Sum, median and p90 of each stage's seconds."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for stage in result.stages:
            seconds[stage.stage].append(stage.seconds)
    return [
        f"  {name:<10} sum {sum(values):7.1f} s   median {statistics.median(values):7.3f} s   "
        f"p90 {quantile(values, 0.9):7.3f} s   n {len(values)}"
        for name, values in seconds.items()
    ]


def harness_line(results: Iterable[Result]) -> str:
    """The share of the cells' time that was spent outside their stages."""
    timed = [
        (result.measures.cell_seconds, result.measures.library_seconds)
        for result in results
        if result.measures.cell_seconds is not None and result.measures.library_seconds is not None
    ]
    if not timed:
        return "  harness    not measured: no cell has both times"
    whole, library = (sum(column) for column in zip(*timed, strict=True))
    return (
        f"  harness    {100 * (whole - library) / whole:.1f} % of {whole:.0f} s "
        f"({1000 * (whole - library) / len(timed):.0f} ms a cell, n {len(timed)})"
    )


def base_model_lines(results: Iterable[Result]) -> list[str]:
    """How many types with a base model were built and run on the CPU, and which were not built.

    A type that is covered is built where the one is that has it within.
    """
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    from pytest_accelerate.zoo import CoveredBy, account

    passed = {
        result.cell.model_type: {
            stage.stage for stage in result.stages if stage.verdict is Verdict.PASS
        }
        for result in results
        if result.cell.hardware == "cpu"
    }
    if not MODEL_MAPPING_NAMES.keys() <= passed.keys():
        return []  # a run of some types alone
    built = {name for name in MODEL_MAPPING_NAMES if Stage.CONSTRUCT in passed[name]}
    ran = [name for name in built if Stage.RUN in passed[name]]
    within = {
        name
        for name in MODEL_MAPPING_NAMES
        if isinstance(found := account(name), CoveredBy) and Stage.CONSTRUCT in passed[found.parent]
    }
    missing = sorted(MODEL_MAPPING_NAMES.keys() - built - within)
    return [
        f"base models: {len(built | within)} of {len(MODEL_MAPPING_NAMES)} build "
        f"({len(within)} of them within another), {len(ran)} run",
        f"  not built: {', '.join(missing) or 'none'}",
    ]


def slowest_lines(results: Iterable[Result], count: int = 15) -> list[str]:
    """The cells that took longest, each with the stages that took a tenth of it or more."""
    timed = [(sum(stage.seconds for stage in result.stages), result) for result in results]
    lines = []
    for seconds, result in sorted(timed, key=lambda pair: -pair[0])[:count]:
        stages = sorted(result.stages, key=lambda stage: -stage.seconds)
        told = [
            f"{each.stage} {each.seconds:.1f}" for each in stages if each.seconds >= seconds / 10
        ]
        lines.append(f"  {seconds:6.1f} s  {result.cell.id}: {result.verdict}: {', '.join(told)}")
    return lines


def twice_lines(results: Iterable[Result]) -> list[str]:
    """The cells whose first run failed and whose second came to something else."""
    return [
        f"  {result.cell.id}: {result.verdict}, at first {result.measures.unsteady}"
        for result in results
        if result.measures.unsteady
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("results", nargs="?", type=Path, help="a run's file; default: the newest")
    args = parser.parse_args(argv)
    try:
        path = args.results or newest(Path("matrix/results"))
        if path is None:
            raise AccelerateError("there is no run in matrix/results: make matrix")
        record = read_run(path)
    except AccelerateError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2
    results = list(record.results.values())
    print(f"{path}: {len(results)} cells, {'partial' if record.partial else 'complete'}")
    if record.seconds:
        print(
            f"{record.seconds:.0f} s wall, {60 * len(results) / record.seconds:.0f} cells a minute"
        )
    by_hardware: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_hardware[result.cell.hardware].append(result)
    for hardware, some in sorted(by_hardware.items()):
        print(f"{hardware}:")
        print("\n".join([*stage_lines(some), harness_line(some)]))
    print("slowest cells:")
    print("\n".join(slowest_lines(results)))
    if twice := twice_lines(results):
        print("run twice:")
        print("\n".join(twice))
    for line in base_model_lines(results):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
