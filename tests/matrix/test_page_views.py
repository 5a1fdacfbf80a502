"""The page's views in a browser: order and figures of the table, causes, figures, runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import wait_until_ready
from matrix_builders import (
    make_api_result,
    make_matrix,
    make_news,
    make_record,
    make_result,
    make_run,
    make_staged,
)

from pytest_accelerate.cells import Measures, Result, Verdict
from pytest_accelerate.matrix.merge import merge
from pytest_accelerate.matrix.past import past_of
from pytest_accelerate.matrix.publish import publish
from pytest_accelerate.matrix.render import render
from pytest_accelerate.matrix.store import RunWriter
from pytest_accelerate.taxonomy import Kind, Taxonomy

HISTC = "OpenVINO has no aten::histc"
TAXONOMY = Taxonomy(
    {
        "bert": Kind("bert", ("fill-mask", "text-generation")),
        "albert": Kind("albert", ("fill-mask",)),
        "clip": Kind("clip", ("zero-shot-image-classification",)),
        "clip_text_model": Kind("clip"),
        "a_clip_part": Kind("clip"),
    }
)


def timed(name: str, seconds: float, hardware: str = "cpu", **more: Any) -> Result:
    """A pass whose latency was taken alone."""
    more = {"latency_is_hint": False, "device": "A Processor", "threads": 1, **more}
    return make_result(name, hardware=hardware, latency_seconds=seconds, **more)


def write(path: Path) -> str:
    """A page of two runs about seven rows."""
    before = make_record(
        make_run(1),
        timed("bert", 0.010),
        timed("albert", 0.030),
        make_result("bert", hardware="openvino"),
        make_result("clip", Verdict.ERROR, reason="ValueError: no"),
    )
    now = make_record(
        make_run(2),
        timed("bert", 0.020),
        timed("albert", 0.031),
        make_result("clip"),
        make_result("clip_text_model", latency_seconds=0.5),
        make_result("a_clip_part", latency_seconds=None),
        make_result("bert", Verdict.UNSUPPORTED, "openvino", reason=HISTC),
        timed("albert", 0.002, "openvino"),
        make_api_result("chat"),
        make_api_result("chat", mode="live"),
        make_api_result("chat", Verdict.ERROR, provider="groq", reason="a mystery"),
    )
    old, new = merge([before]), merge([before, now])
    past = [past_of(before), past_of(now)]
    page = render(new, [make_news(old, new)], past, TAXONOMY)
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page's address."""
    return write(tmp_path_factory.mktemp("page") / "index.html")


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, opened; whatever it complains of fails the test."""
    context = browser.new_context()
    opened, complaints = context.new_page(), []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    visit(opened, address)
    yield opened
    context.close()
    assert complaints == []


def visit(page: Any, address: str) -> None:
    """Open an address, and wait for the page's script."""
    page.goto("about:blank")
    page.goto(address)
    wait_until_ready(page)


def names(page: Any) -> list[str]:
    """The lines of the models' table that are shown, those of tasks in brackets."""
    lines = page.locator("#matrix tbody tr:visible").evaluate_all(
        # What was moved and not drawn again yet has no innerText.
        "rows => rows.map((row) => [row.matches('.task'),"
        " row.cells[0].textContent.replace(/\\s+/g, ' ').trim()])"
    )
    return [f"[{name}]" if is_task else name for is_task, name in lines]


def test_rows_stand_by_task_and_family(page: Any) -> None:
    """Each task has a line with its totals, and a model stands above its parts."""
    order = ["[zero-shot-image-classification 3]", "clip", "a_clip_part", "clip_text_model"]
    assert names(page) == [*order, "[fill-mask 2]", "albert", "bert"]
    totals = page.locator("#matrix tr.task").last.locator("td").all_inner_texts()
    assert totals == ["2 of 2 pass", "1 of 2 pass"]
    page.fill("#q", "task:fill-mask")
    assert names(page) == ["[fill-mask 2]", "albert", "bert"]


