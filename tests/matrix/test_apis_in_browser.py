"""The page in a browser with the tables of models and of providers, and with one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import wait_until_ready
from matrix_builders import make_api_result, make_news, make_record, make_result, make_run

from pytest_accelerate.cells import Result, Verdict
from pytest_accelerate.matrix.merge import merge
from pytest_accelerate.matrix.render import render

APIS = (
    make_api_result("messages", provider="claude"),
    make_api_result("messages", Verdict.SKIP, "live", "claude", reason="ANTHROPIC_API_KEY"),
    make_api_result("chat"),
    make_api_result("chat", mode="live"),
    make_api_result("images_edit", Verdict.ERROR, reason="no b64_json", traceback="Traceback x"),
)
MODELS = (make_result("bert"), make_result("openai-gpt", Verdict.ERROR))

Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a page of some results, of which one operation passed before."""
    contexts, complaints = [], []

    def open_page(*results: Result, width: int = 1280, scheme: str = "light") -> Any:
        before = make_record(make_run(1), make_api_result("images_edit"))
        now = make_record(make_run(2), *results)
        path = tmp_path / "index.html"
        news = make_news(merge([before]), merge([now]))
        path.write_text(render(merge([now]), [news]), encoding="utf-8")
        contexts.append(
            browser.new_context(
                viewport={"width": width, "height": 800},
                color_scheme=scheme,
                permissions=["clipboard-read", "clipboard-write"],
            )
        )
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        wait_until_ready(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def shown(page: Any) -> list[str]:
    """The rows that are not filtered out, of both tables."""
    return [
        " ".join(name.inner_text().split())
        for name in page.locator("table.matrix tbody tr:visible th").all()
    ]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", ["bert", "openai-gpt", "claude · messages", "openai · chat", "openai · images_edit"]),
        ("openai", ["openai-gpt", "openai · chat", "openai · images_edit"]),
        ("openai-chat", ["openai · chat"]),
        ("provider:openai", ["openai · chat", "openai · images_edit"]),
        ("provider:!openai", ["claude · messages"]),
        ("is:api", ["claude · messages", "openai · chat", "openai · images_edit"]),
        ("is:model", ["bert", "openai-gpt"]),
        ("cpu:pass", ["bert"]),
        ("cpu:!pass", ["openai-gpt"]),
        ("mock:pass", ["claude · messages", "openai · chat"]),
        ("live:pass", ["openai · chat"]),
        ("live:not-run", ["openai · images_edit"]),
        ("is:failing", ["openai-gpt", "openai · images_edit"]),
        ("is:regressed", ["openai · images_edit"]),
        ("mock:pass cpu:pass", []),
    ],
)
def test_the_filter_works_over_both_tables(open_page: Open, query: str, rows: list[str]) -> None:
    """A term about a column takes the rows that have it; a table without rows is not shown."""
    page = open_page(*MODELS, *APIS)
    page.fill("#q", query)
    assert shown(page) == rows
    kinds = {("api" if "·" in row else "model") for row in rows}
    for kind in ("api", "model"):
        assert page.locator(f"section[data-kind={kind}]").is_visible() == (kind in kinds)
    assert page.locator("#none").is_visible() == (not rows)
    assert page.inner_text("#count").startswith(f"{len(rows)} ")


def test_each_common_filter_is_one_that_the_page_knows(open_page: Open) -> None:
    """No chip leads to a hint about a wrong filter."""
    page = open_page(*MODELS, *APIS)
    for chip in page.locator(".chips a").all():
        chip.click()
        chip.and_(page.locator("[aria-current=true]")).wait_for()
        assert page.inner_text("#hint") == ""


def test_the_drawer_of_an_operation(open_page: Open) -> None:
    """It says who answered, each stage, the traceback and the command; the address leads back."""
    page = open_page(*MODELS, *APIS)
    page.get_by_role("gridcell", name="! error mock was pass no b64_json").click()
    drawer = page.get_by_role("dialog", name="openai · images_edit")
    drawer.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "pytest api_tests --providers openai -k openai-images_edit-mock"
    text = drawer.inner_text()
    for part in ("! error mock", "not the real API", "rate-limit", "cancel", "Traceback x", "MOCK"):
        assert part in text
    assert "cell=openai-images_edit-mock" in page.url
    page.reload()
    page.get_by_role("dialog", name="openai · images_edit").get_by_text("Traceback x").wait_for()


def test_a_live_pass_has_another_colour_than_a_mocks(open_page: Open) -> None:
    """In the table, its marks, the cards and the drawer, in light and in dark."""
    for scheme in ("light", "dark"):
        page = open_page(*APIS, scheme=scheme)
        colours = """selector => [...new Set([...document.querySelectorAll(selector)]
            .map((each) => getComputedStyle(each).color))]"""
        mock = page.evaluate(colours, "td.pass[data-mode=mock], .card.mock a.pass")
        live = page.evaluate(colours, "td.pass[data-mode=live], .card.live a.pass")
        assert (len(mock), len(live)) == (1, 1)
        assert mock != live
        assert page.evaluate(colours, "td[data-mode=mock] .marks .pass") == mock
        page.get_by_role("gridcell", name="✓ pass mock").first.click()
        page.get_by_text("Environment", exact=True).wait_for()
        assert page.evaluate(colours, "#body .pass") == mock


def test_the_arrows_go_on_into_the_other_table(open_page: Open) -> None:
    """One tab stop is enough: from the last model down is the first operation that has a cell."""
    page = open_page(*MODELS, *APIS)
    page.locator("#matrix td[class]").first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.innerText").startswith("» skip live")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.innerText").startswith("✓ pass live")
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.closest('table').id") == "matrix"
    assert page.locator("table.matrix [tabindex='0']").count() == 1


@pytest.mark.parametrize(
    "results", [APIS, MODELS, (*MODELS, *APIS)], ids=["apis", "models", "both"]
)
def test_a_phone_shows_all_but_the_tables_without_scrolling(
    open_page: Open, results: tuple[Result, ...]
) -> None:
    """At 390 pixels nothing beside a table is wider than the window, and the first column stays."""
    page = open_page(*results, width=390)
    too_wide = page.evaluate(
        """() => [...document.querySelectorAll(
            ".top *, .tools > *, main h2, main .modes, tbody th")]
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
            .map((each) => each.outerHTML)"""
    )
    assert too_wide == []
    page.evaluate("scrollTo(9999, document.body.scrollHeight)")
    left = page.evaluate("[...document.querySelectorAll('tbody th')].at(-1).offsetLeft - scrollX")
    assert left == 0


def test_without_a_script_both_tables_are_there(browser: Any, tmp_path: Path) -> None:
    """With JavaScript off every verdict is read with the word mock or live."""
    path = tmp_path / "index.html"
    path.write_text(render(merge([make_record(make_run(), *MODELS, *APIS)])), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    text = page.locator("body").inner_text()
    context.close()
    for part in ("bert", "✓ pass mock", "✓ pass live", "! error mock", "» skip live"):
        assert part in text
