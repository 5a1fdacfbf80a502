"""News is honest: only what both sides can know is said to have changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from matrix_builders import (
    ENVIRONMENT,
    make_api_result,
    make_matrix,
    make_result,
    make_run,
    make_staged,
)

from pytest_accelerate.cells import ModelCell, Verdict
from pytest_accelerate.cli import main
from pytest_accelerate.errors import UsageError
from pytest_accelerate.matrix import diff
from pytest_accelerate.matrix.diff import Changes, compare


def names(changes: Changes) -> dict[str, list[str]]:
    """The model types of each kind of change there is."""
    return {
        kind: [change.cell.id.split("-")[0] for change in each]
        for kind, each in changes.kinds()
        if each
    }


@pytest.mark.parametrize(
    ("then", "now", "kind"),
    [
        (Verdict.PASS, Verdict.ERROR, "regressed"),
        (Verdict.MISMATCH, Verdict.PASS, "fixed"),
        (Verdict.SKIP, Verdict.UNSUPPORTED, "newly_tested"),
        (Verdict.COVERED, Verdict.PASS, "newly_tested"),
        (Verdict.ERROR, Verdict.SKIP, "changed"),
        (Verdict.ERROR, Verdict.CRASH, "changed"),
        (Verdict.PASS, Verdict.SKIP, "changed"),
    ],
)
def test_verdicts_are_compared(then: Verdict, now: Verdict, kind: str) -> None:
    """A pass that fails has regressed, the reverse is fixed; what was skipped cannot have."""
    old = make_matrix(make_result("bert", then), make_result("vit"))
    changes = compare(old, make_matrix(make_result("bert", now), make_result("vit"), day=2))
    assert names(changes) == {kind: ["bert"]}
    assert (changes.unchanged, changes.not_compared) == (1, 0)
    assert f"bert-cpu-fp32: {then} -> {now}" in diff.render_text(changes)[3]


@pytest.mark.parametrize(
    ("then", "now", "kind"),
    [
        ({}, {"generate": Verdict.MISMATCH}, "newly_tested"),
        ({"generate": Verdict.NOT_RUN}, {"generate": Verdict.ERROR}, "newly_tested"),
        (
            {"generate": Verdict.PASS},
            {"batch": Verdict.MISMATCH, "generate": Verdict.PASS},
            "newly_tested",
        ),
        ({"generate": Verdict.PASS}, {"generate": Verdict.MISMATCH}, "regressed"),
        (
            {"generate": Verdict.PASS},
            {"batch": Verdict.ERROR, "generate": Verdict.MISMATCH},
            "regressed",
        ),
        ({"generate": Verdict.MISMATCH}, {"generate": Verdict.PASS}, "fixed"),
        ({"generate": Verdict.MISMATCH}, {}, None),
        ({"generate": Verdict.MISMATCH}, {"generate": Verdict.NOT_RUN}, None),
    ],
)
def test_only_stages_that_both_ran_are_compared(
    then: dict[str, Verdict],
    now: dict[str, Verdict],
    kind: str | None,
    write_run: Callable[..., Path],
) -> None:
    """A stage that is new makes no regression, one that is left out mends nothing."""
    old, new = make_staged(**then), make_staged(**now)
    changes = compare(make_matrix(old), make_matrix(new, day=2))
    assert names(changes) == ({kind: ["bert"]} if kind else {})
    assert changes.not_compared == (0 if kind else 1)
    files = [str(write_run(make_run(day), each)) for day, each in ((1, old), (2, new))]
    assert main(["diff", *files]) == (1 if kind == "regressed" else 0)


def test_a_new_column_is_new_only_where_all_that_was_is_known() -> None:
    """A precision that no run ever had is new; of two runs alone each may have left out some."""
    old = make_matrix(make_result("bert"))
    int8 = replace(make_result("bert", Verdict.ERROR), cell=ModelCell("bert", "cpu", "int8"))
    new = make_matrix(make_result("bert"), int8, day=2)
    assert names(compare(old, new, known=old.columns)) == {"new": ["bert"]}
    assert names(compare(old, new)) == {}
    # A column that was there before, for other types.
    more = make_matrix(make_result("bert"), replace(int8, cell=ModelCell("vit", "cpu", "int8")))
    assert names(compare(more, new, known=more.columns)) == {}


def test_what_a_run_did_not_select_is_no_news() -> None:
    """Cells of one side alone are not compared, as long as the other side's list has them."""
    listed = ("bert", "vit")
    old = make_matrix(make_result("bert"), make_result("vit"), listed=listed)
    new = make_matrix(make_result("bert"), make_result("bert", hardware="openvino"), listed=listed)
    changes = compare(old, new)
    assert not changes
    assert (changes.unchanged, changes.not_compared) == (1, 2)


def test_without_a_list_nothing_vanishes() -> None:
    """Where a run did not tell what there was, absence is not known to be news."""
    assert not compare(make_matrix(make_result("bert")), make_matrix(make_result("vit")))


def test_types_appear_and_vanish_by_the_list() -> None:
    """A type that the newer list lacks has vanished, one that the older lacked is new."""
    old = make_matrix(make_result("bert"), make_result("mega"), listed=("bert", "mega"))
    new = make_matrix(make_result("bert"), make_result("vit"), listed=("bert", "vit"), day=2)
    assert names(compare(old, new)) == {"new": ["vit"], "vanished": ["mega"]}