def test_columns_sort_by_what_they_show(page: Any, address: str) -> None:
    """By verdict, or by the measure that is shown, up, down and back; the address keeps it."""
    page.select_option("#show", "latency")
    head = page.locator("#matrix thead th").nth(1)
    head.get_by_role("button").click()
    rising = ["clip", "bert", "albert", "clip_text_model", "a_clip_part"]
    assert names(page) == rising
    assert head.get_attribute("aria-sort") == "ascending"
    assert "20 ms" in page.locator("#matrix tbody tr:visible").nth(1).text_content()
    head.get_by_role("button").click()
    falling = ["clip_text_model", "albert", "bert", "clip", "a_clip_part"]
    assert names(page) == falling
    visit(page, page.url)
    assert names(page) == falling
    page.select_option("#show", "")
    assert "3.1e-07" in page.locator("#matrix tr", has_text="albert").first.text_content()
    head.get_by_role("button").click()
    assert names(page)[0].startswith("[zero-shot")
    assert page.locator("#matrix tbody tr:visible td").count() == 14


FIELDS = {
    "latency": "latency_seconds",
    "p90": "latency_p90_seconds",
    "error": "max_relative_error",
    "memory": "peak_memory_bytes",
    "device-memory": "device_memory_bytes",
    "tokens": "tokens_per_second",
    "items": "items_per_second",
    "generated": "generated_tokens_per_second",
    "batch-error": "batch_relative_error",
    "quantized": "quantized_share",
    "parameters": "parameters",
    "time": "cell_seconds",
}
"""What the page can show and sort by, and the measure of a result that it is."""


def test_every_measure_sorts(browser: Any, tmp_path: Path) -> None:
    """Each figure that the page offers puts the rows in its own order, smallest first."""
    orders = [("bert", "clip", "vit"), ("clip", "vit", "bert"), ("vit", "bert", "clip")]
    wanted = {key: orders[turn % 3] for turn, key in enumerate(FIELDS)}
    results = [
        make_result(
            name, **{FIELDS[key]: (order.index(name) + 1) * 0.125 for key, order in wanted.items()}
        )
        for name in orders[0]
    ]
    whole = ("peak_memory_bytes", "device_memory_bytes", "parameters")
    results = [
        replace(
            result,
            measures=replace(
                result.measures,
                **{name: int(8000 * getattr(result.measures, name)) for name in whole},
            ),
        )
        for result in results
    ]
    path = tmp_path / "index.html"
    path.write_text(render(make_matrix(*results)), encoding="utf-8")
    page = browser.new_page()
    for key, order in wanted.items():
        visit(page, path.as_uri())
        page.select_option("#show", key)
        page.locator("#matrix thead th").nth(1).get_by_role("button").click()
        assert names(page) == list(order), key
    offered = page.locator("#show option").evaluate_all("all => all.map((each) => each.value)")
    assert set(offered) - {""} == set(FIELDS)
    page.close()


def test_what_changed_leads_to_its_cells(page: Any) -> None:
    """Each kind of change filters the table, and each cell it names opens."""
    strip = page.get_by_role("region", name="What changed since the run of yesterday")
    assert "regressed" in strip.inner_text()
    strip.get_by_role("link", name="1 slower").click()
    assert names(page) == ["[fill-mask 2]", "bert"]
    strip.get_by_role("link", name="bert openvino-fp32").click()
    page.get_by_role("dialog", name="bert").get_by_text(HISTC).first.wait_for()
    assert "cell=bert-openvino-fp32" in page.url


def test_failures_stand_by_cause(page: Any) -> None:
    """The view has every failure below its cause, and what no rule explains as unclassified."""
    page.get_by_role("link", name="Failures").click()
    assert not page.locator("#matrix").is_visible()
    headings = page.locator(".cluster:visible h3").all_inner_texts()
    assert headings == [f"{HISTC} 1 cell", "unclassified 1 cell"]
    page.get_by_role("link", name="✗ unsupported bert openvino-fp32").click()
    page.get_by_role("dialog", name="bert").get_by_text("Stages").wait_for()
    page.keyboard.press("Escape")
    assert page.locator(".cluster").first.is_visible()
    focused = page.evaluate("document.activeElement.innerText")
    assert "bert" in focused
    page.get_by_role("link", name=HISTC).click()
    assert names(page) == ["[fill-mask 2]", "bert"]
    page.go_back()
    assert page.locator(".cluster").first.is_visible()


