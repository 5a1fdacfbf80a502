"""The newest run, or the whole matrix, in Markdown, for the summary of a CI job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_accelerate.cells import GREEN, Result
from pytest_accelerate.matrix import figures
from pytest_accelerate.matrix.diff import Changes, describe
from pytest_accelerate.matrix.history import History, results_of
from pytest_accelerate.matrix.merge import Tally, merge
from pytest_accelerate.matrix.store import RunRecord
from pytest_accelerate.matrix.summary import share, tallies, verdicts_in
from pytest_accelerate.matrix.text import one_line

NEWS, FAILURES = 50, 200
"""Cells named at most of each kind of change, and of those that do not pass: with names and reasons
cut as they are, the whole stays below a quarter of the 1 MiB that a CI job's summary may have."""


def markdown(history: History, *, whole: bool = False) -> str:
    """Title, totals by column, what changed, and what does not pass, each with its reason.

    Args:
        history: the newest run, and all that was known before it.
        whole: tell of the newest run about each column instead.
    """
    records, news = history.told(whole=whole)
    if not records:
        return "No results."
    lines = ["# Compatibility matrix"]
    for record in records:
        lines += ["", _about(record)]
    lines += ["", *_table(tallies(merge(records)))]
    for each in news:
        lines += ["", f"## {_text(each.title)}", "", *_news(each.changes)]
    failing = [result for result in results_of(records) if result.verdict not in GREEN]
    if failing:
        lines += ["", "## Not passing", "", *_failures(failing)]
    return "\n".join(lines) + "\n"


def _about(record: RunRecord) -> str:
    environment = record.run.environment
    told = environment.versions(("torch", "transformers", "openvino"))
    versions = [" ".join(each) for each in told]
    wall = f" in {figures.seconds(record.seconds)}" if record.seconds is not None else ""
    partial = f", **partial**: {record.run.collected} were collected" if record.partial else ""
    where = ", ".join([*versions, f"Python {environment.python}", environment.cpu])
    return f"{len(record.results)} cells{wall}{partial}. {_text(where)}."


def _table(rows: dict[str, Tally]) -> Iterator[str]:
    verdicts = verdicts_in(rows.values())
    heads = [f"{figures.SYMBOLS[verdict]} {verdict}" for verdict in verdicts]
    yield _row(["column", *heads, "share"])
    yield _row(["---", *("--:" for _ in verdicts), "---"])
    for name, tally in rows.items():
        counts = (str(tally.verdicts.get(verdict, 0)) for verdict in verdicts)
        yield _row([_text(name), *counts, share(tally)])


def _news(changes: Changes) -> Iterator[str]:
    kinds = [(kind, each) for kind, each in changes.kinds() if each]
    if not kinds:
        yield f"Nothing: {changes.unchanged} cells are as they were."
    for kind, each in kinds:
        yield f"**{len(each)} {kind}**"
        yield ""
        yield from (f"- {_text(describe(change))}" for change in each[:NEWS])
        if len(each) > NEWS:
            yield f"- and {len(each) - NEWS} more"
        yield ""


def _failures(failing: Sequence[Result]) -> Iterator[str]:
    yield _row(["cell", "verdict", "reason"])
    yield _row(["---", "---", "---"])
    for result in failing[:FAILURES]:
        verdict = f"{figures.SYMBOLS[result.verdict]} {result.verdict}"
        yield _row([_text(one_line(result.cell.id, 120)), verdict, _text(one_line(result.reason))])
    if len(failing) > FAILURES:
        yield ""
        yield f"And {len(failing) - FAILURES} more."


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_MEANS_SOMETHING = {ord(sign): f"\\{sign}" for sign in "\\`*_{}[]()#+!|~$"}
_MEANS_SOMETHING |= {ord("<"): "&lt;", ord(">"): "&gt;", ord("&"): "&amp;", ord("@"): "&#64;"}


def _text(text: str) -> str:
    """Text of unknown origin, of which Markdown makes nothing else."""
    return text.translate(_MEANS_SOMETHING)
