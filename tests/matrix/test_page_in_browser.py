"""The page in a browser, opened from disk as people open it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import wait_until_ready
from matrix_builders import make_news, make_record, make_result, make_run

from pytest_accelerate.cells import Verdict
from pytest_accelerate.matrix.merge import merge
from pytest_accelerate.matrix.render import render

HOSTILE = "<img src=x onerror=alert(1)>\"'"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of four model types on two columns, one of them regressed."""
    before = make_record(make_run(1), make_result("bert", hardware="openvino"))
    now = make_record(
        make_run(2),
        make_result("bert"),
        make_result(
            "bert", Verdict.UNSUPPORTED, "openvino", reason="aten::histc", traceback="Traceback x"
        ),
        make_result("albert"),
        make_result("albert", hardware="openvino"),
        make_result("vit", Verdict.ERROR),
        make_result(HOSTILE, Verdict.ERROR, reason=HOSTILE),
    )
    old, new = merge([before]), merge([before, now])
    path: Path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(render(new, [make_news(old, new)]), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, opened; whatever it complains of fails the test."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened, complaints, requested = context.new_page(), [], set()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    opened.on("request", lambda request: requested.add(request.url.partition("#")[0]))
    opened.goto(address)
    wait_until_ready(opened)
    yield opened
    context.close()
    assert complaints == []
    assert requested == {address}


def shown(page: Any) -> list[str]:
    """The model types that are not filtered out."""
    return [name.inner_text() for name in page.locator("#matrix tbody tr:visible th").all()]


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("", [HOSTILE, "albert", "bert", "vit"]),
        ("BERT", ["albert", "bert"]),
        ("openvino:pass", ["albert"]),
        ("cpu:pass openvino:!pass", ["bert"]),
        ("openvino-fp32:unsup and cpu:pass", ["bert"]),
        ("is:failing", [HOSTILE, "bert", "vit"]),
        ("is:regressed", ["bert"]),
        ("openvino:not-run", [HOSTILE, "vit"]),
        ("nothing-has-this-name", []),
    ],
)
def test_the_filter(page: Any, query: str, types: list[str]) -> None:
    """Words filter by name, COLUMN:VERDICT by verdict; the address keeps it."""
    page.fill("#q", query)
    assert shown(page) == types
    assert page.locator("#none").is_visible() == (not types)
    page.reload()
    assert page.input_value("#q") == query
    assert shown(page) == types


def test_every_cell_is_a_cell_of_the_table(page: Any) -> None:
    """Cells stand below the head of their column, and are cells for those who listen, too."""
    lefts = page.locator("#matrix tr:visible").evaluate_all(
        "rows => [...new Set(rows.map((row) => [...row.cells].map((cell) => "
        "Math.round(cell.getBoundingClientRect().left)).join()))]"
    )
    assert len(lefts) == 1
    roles = {name: page.get_by_role(name).count() for name in ("grid", "gridcell", "rowheader")}
    assert roles == {"grid": 1, "gridcell": 8, "rowheader": 4}
    assert page.locator("#matrix td.news").count() == 1


def test_a_wrong_filter_says_why(page: Any) -> None:
    """A column or verdict that there is not is named, and nothing is hidden."""
    page.fill("#q", "cuda:pass")
    assert "cuda" in page.inner_text("#hint")
    page.fill("#q", "cpu:fine")
    assert "unsupported" in page.inner_text("#hint")
    assert len(shown(page)) == 4


def test_the_drawer_and_its_command(page: Any) -> None:
    """A cell opens with its details; one click copies the command; the address leads back."""
    page.get_by_role("gridcell", name="✗ unsupported was pass aten::histc").click()
    drawer = page.get_by_role("dialog", name="bert")
    drawer.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "pytest --models bert --hardware openvino --precision fp32"
    text = drawer.inner_text()
    for part in ("openvino · fp32", "aten::histc", "Traceback x", "12,345", "2.13.0", "500 ms"):
        assert part in text
    page.reload()
    page.get_by_role("dialog", name="bert").get_by_text("Traceback x").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    page.wait_for_url(lambda address: "cell" not in address)


def test_the_keyboard_alone_is_enough(page: Any) -> None:
    """The slash goes to the filter, arrows through the table, Enter opens, Escape goes back."""
    page.keyboard.press("/")
    page.keyboard.type("bert")
    while page.evaluate("document.activeElement.tagName") != "TD":
        page.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("dialog", name="bert").get_by_text("aten::histc").first.wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.innerText").startswith("✗ unsupported")


def test_hostile_text_stays_text_in_the_drawer(page: Any) -> None:
    """Markup in a reason is shown, not obeyed."""
    page.get_by_role("gridcell", name="! error <img").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("button", name="Copy", exact=True).wait_for()
    assert drawer.inner_text().count(HOSTILE) >= 2
    assert page.locator("img").count() == 0


def test_without_a_script_the_table_is_there(browser: Any, address: str) -> None:
    """With JavaScript off every verdict is read, and the page says what is missing."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    text = page.locator("body").inner_text()
    context.close()
    assert "✗ unsupported" in text
    assert "need JavaScript" in text