def test_benchmarks_compare_two_columns(page: Any) -> None:
    """The ratio is told in words, in charts and for each model type."""
    page.get_by_role("link", name="Benchmarks").click()
    view = page.locator("section[data-view=benchmarks]")
    view.get_by_label("against", exact=True).select_option("openvino-fp32")
    text = view.inner_text()
    assert "On openvino-fp32 the latency is 1 times" not in text
    assert "lower for 2 of 2 model types" in text
    assert "1 of 2 pairs are hints" in text
    assert view.get_by_role("img").count() == 2
    rows = view.get_by_role("region", name="By model type").locator("tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows if row.startswith("albert")] == [
        ["albert", "31 ms", "2 ms", "0.065\N{MULTIPLICATION SIGN}"]
    ]
    view.get_by_label("Measure", exact=True).select_option("parameters")
    assert "measure=parameters" in page.url


def test_two_runs_are_compared(page: Any) -> None:
    """Only cells that both ran are news; the others are counted, and said so."""
    page.get_by_role("link", name="Compare runs").click()
    view = page.locator("section[data-view=compare]")
    text = view.inner_text()
    assert "1 regressed, 1 fixed, 1 slower; 2 cells with the same verdict" in text
    assert "6 cells not compared" in text
    assert "✓ pass → ✗ unsupported" in text
    assert "10 ms → 20 ms" in text
    ids = [make_run(day).id for day in (1, 2)]
    view.get_by_label("From", exact=True).select_option(ids[1])
    view.get_by_label("to", exact=True).select_option(ids[0])
    assert "1 faster" in view.inner_text()
    visit(page, page.url)
    assert "1 faster" in view.inner_text()


def test_a_stage_that_is_new_is_no_regression(browser: Any, tmp_path: Path) -> None:
    """Strip and comparison say newly tested; a stage that is left out mends nothing."""
    for day, stages in ((1, {}), (2, {"generate": Verdict.MISMATCH})):
        writer = RunWriter(tmp_path / "results", make_run(day))
        writer.write(make_staged("bert", **stages))
        writer.write(make_result("vit"))
        writer.end(partial=False, seconds=1.0)
    page = browser.new_page()
    visit(page, publish(tmp_path).as_uri())
    strip = page.get_by_role("region", name="What changed")
    assert "regressed" not in strip.inner_text()
    strip.get_by_role("link", name="1 newly tested").click()
    assert names(page) == ["[fill-mask 1]", "bert"]
    assert "was pass" in page.locator("#matrix td.news").inner_text()
    page.get_by_role("link", name="Compare runs").click()
    view = page.locator("section[data-view=compare]")
    assert "1 newly tested; 1 cell with the same verdict" in view.inner_text()
    view.get_by_label("From", exact=True).select_option(make_run(2).id)
    view.get_by_label("to", exact=True).select_option(make_run(1).id)
    assert "Nothing changed; 1 cell with the same verdict, 1 cell not compared" in view.inner_text()
    page.close()


def test_a_row_that_vanished_is_news_with_a_link(browser: Any, tmp_path: Path) -> None:
    """What the newest list lacks is told, and its link leads to the row of the last run it had."""
    for day, listed in ((1, ("bert", "mega")), (2, ("bert",))):
        writer = RunWriter(tmp_path / "results", make_run(day, listed=listed))
        for name in listed:
            writer.write(make_result(name))
        writer.end(partial=False, seconds=1.0)
    page = browser.new_page()
    visit(page, publish(tmp_path).as_uri())
    strip = page.get_by_role("region", name="What changed")
    strip.get_by_role("link", name="1 vanished").click()
    assert names(page)[1:] == ["mega"]
    strip.get_by_role("link", name="mega").click()
    page.get_by_role("dialog", name="mega").wait_for()
    page.close()


