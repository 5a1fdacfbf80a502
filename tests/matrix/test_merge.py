"""Any number of runs become one matrix, whatever the order they come in."""

from __future__ import annotations

import itertools

from matrix_builders import make_api_result, make_matrix, make_record, make_result, make_run

from pytest_accelerate.cells import ModelCell, Verdict
from pytest_accelerate.matrix.merge import Matrix, merge, tally

BERT = ModelCell("bert", "cpu")


def test_the_newest_result_of_a_cell_stays() -> None:
    """Each cell shows its newest result and the run it is from, in any order of reading."""
    records = [
        make_record(make_run(1), make_result("bert", Verdict.ERROR), make_result("vit")),
        make_record(make_run(3), make_result("bert", Verdict.PASS)),
        make_record(make_run(2), make_result("bert", Verdict.CRASH)),
    ]
    merged = [merge(order) for order in itertools.permutations(records)]
    assert all(matrix == merged[0] for matrix in merged)
    assert merged[0].entries[BERT].result.verdict is Verdict.PASS
    assert merged[0].entries[BERT].run == make_run(3)
    assert merged[0].entries[ModelCell("vit", "cpu")].run == make_run(1)


def test_merging_again_changes_nothing() -> None:
    """Merging is idempotent."""
    records = [make_record(make_run(day), make_result("bert")) for day in (1, 2)]
    once = merge(records)
    assert merge(records, once) == once == merge([*records, *records])


def test_two_copies_of_one_run_that_differ_merge_the_same_either_way() -> None:
    """A copy of a run cut short elsewhere cannot make the order of reading matter."""
    one = make_record(make_run(), make_result("bert", Verdict.PASS))
    other = make_record(make_run(), make_result("bert", Verdict.ERROR))
    assert merge([one, other]) == merge([other, one])


def test_what_was_not_run_hides_nothing() -> None:
    """Unknown never replaces what is known."""
    known = make_record(make_run(1), make_result("bert"))
    unknown = make_record(make_run(2), make_result("bert", Verdict.NOT_RUN))
    assert merge([known, unknown]).entries[BERT].result.verdict is Verdict.PASS


def test_columns_come_in_the_order_they_are_read_in() -> None:
    """The reference first, the same hardware together."""
    names = ("openvino:GPU", "other", "cuda", "openvino", "cpu")
    matrix = make_matrix(*(make_result(hardware=name) for name in names))
    columns = [column.hardware for column in matrix.columns]
    assert columns == ["cpu", "cuda", "openvino", "openvino:GPU", "other"]


def test_shares_leave_out_what_says_nothing_of_a_backend() -> None:
    """Covered, skipped and not-run cells are in no share, and 100 % means all."""
    uncounted = (Verdict.COVERED, Verdict.SKIP, Verdict.NOT_RUN)
    results = [make_result(f"t{i}") for i in range(1999)]
    results += [make_result(verdict, verdict) for verdict in (*uncounted, Verdict.ERROR)]
    counted = tally(results)
    assert (counted.total, counted.passed, counted.counted) == (2003, 1999, 2000)
    assert counted.percent == 99.9
    assert Matrix().tally().percent is None


def test_both_halves_merge_and_are_counted_apart() -> None:
    """Models and providers share a matrix, and no number adds a mock to a live call or a model."""
    matrix = merge(
        [
            make_record(make_run(1), make_result("bert"), make_api_result("chat")),
            make_record(
                make_run(2),
                make_api_result("chat", Verdict.ERROR, "live"),
                make_api_result("chat", Verdict.NOT_RUN),
                make_api_result("messages", provider="claude"),
            ),
        ]
    )
    assert [cell.id for cell in matrix.entries] == [
        "bert-cpu-fp32",
        "claude-messages-mock",
        "openai-chat-live",
        "openai-chat-mock",
    ]
    assert matrix.model_types == ("bert",)
    assert [column.name for column in matrix.columns] == ["cpu-fp32"]
    assert matrix.modes == ("mock", "live")
    assert [row.id for row in matrix.operations] == ["claude-messages", "openai-chat"]
    assert matrix.tally().verdicts == {Verdict.PASS: 1}
    assert matrix.tally_apis("mock").verdicts == {Verdict.PASS: 2}
    assert matrix.tally_apis("live").verdicts == {Verdict.ERROR: 1}
    assert matrix.tally_apis("mock", "claude").verdicts == {Verdict.PASS: 1}
    assert matrix.tally_apis("live", "claude").total == 0
