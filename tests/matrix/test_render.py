"""The page: the same for the same results, small, strict, and deaf to what results say."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import re
import string
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from matrix_builders import (
    make_api_result,
    make_matrix,
    make_news,
    make_record,
    make_result,
    make_run,
)

from pytest_accelerate.cells import Verdict
from pytest_accelerate.errors import UnwritableMatrix
from pytest_accelerate.matrix.merge import Matrix, merge
from pytest_accelerate.matrix.publish import publish
from pytest_accelerate.matrix.render import render
from pytest_accelerate.matrix.store import RunWriter

HOSTILE = (
    "</script><script>alert(1)</script><!-- <b onmouseover='x'> \" & "
    "\u202e\u2028 \x00 \udc80 {{ 7 }}"
)


class Page(HTMLParser):
    """A page as a browser's parser sees it: tags, attributes, cells and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        """Close an element and what was left open in it."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Note the text of cells, scripts and styles."""
        if self._open and self._open[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif self._open and self._open[-1] == "style":
            self.styles.append(data)
        elif "tr" in self._open:
            self.rows[-1][-1] += data

    @property
    def details(self) -> Any:
        """The compressed block, decoded."""
        (packed,) = [text for attributes, text in self.scripts if attributes.get("id") == "details"]
        return json.loads(gzip.decompress(base64.b64decode(packed)))


def measures_of(record: Any) -> dict[str, str]:
    """All measures of a cell in the details, without their titles."""
    return {label: figure for _, pairs in record["measures"] for label, figure in pairs}


def test_the_table_says_it_all_without_a_script() -> None:
    """Each cell is a symbol, a word and a figure in the text of the page itself."""
    reason = "aten::histc has no translator"
    matrix = make_matrix(
        make_result("bert"),
        make_result("bert", Verdict.UNSUPPORTED, "openvino", reason=reason),
        make_result("vit_mae", hardware="openvino"),
    )
    page = Page(render(matrix))
    texts = [[" ".join(cell.split()) for cell in row] for row in page.rows]
    assert texts == [
        ["Model type", "cpu fp32", "openvino fp32"],
        ["bert", "✓ pass 3.1e-07", f"✗ unsupported {reason}"],
        ["vit_mae", "", "✓ pass 3.1e-07"],
    ]


def test_the_details_hold_all_of_a_result() -> None:
    """Reason, stages, measures, traceback, environment and the command are in the drawer's data."""
    result = make_result(
        "bert", Verdict.ERROR, reason="ValueError: no", traceback="Traceback\n  File x"
    )
    details = Page(render(make_matrix(result))).details
    record = details["rows"][0][0]
    assert record["command"] == "pytest --models bert --hardware cpu --precision fp32"
    assert record["reason"] == "ValueError: no"
    assert record["traceback"] == "Traceback\n  File x"
    assert record["stages"][-1] == ["agree", "error", 0.5, "ValueError: no"]
    measures = measures_of(record)
    assert measures["max relative error"] == "3.1e-07"
    assert measures["parameters"] == "12,345"
    assert measures["latency of one forward"].startswith("12 ms (a hint")
    assert [title for title, _ in record["measures"]] == [
        "Agreement", "Gates", "Speed", "Size", "Path"
    ]  # fmt: skip
    environment = dict(details["runs"][record["run"]])
    assert environment["torch"] == "2.13.0"
    assert environment["run"] == make_run().id


def test_the_command_names_weights_and_quotes() -> None:
    """The command runs the same cell again, whatever its name and weights."""
    result = make_result("a b;rm -rf", weights="published", hardware="openvino:GPU")
    command = Page(render(make_matrix(result))).details["rows"][0][0]["command"]
    assert command == (
        "pytest --models 'a b;rm -rf' --hardware openvino:GPU --precision fp32 --weights published"
    )


def test_hostile_results_are_nothing_but_text() -> None:
    """Whatever a result says, the page has the elements it has for harmless ones."""
    harmless, hostile = (
        make_matrix(
            make_result(text, Verdict.ERROR, reason=text, traceback=text * 5, model_class=text),
            make_result(text, Verdict.ERROR, text, reason=text),
            options={text: text},
            listed=(text,),
        )
        for text in ("x", HOSTILE)
    )
    plain, page = Page(render(harmless)), Page(render(hostile))
    kinds = [[tag for tag, _ in each.tags if tag != "wbr"] for each in (plain, page)]
    assert kinds[0] == kinds[1]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not [tag for tag, attributes in page.tags if "style" in attributes]
    shown = "".join(map("".join, page.rows)) + json.dumps(page.details, ensure_ascii=False)
    assert "alert(1)" in shown
    assert not set("\u202e\u2028\x00\udc80") & set(shown)
    assert "\\u202e" in shown


def test_a_megabyte_in_a_line_is_cut() -> None:
    """A huge reason or traceback makes no huge page, and the page says what it left out."""
    noise = "".join(random.Random(0).choices(string.printable, k=1_000_000))
    page = render(make_matrix(make_result("bert", Verdict.ERROR, reason=noise, traceback=noise)))
    assert len(page) < len(render(make_matrix(make_result("bert", Verdict.ERROR)))) + 20_000
    record = Page(page).details["rows"][0][0]
    assert "characters cut" in record["reason"]
    assert "characters cut" in record["traceback"]


def test_the_policy_allows_this_script_and_style_alone() -> None:
    """Scripts that run and styles have the hashes of the policy, and nothing may be fetched."""
    page = Page(render(make_matrix(make_result())))
    (policy,) = [a["content"] or "" for t, a in page.tags if a.get("http-equiv")]
    running = [text for attributes, text in page.scripts if not attributes.get("type")]
    assert (len(running), len(page.styles)) == (1, 1)
    for directive, text in (("script-src", running[0]), ("style-src", page.styles[0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    sources = [a[name] for _, a in page.tags for name in ("src", "href") if a.get(name)]
    assert all(source and source.startswith("#") for source in sources)
    assert not re.search(r"@import|url\(|//[a-z]", page.styles[0])


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    """Publishing again, or the runs in another order, changes no byte."""
    records = [
        make_record(make_run(day), make_result("bert"), make_result("vit")) for day in (1, 2)
    ]
    assert render(merge(records)) == render(merge(reversed(records)))
    writer = RunWriter(tmp_path / "results", make_run())
    writer.write(make_result())
    writer.close()
    first = publish(tmp_path).read_bytes()
    assert publish(tmp_path).read_bytes() == first
    assert sorted(each.name for each in tmp_path.iterdir()) == ["badges", "index.html", "results"]


def test_publishing_marks_what_the_newest_run_changed(tmp_path: Path) -> None:
    """The page tells a regression against the run before, in its strip and in the cell."""
    for day, verdict in ((1, Verdict.PASS), (2, Verdict.CRASH)):
        writer = RunWriter(tmp_path / "results", make_run(day))
        writer.write(make_result("bert", verdict))
        writer.end(partial=False, seconds=1.0)
    text = publish(tmp_path).read_text(encoding="utf-8")
    assert "since the run of 2026-11-01 08:00 UTC" in text
    assert "1 regressed" in re.sub("<[^>]*>", "", text)
    rows = {row[0]: row[1:] for row in Page(text).rows}
    assert [" ".join(cell.split()) for cell in rows["bert"]] == ["↯ crash was pass"]


def test_an_empty_matrix_has_a_page() -> None:
    """A project that has run nothing yet gets a page that says so little."""
    assert Page(render(Matrix())).rows == [["Model type"]]


def test_latencies_that_changed_are_told_by_their_kind() -> None:
    """A slower cell has no verdict it had before: it says slower."""
    old = make_matrix(make_result(latency_seconds=0.01, latency_is_hint=False))
    new = make_matrix(make_result(latency_seconds=0.05, latency_is_hint=False), day=2)
    page = Page(render(new, [make_news(old, new)]))
    assert "slower" in page.rows[1][1]


@pytest.mark.parametrize(("columns", "limit"), [(2, 600_000), (8, 1_500_000)])
def test_the_page_stays_small(columns: int, limit: int) -> None:
    """826 rows with a failing tenth, each failure with a traceback of its own, stay in bounds."""
    rng = random.Random(0)

    def traceback() -> str:
        frames = (
            f'  File "package/m_{rng.randrange(40)}.py", line {rng.randrange(2000)}, in forward\n'
            f"    hidden_states = self.layer_{rng.randrange(40)}(hidden_states, attention_mask)\n"
            for _ in range(25)
        )
        return "".join(frames)

    results = []
    for row in range(826):
        for column in range(columns):
            failed = rng.random() < 0.1
            results.append(
                make_result(
                    f"some_model_type_{row}",
                    Verdict.ERROR if failed else Verdict.PASS,
                    f"hardware{column}",
                    reason=f"ValueError: {rng.random()}" if failed else "",
                    traceback=traceback() if failed else "",
                    max_relative_error=rng.random() * 1e-6,
                    latency_seconds=rng.random(),
                    parameters=rng.randrange(10**6),
                    peak_memory_bytes=rng.randrange(10**9),
                    cell_seconds=rng.random() * 9,
                    library_seconds=rng.random() * 9,
                )
            )
    assert len(render(make_matrix(*results)).encode()) < limit


def test_a_page_that_no_browser_opens_at_once_is_refused() -> None:
    """Above 5 MB it is not written, and the error says how large it would be and what to do."""
    draw = random.Random(0)
    letters = string.ascii_letters + string.digits
    noise = ["".join(draw.choices(letters, k=4000)) for _ in range(2000)]
    results = [make_result(f"m{n}", Verdict.ERROR, traceback=text) for n, text in enumerate(noise)]
    with pytest.raises(UnwritableMatrix, match=r"2,000 cells would have [5-9],\d+,\d+ bytes"):
        render(make_matrix(*results))


def test_operations_have_a_table_of_their_own() -> None:
    """Every square of an operation says mock or live in words, beside a mark for each stage."""
    matrix = make_matrix(
        make_result("bert"),
        make_api_result("images_edit", Verdict.ERROR, reason="no b64_json"),
        make_api_result("chat"),
        make_api_result("chat", mode="live"),
        make_api_result("messages", Verdict.SKIP, "live", "claude", reason="no key"),
    )
    texts = [[" ".join(cell.split()) for cell in row] for row in Page(render(matrix)).rows]
    assert texts == [
        ["Model type", "cpu fp32"],
        ["bert", "✓ pass 3.1e-07"],
        ["Operation", "mock", "live"],
        ["claude · messages", "", "» skip live ✓✓» no key"],
        ["openai · chat", "✓ pass mock ✓✓✓✓✓✓✓✓", "✓ pass live ✓✓✓"],
        ["openai · images_edit", "! error mock ✓✓✓✓✓✓✓! no b64_json", ""],
    ]


def test_either_half_alone_is_a_whole_page() -> None:
    """Without results of one kind there is no table, card, version or word of it."""
    apis, models = render(make_matrix(make_api_result())), render(make_matrix(make_result()))
    assert [row[0] for row in Page(apis).rows] == ["Operation", "openai · chat"]
    assert [row[0] for row in Page(models).rows] == ["Model type", "bert"]
    for word in ("Model type", "model types", "torch <b>", "cpu-fp32"):
        assert word not in apis.partition("<script")[0]
    for word in ("API", "mock</", "data-mode="):
        assert word not in models.partition("</style>")[2].partition("<script")[0]


def test_no_total_adds_mocks_to_live_calls() -> None:
    """Each mode has a card with its own share, in words that cannot be taken for the other's."""
    results = [make_api_result(f"o{i}") for i in range(4)]
    results.append(make_api_result("o0", Verdict.ERROR, "live"))
    text = " ".join(re.sub("<[^>]*>", " ", render(make_matrix(*results))).split())
    assert "API providers mock 100.0 % pass on mocks 4 of 4 tested" in text
    assert "API providers live 0.0 % pass live 0 of 1 tested" in text
    assert "of 5" not in text


def test_the_details_of_an_operation() -> None:
    """Stages, tokens, cost and the command are there; an unknown price of a real call is said."""
    live = make_api_result(mode="live", reason="x")
    free = make_api_result("embed", mode="live", cost_usd=0.0)
    paid = make_api_result("image", mode="live", cost_usd=0.0421, effect="spend")
    records = Page(render(make_matrix(live, free, paid, make_api_result()))).details["apis"]
    by_mode = dict(zip(("mock", "live"), records[0], strict=True))
    assert by_mode["live"]["command"] == (
        "pytest api_tests --providers openai -k openai-chat-live --live-apis"
    )
    assert [stage[0] for stage in by_mode["live"]["stages"]] == ["request", "response", "stream"]
    measures = measures_of(by_mode["live"])
    assert measures == {
        "effect": "infer",
        "latency of one call": "250 ms",
        "requests sent": "3",
        "input tokens": "1,234",
        "output tokens": "5",
        "cost": "not known",
        "implementation": "REAL",
    }
    assert "cost" not in measures_of(by_mode["mock"])
    assert records[1][0] is None
    assert measures_of(records[1][1])["cost"] == "0 USD"
    assert measures_of(records[2][1])["cost"] == "0.042100 USD"
    assert records[2][1]["command"].endswith("--live-apis --live-writes")


def test_hostile_providers_are_nothing_but_text() -> None:
    """Whatever a provider, an operation or its reason says, the page has the same elements."""
    plain, page = (
        Page(
            render(
                make_matrix(
                    make_api_result(text, Verdict.ERROR, provider=text, reason=text, effect=text)
                )
            )
        )
        for text in ("x", HOSTILE)
    )
    kinds = [[tag for tag, _ in each.tags if tag != "wbr"] for each in (plain, page)]
    assert kinds[0] == kinds[1]
    shown = "".join(map("".join, page.rows)) + json.dumps(page.details, ensure_ascii=False)
    assert "alert(1)" in shown
    assert not set("\u202e\u2028\x00\udc80") & set(shown)