def test_all_runs_are_listed_with_their_files(browser: Any, tmp_path: Path) -> None:
    """Each says when, on what and how many pass, also those that the page holds no more."""
    for day in range(1, 12):
        run = make_run(day, options={"weights": "tiny", "hardware": ["cpu", "openvino"]})
        writer = RunWriter(tmp_path / "results", run)
        writer.write(make_result("bert"))
        writer.write(make_result("vit", Verdict.ERROR if day == 3 else Verdict.PASS))
        writer.end(partial=day == 3, seconds=1.0)
    page = browser.new_page()
    visit(page, publish(tmp_path).as_uri())
    page.get_by_text("History of 11 runs").click()
    rows = page.get_by_role("region", name="All runs").locator("tbody tr")
    assert rows.count() == 11
    texts = [[cell.strip() for cell in row.split("\t")] for row in rows.all_inner_texts()]
    assert texts[0][:4] == ["2026-11-11 08:00", "cpu, openvino", "2", "2"]
    assert texts[8][:4] == ["2026-11-03 08:00", "cpu, openvino", "2, partial", "1"]
    target = rows.nth(8).get_by_role("link", name="file").evaluate("link => link.href")
    assert target == (tmp_path / "results" / f"{make_run(3).id}.jsonl").as_uri()
    assert rows.nth(8).get_by_role("link", name="compare").count() == 0
    rows.nth(2).get_by_role("link", name="compare").click()
    chosen = page.get_by_label("From", exact=True).input_value()
    assert chosen == make_run(9).id
    page.close()


def test_providers_stand_side_by_side(page: Any) -> None:
    """Each operation of each provider says who answered, and opens."""
    page.get_by_role("link", name="Providers", exact=True).click()
    row = page.locator(".grid tbody tr", has_text="chat")
    cells = [" ".join(text.split()) for text in row.locator("td").all_inner_texts()]
    assert cells == ["! error mock", "✓ mock ✓ live"]
    row.get_by_role("link", name="openai · chat, live: pass").click()
    page.get_by_role("dialog", name="openai · chat").get_by_text("Environment").wait_for()


def test_the_drawer_tells_the_history_of_its_cell(page: Any) -> None:
    """Verdict and latency of each run that had the cell, in words and as a line."""
    page.locator("#matrix tr", has_text="bert").nth(1).locator("td").first.click()
    drawer = page.get_by_role("dialog", name="bert")
    drawer.get_by_role("img", name="Latency over 2 runs").wait_for()
    lines = [" ".join(text.split()) for text in drawer.locator(".history li").all_inner_texts()]
    assert lines == ["2026-11-02 08:00 ✓ pass 20 ms", "2026-11-01 08:00 ✓ pass 10 ms"]
    drawer.get_by_role("link", name="family bert").click()
    assert page.input_value("#q") == "family:bert"
    assert not drawer.is_visible()


def test_all_measures_and_stages_are_in_the_drawer(browser: Any, tmp_path: Path) -> None:
    """What was measured of batches, generation and quantization, and stages of any name."""
    measured = Measures(
        batch_size=4,
        batch_relative_error=2e-7,
        generated_tokens=8,
        generation="static cache, eager",
        generated_tokens_per_second=123.0,
        quantized_modules=12,
        quantizable_modules=14,
        executed="18 of 35 operations on floats run in bf16",
        quantized_share=0.875,
        quantization="nncf int8_asym, weights alone",
        latency_seconds=0.5,
        latency_p90_seconds=0.75,
        latency_deciles=(0.4, 0.42, 0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.6, 0.75, 2.0),
        unheard=("2: a key's bias",),
        modalities=("text", "image"),
        path="export",
        path_reason="trace: no",
    )
    result = make_result()
    stage = result.stages[0]
    own = type(stage)("test_of_mine[bert]", Verdict.PASS, 2.5)
    result = type(result)(result.cell, result.verdict, (*result.stages, own), measured)
    path = tmp_path / "index.html"
    path.write_text(render(merge([make_record(make_run(), result)])), encoding="utf-8")
    page = browser.new_page()
    visit(page, f"{path.as_uri()}#cell=bert-cpu-fp32")
    drawer = page.get_by_role("dialog", name="bert")
    drawer.get_by_text("Environment").wait_for()
    text = drawer.inner_text()
    spread = drawer.get_by_role("img", name="Spread of the latency")
    assert spread.locator("rect").count() == 10
    assert spread.get_attribute("aria-label") == (
        "Spread of the latency, within 5 %: the fastest pass took 392 ms, half stayed within "
        "500 ms, nine of ten within 739 ms, the slowest took 1.96 s"
    )
    page.close()
    for part in (
        "test_of_mine[bert]", "2.5 s", "Batch and generation", "2.0e-07", "static cache, eager",
        "Quantization", "87.5%", "nncf int8_asym", "750 ms", "a key's bias", "text, image",
        "trace: no", "12 of 14", "18 of 35 operations",
    ):  # fmt: skip
        assert part in text
