"""The page for everyone: by axe's rules, by keyboard, in the dark, on paper, without a script."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from test_page_views import visit, write

VIEWS = ("", "#q=bert+and+(", "#q=nothing-is-called-so", "#cell=bert-openvino-fp32",
         "#view=failures", "#view=benchmarks&b=openvino-fp32", "#view=providers",
         "#view=compare")  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page's address."""
    return write(tmp_path_factory.mktemp("page") / "index.html")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(browser: Any, address: str, scheme: str, width: int) -> None:
    """No view breaks a rule of axe-core, which checks contrast, names, roles and order."""
    pytest.importorskip("axe_playwright_python", reason="pip install axe-playwright-python")
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js")
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    page = context.new_page()
    found = []
    for view in VIEWS:
        visit(page, address + view)
        page.locator("body:not(:has(dialog[open])), body:has(#copy)").wait_for(state="attached")
        page.evaluate(axe.read_text(encoding="utf-8"))
        violations = page.evaluate("axe.run().then((found) => found.violations)")
        found += [(view, each["id"], each["nodes"][0]["html"]) for each in violations]
    context.close()
    assert found == []


def test_nobody_needs_a_mouse(browser: Any, address: str) -> None:
    """From the top by Tab alone: views, filter, chips, heads, cells, drawer and back."""
    page = browser.new_page()
    visit(page, address)
    seen = []
    for _ in range(80):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "(document.activeElement.closest('nav, search, thead, td, .strip, .card, #grammar')"
                " ?? document.body).className || document.activeElement.closest("
                "'nav, search, thead, td')?.tagName"
            )
        )
        if page.evaluate("document.activeElement.tagName") == "TD":
            break
    for part in ("strip", "card", "views", "chips", "THEAD"):
        assert any(part in str(each) for each in seen), part
    page.keyboard.press("Control+End")
    page.keyboard.press("Control+Home")
    page.keyboard.press(" ")
    drawer = page.get_by_role("dialog", name="clip")
    drawer.get_by_role("button", name="Copy", exact=True).wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.tagName") == "TD"
    page.close()


def test_dark_is_dark(browser: Any, address: str) -> None:
    """Who asks for dark gets dark paper and light ink, in the drawer as well."""
    for scheme, is_dark in (("dark", True), ("light", False)):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        visit(page, address + "#cell=bert-cpu-fp32")
        for selector in ("body", "dialog"):
            paper, ink = page.evaluate(
                """selector => { const style = getComputedStyle(document.querySelector(selector));
                const parts = (colour) => colour.match(/[0-9]+/g).slice(0, 3).map(Number);
                return [style.backgroundColor, style.color].map((colour) =>
                    parts(colour).reduce((sum, part) => sum + part, 0)); }""",
                selector,
            )
            assert (paper < ink) is is_dark
        context.close()


def test_it_prints(browser: Any, address: str, tmp_path: Path) -> None:
    """On paper the view that is shown is whole, and nothing wants to be clicked."""
    page = browser.new_page()
    visit(page, address)
    page.emulate_media(media="print")
    text = page.locator("body").inner_text()
    for part in ("✗ unsupported", "clip_text_model", "✓ pass mock", "What changed"):
        assert part in text
    for selector in ("#q", "#views", "#help"):
        assert not page.locator(selector).is_visible()
    display = "getComputedStyle(document.querySelector('#matrix tbody tr')).display"
    assert page.evaluate(display) == "table-row"
    printed = page.pdf(path=str(tmp_path / "page.pdf"))
    assert printed.startswith(b"%PDF")
    visit(page, address + "#view=failures")
    text = page.locator("body").inner_text()
    assert "unclassified" in text
    assert "clip_text_model" not in text
    page.close()


def test_without_a_script_nothing_is_missing_but_what_needs_one(browser: Any, address: str) -> None:
    """Tasks, verdicts, figures and causes are read without JavaScript; controls are not shown."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    text = page.locator("body").inner_text()
    for part in ("fill-mask", "2 of 2 pass", "✗ unsupported", "3.1e-07", "Failures by cause",
                 "aten::histc", "need JavaScript", "What changed"):  # fmt: skip
        assert part in text
    for selector in ("#q", "#views", "section[data-view=compare]"):
        assert not page.locator(selector).is_visible()
    context.close()