def test_what_vanished_before_is_not_told_again() -> None:
    """An old result of a type that the older list lacked already is no news."""
    old = make_matrix(make_result("bert"), make_result("mega"), listed=("bert",))
    assert not compare(old, make_matrix(make_result("bert"), listed=("bert",), day=2))


def test_other_weights_are_not_compared() -> None:
    """A tiny model that passes and a published one that does not are two things."""
    new = make_matrix(make_result("bert", Verdict.OOM), options={"weights": "published"}, day=2)
    changes = compare(make_matrix(make_result("bert")), new)
    assert not changes
    assert changes.not_compared == 1


def test_latencies_are_compared_only_where_both_are_no_hint() -> None:
    """A latency taken beside other cells is never news, nor one from another machine."""
    slow = {"latency_seconds": 0.03, "latency_is_hint": False}
    fast = {"latency_seconds": 0.01, "latency_is_hint": False}
    old = make_matrix(make_result("bert", **fast), make_result("vit", **slow))
    new = make_matrix(make_result("bert", **slow), make_result("vit", **fast), day=2)
    assert names(compare(old, new)) == {"slower": ["bert"], "faster": ["vit"]}
    assert diff.render_text(compare(old, new))[3] == "  bert-cpu-fp32: 10.00 ms -> 30.00 ms"

    hint = make_matrix(make_result("bert", latency_seconds=0.03), day=2)
    assert not compare(old, hint)
    elsewhere = make_matrix(
        make_result("bert", **slow), environment=replace(ENVIRONMENT, cpu="Another"), day=2
    )
    assert not compare(old, elsewhere)


def test_the_text_is_cut_and_says_so() -> None:
    """A long list of changes names some and counts the rest."""
    old = make_matrix(*(make_result(f"t{i:02d}") for i in range(30)))
    new = make_matrix(*(make_result(f"t{i:02d}", Verdict.ERROR) for i in range(30)), day=2)
    lines = diff.render_text(compare(old, new), limit=10)
    assert lines[0] == "30 regressed, 0 unchanged"
    assert lines[-1] == "  ... and 20 more"
    assert len(lines) == 1 + 2 + 10 + 1


def test_a_file_a_run_and_a_folder_can_be_named(
    write_run: Callable[..., Path], tmp_path: Path
) -> None:
    """OLD and NEW are a results file, a run id or its start, or a matrix folder."""
    path = write_run(make_run(1), make_result("bert"))
    write_run(make_run(2), make_result("vit"))
    for argument in (str(path), make_run(1).id, make_run(1).id[:9]):
        assert diff.resolve(argument, tmp_path).model_types == ("bert",)
    assert diff.resolve(str(tmp_path)).model_types == ("bert", "vit")
    assert diff.resolve(str(tmp_path / "results")).model_types == ("bert", "vit")


def test_a_wrong_name_is_told_with_the_runs_there_are(
    write_run: Callable[..., Path], tmp_path: Path
) -> None:
    """A name that is nothing, and one that is two runs, are errors that say what to do."""
    for day in (1, 2):
        write_run(make_run(day), make_result("bert"))
    with pytest.raises(UsageError, match=rf"no results file.*{make_run(2).id}"):
        diff.resolve("yesterday", tmp_path)
    with pytest.raises(UsageError, match="start of 2 runs"):
        diff.resolve("2026", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="has no results"):
        diff.resolve(str(tmp_path / "empty"), tmp_path)


def test_a_mock_is_compared_with_a_mock_alone() -> None:
    """A live call that passes does not make up for a mock that regressed, nor stand for one."""
    old = make_matrix(make_result("bert"), make_api_result("chat"), make_api_result("embed"))
    new = make_matrix(
        make_result("bert"),
        make_api_result("chat", Verdict.ERROR, reason="no id"),
        make_api_result("chat", mode="live"),
        make_api_result("embed", mode="live"),
        day=2,
    )
    changes = compare(old, new)
    assert [change.cell.id for change in changes.regressed] == ["openai-chat-mock"]
    assert (changes.unchanged, changes.not_compared) == (1, 3)
    assert diff.render_text(changes)[3] == "  openai-chat-mock: pass -> error: no id"


def test_operations_appear_and_vanish_by_their_own_list() -> None:
    """What the runs knew of model types says nothing of operations, and the other way round."""
    old = make_matrix(
        make_result("bert"),
        make_api_result("chat"),
        make_api_result("edits"),
        listed=("bert",),
        operations=("openai-chat", "openai-edits"),
    )
    only_apis = make_matrix(
        make_api_result("chat"),
        make_api_result("responses"),
        operations=("openai-chat", "openai-responses"),
        day=2,
    )
    changes = compare(old, only_apis)
    assert [change.cell.id for change in changes.new] == ["openai-responses-mock"]
    assert [change.cell.id for change in changes.vanished] == ["openai-edits-mock"]
    assert changes.not_compared == 1
    only_models = make_matrix(make_result("bert"), listed=("bert",), day=2)
    assert not compare(old, only_models)


def test_neither_weights_nor_latency_of_a_provider_are_compared() -> None:
    """A provider has no weights, and how fast it answered is the network's news."""
    old = make_matrix(make_api_result(latency_seconds=0.1, latency_is_hint=False))
    new = make_matrix(
        make_api_result(latency_seconds=9.0, latency_is_hint=False),
        options={"weights": "published"},
        day=2,
    )
    changes = compare(old, new)
    assert not changes
    assert changes.unchanged == 1
