"""The language of the page's filter by itself, in the browser it is for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

ROWS = """
    const make = (name, kind, verdicts, more = {}) => ({
        lower: name, kind, family: "", provider: "", tasks: [], part: false,
        all: verdicts.map((_, i) => i),
        columns: (key) => (kind === "api" ? { mock: [0] } : {
            cpu: [0], "openvino:gpu": [1], openvino: [2], fp32: [0, 1, 2],
            "openvino-fp32": [2] })[key] ?? [],
        verdict: (i) => verdicts[i],
        news: (i) => more.news?.[i] ?? "",
        cause: (i) => more.causes?.[i] ?? "",
        measure: (key, i) => more[key]?.[i] ?? null,
        ...more.row,
    });
    const rows = [
        make("bert", "model", ["pass", "pass", "unsupported"], {
            row: { family: "bert", tasks: ["fill-mask", "text-generation"] },
            causes: ["", "", "openvino has no aten::histc"], news: ["", "", "regressed"],
            latency: [0.06, 0.01, null], memory: [2 ** 20, 2 ** 21, null] }),
        make("whisper", "model", ["pass", "mismatch", "pass"], {
            row: { family: "whisper", tasks: ["automatic-speech-recognition"] },
            latency: [0.04, 0.02, 0.2], memory: [2 ** 30, 2 ** 30, 2 ** 30] }),
        make("clip-text", "model", ["covered", "not-run", "pass"], {
            row: { family: "clip", tasks: ["zero-shot-image-classification"], part: true } }),
        make("openai · chat", "api", ["error"], {
            row: { provider: "openai" }, news: ["other-verdict"] }),
    ];
    const vocabulary = {
        columns: ["cpu", "openvino:gpu", "openvino", "fp32", "openvino-fp32", "mock"],
        measures: ["latency", "memory"],
        verdicts: ["pass", "mismatch", "unsupported", "error", "covered", "not-run"],
        failing: (word) => !["pass", "covered", "not-run"].includes(word),
    };
"""


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """A page with nothing but the language and rows to ask."""
    source = resources.files("pytest_accelerate.matrix").joinpath("templates", "query.js")
    opened = browser.new_page()
    opened.add_script_tag(content=source.read_text(encoding="utf-8") + ROWS)
    yield opened
    opened.close()


def matching(page: Any, query: str) -> list[str]:
    """The names of the rows that a query takes."""
    found: list[str] = page.evaluate(
        "query => rows.filter(Query.compile(query, vocabulary)).map((row) => row.lower)", query
    )
    return [name.split()[0] for name in found]


ALL = ["bert", "whisper", "clip-text", "openai"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ALL),
        ("  ", ALL),
        ("E", ["bert", "whisper", "clip-text", "openai"]),
        ('"openai · chat"', ["openai"]),
        ("openvino:!pass and cpu:pass", ["bert"]),
        ("openvino:!pass cpu:pass", ["bert"]),
        ("openvino:pass or mock:error", ["whisper", "clip-text", "openai"]),
        ("not cpu:pass", ["clip-text", "openai"]),
        ("!cpu:pass", ["clip-text", "openai"]),
        ("-bert -whisper", ["clip-text", "openai"]),
        ("not (bert or whisper) is:model", ["clip-text"]),
        ("bert or whisper cpu:error", ["bert"]),
        ("(bert or whisper) openvino:pass", ["whisper"]),
        ("openvino:GPU:mismatch", ["whisper"]),
        ("fp32:unsup,mism", ["bert", "whisper"]),
        ("fp32:!pass,covered,not-run", ["bert", "whisper"]),
        ("openvino-fp32:failing", ["bert"]),
        ("task:asr", ["whisper"]),
        ("task:text-generation", ["bert"]),
        ("task:!asr", ["bert", "clip-text"]),
        ("family:CLIP", ["clip-text"]),
        ("provider:!claude", ["openai"]),
        ("cause:histc", ["bert"]),
        ("cause:aten::histc", ["bert"]),
        ('cause:"has no"', ["bert"]),
        ("is:changed", ["bert", "openai"]),
        ("is:other-verdict", ["openai"]),
        ("is:regressed", ["bert"]),
        ("is:failing", ["bert", "whisper", "openai"]),
        ("is:!failing", ["clip-text"]),
        ("is:part", ["clip-text"]),
        ("latency:>50ms", ["bert", "whisper"]),
        ("latency:<=10000us", ["bert"]),
        ("cpu.latency:>50ms", ["bert"]),
        ("memory:>=1gib", ["whisper"]),
        ("memory:1MiB", ["bert"]),
        ("name:clip", ["clip-text"]),
    ],
)
def test_queries(page: Any, query: str, names: list[str]) -> None:
    """Each query takes the rows that it describes, and no other."""
    assert matching(page, query) == names


@pytest.mark.parametrize(
    ("query", "wrong", "said"),
    [
        ("bert cuda:pass", "cuda:pass", "openvino-fp32"),
        ("cpu:fine", "cpu:fine", "unsupported"),
        ("cpu:", "cpu:", "“cpu”"),
        ("bert and", "", "missing at the end"),
        ("or bert", "or", "“or”"),
        ("bert (whisper", "(", "not closed"),
        ("bert)", ")", "never opened"),
        ("is:nice", "is:nice", "regressed"),
        ("latency:>soon", "latency:>soon", "latency:>50ms"),
        ("latency:>5parsec", "latency:>5parsec", "no figure"),
        ("cuda.latency:>5ms", "cuda.latency:>5ms", "cuda"),
        ("not", "", "missing"),
    ],
)
def test_wrong_queries_say_what_and_where(page: Any, query: str, wrong: str, said: str) -> None:
    """An error names the part of the query that it is about, and what could stand there."""
    message, part = page.evaluate(
        """query => {
            try { Query.compile(query, vocabulary); } catch (error) {
                return [error.message, query.slice(error.start, error.end)];
            }
            return ["", ""];
        }""",
        query,
    )
    assert said in message
    assert part == wrong


def test_no_text_breaks_the_language(page: Any) -> None:
    """Any text is a query or an error of the language: nothing else is raised."""
    broken = page.evaluate(
        """() => {
            const signs = [...'a:!-"() ,.<[', 'and', 'is', 'cpu', 'latency', '\\u202e', '\\0'];
            let seed = 1;
            const next = (most) => (seed = (seed * 48271) % 2147483647) % most;
            const bad = [];
            for (let round = 0; round < 20000; round += 1) {
                const sign = () => signs[next(signs.length)];
                const text = Array.from({ length: next(12) }, sign).join("");
                try { rows.filter(Query.compile(text, vocabulary)); }
                catch (error) { if (error.start === undefined) bad.push([text, error.message]); }
            }
            return bad.slice(0, 3);
        }"""
    )
    assert broken == []
