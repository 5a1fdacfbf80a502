"""The causes of failures: what the rules make of reasons that cells really had."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from matrix_builders import make_matrix, make_result

from pytest_accelerate.cells import Verdict
from pytest_accelerate.matrix.causes import UNCLASSIFIED, cause, clusters

REASONS = tomllib.loads(
    Path(__file__).with_name("reasons.toml").read_text(encoding="utf-8"),
)["reason"]


@pytest.mark.parametrize("case", REASONS, ids=lambda case: case["text"][:40])
def test_reasons_have_the_cause_they_had(case: dict[str, str]) -> None:
    """Each recorded reason has the cause that was found right for it."""
    verdict = Verdict(case["verdict"])
    assert cause(make_result(verdict=verdict, reason=case["text"])) == case["cause"]


def test_every_expected_failure_is_classified() -> None:
    """No reason of the published expectations is left without a cause."""
    path = Path(__file__).parents[2] / "matrix" / "expectations.toml"
    expected = tomllib.loads(path.read_text(encoding="utf-8"))
    left = [
        (name, entry["reason"])
        for column in expected.values()
        for name, entry in column.items()
        if cause(make_result(verdict=Verdict(entry["verdict"]), reason=entry["reason"]))
        == UNCLASSIFIED
    ]
    assert left == []


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.SKIP, Verdict.COVERED, Verdict.NOT_RUN])
def test_what_does_not_fail_has_no_cause(verdict: Verdict) -> None:
    """A pass, and what says nothing of a backend, needs no explanation."""
    assert cause(make_result(verdict=verdict, reason="ValueError: x")) == ""


def test_clusters_are_sorted_and_unclassified_is_always_there() -> None:
    """The largest cluster comes first, and what no rule fits last, even where that is nothing."""
    one = "OpenVINO has no aten::histc"
    matrix = make_matrix(
        make_result("a", Verdict.CRASH, reason="load: died of SIGSEGV"),
        make_result("b", Verdict.UNSUPPORTED, reason=one),
        make_result("c", Verdict.UNSUPPORTED, reason=one),
        make_result("d"),
    )
    found = {title: [cell.id for cell in cells] for title, cells in clusters(matrix).items()}
    assert list(found.items()) == [
        (one, ["b-cpu-fp32", "c-cpu-fp32"]),
        ("killed by SIGSEGV", ["a-cpu-fp32"]),
        (UNCLASSIFIED, []),
    ]
    strange = make_matrix(make_result("e", Verdict.ERROR, reason="it is a mystery"))
    assert [len(cells) for cells in clusters(strange).values()] == [1]
