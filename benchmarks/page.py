"""How fast the page is: time to interactive, and of each thing that people do with it.

    python benchmarks/page.py [--rows 800] [--columns 8] [--runs 8] [--keep page.html]

A page of that many cells, a tenth of them failing with a traceback of their own, opened from disk
in the system's Chromium. A time ends with the frame that shows the outcome. Needs playwright and
chromium; takes half a minute.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_accelerate.cells import Measures, ModelCell, Result, Stage, StageResult, Verdict
from pytest_accelerate.environment import Environment
from pytest_accelerate.matrix.diff import compare
from pytest_accelerate.matrix.merge import merge
from pytest_accelerate.matrix.past import past_of
from pytest_accelerate.matrix.render import render
from pytest_accelerate.matrix.store import Run, RunRecord
from pytest_accelerate.taxonomy import Kind, Taxonomy

COLUMNS = [(hardware, precision) for precision in ("fp32", "bf16", "int8")
           for hardware in ("cpu", "cuda", "openvino")]  # fmt: skip
TASKS = ("fill-mask", "text-generation", "image-classification", "automatic-speech-recognition")
REASONS = (
    "OpenVINO has no aten::histc (trace: OpConversionFailure)",
    "output last_hidden_state: relative error 0.25 exceeds 0.0001",
    "RuntimeError: no path to OpenVINO: export: GuardOnDataDependentSymNode",
    "load: died of SIGSEGV",
)
AFTER = """async (act) => {
    const start = performance.now();
    await (0, eval)(act)();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start;
}"""
SET = """() => {{
    const field = document.getElementById({!r});
    field.value = {!r};
    field.dispatchEvent(new Event({!r}));
}}"""
OPEN = """async () => {
    document.querySelector("#matrix tbody td[class]").click();
    while (!document.getElementById("copy")) await new Promise(requestAnimationFrame);
}"""
CLICK = "() => document.querySelector({!r}).click()"


def traceback(rng: random.Random) -> str:
    """25 frames that no other traceback has."""
    return "".join(
        f'  File "package/m_{rng.randrange(40)}.py", line {rng.randrange(2000)}, in forward\n'
        f"    hidden_states = self.layer_{rng.randrange(40)}(hidden_states, attention_mask)\n"
        for _ in range(25)
    )


def results(rows: int, columns: int, rng: random.Random) -> Iterator[Result]:
    """The results of one run over all cells."""
    for row in range(rows):
        for hardware, precision in COLUMNS[:columns]:
            failed = rng.random() < 0.1
            verdict = rng.choice((Verdict.ERROR, Verdict.MISMATCH)) if failed else Verdict.PASS
            reason = rng.choice(REASONS) if failed else ""
            latency = 10 ** rng.uniform(-3.3, -1)
            yield Result(
                ModelCell(f"some_model_{row}", hardware, precision),
                verdict,
                (
                    StageResult(Stage.CONSTRUCT, Verdict.PASS, rng.random()),
                    StageResult(Stage.LOAD, Verdict.PASS, rng.random()),
                    StageResult(Stage.RUN, Verdict.PASS, rng.random()),
                    StageResult(
                        Stage.AGREE, verdict, rng.random(), reason, traceback(rng) if failed else ""
                    ),
                ),
                Measures(
                    parameters=rng.randrange(10**6),
                    peak_memory_bytes=rng.randrange(10**9),
                    latency_seconds=latency,
                    latency_p90_seconds=latency * 1.2,
                    latency_deciles=tuple(
                        latency * each
                        for each in sorted(rng.lognormvariate(0, 0.2) for _ in "0" * 11)
                    ),
                    latency_is_hint=False,
                    max_relative_error=rng.random() * 1e-6,
                    tolerance=1e-4,
                    reference="cpu-fp32",
                    cell_seconds=rng.random() * 9,
                ),
                reason,
            )


def draw(rows: int, columns: int, runs: int) -> str:
    """A page of so many cells and runs."""
    rng = random.Random(0)
    environment = Environment("3.13.1", "Linux x86_64", "A Processor", 2, 2**34, {"torch": "2.13"})
    records = []
    for day in range(1, runs + 1):
        run = Run(f"r{day:02d}", f"2026-11-{day:02d}T08:00:00Z", environment, {"weights": "tiny"})
        found = {result.cell: result for result in results(rows, columns, rng)}
        records.append(RunRecord(run, found, True, False, 60.0))
    kinds = {
        f"some_model_{row}": Kind(f"some_model_{row - row % 3}", (TASKS[row // 3 % len(TASKS)],))
        for row in range(rows)
    }
    changes = compare(merge(records[:-1]), merge(records[-1:]))
    past = [past_of(record) for record in records]
    return render(merge(records), changes, "the run before", past, Taxonomy(kinds))


def measure(browser: Any, address: str) -> Iterator[tuple[str, list[float]]]:
    """What takes how long, in milliseconds."""
    opened = []
    for _ in range(3):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        start = time.perf_counter()
        page.goto(address)
        page.locator("#count:not(:empty)").wait_for(state="attached")
        opened.append((time.perf_counter() - start) * 1e3)
        page.close()
    yield "open until interactive", opened
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    page.locator("#count:not(:empty)").wait_for(state="attached")
    queries = (
        "model_7",
        "openvino:!pass and cpu:pass",
        "task:asr",
        "cause:histc",
        "is:changed",
        "latency:>50ms",
    )
    for query in queries:
        yield (
            f"filter {query}",
            [page.evaluate(AFTER, SET.format("q", query, "input")) for _ in range(3)],
        )
        yield "  and back to all", [page.evaluate(AFTER, SET.format("q", "", "input"))]
    header = "#matrix thead th:nth-child(3) button"
    yield "sort by a column", [page.evaluate(AFTER, CLICK.format(header)) for _ in range(3)]
    yield "show latencies", [page.evaluate(AFTER, SET.format("show", "latency", "change"))]
    for view in ("failures", "benchmarks", "compare", "matrix"):
        yield f"view {view}", [page.evaluate(AFTER, CLICK.format(f"#views a[data-view={view}]"))]
    yield "open the first cell", [page.evaluate(AFTER, OPEN)]
    page.close()


def main() -> int:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--columns", type=int, default=8, help="at most 9")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="where to write the page")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("needs chromium: apt-get install chromium", file=sys.stderr)
        return 1
    start = time.perf_counter()
    text = draw(args.rows, args.columns, args.runs)
    print(f"{args.rows} x {args.columns} cells, {args.runs} runs: {len(text.encode()):,} bytes, "
          f"drawn in {time.perf_counter() - start:.1f} s")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = args.keep or Path(folder, "index.html")
        path.write_text(text, encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for what, times in measure(browser, path.absolute().as_uri()):
            print(f"{what:40} {statistics.median(times):7.0f} ms  (worst {max(times):.0f})")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
