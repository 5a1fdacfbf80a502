"""Each option says at once what is wrong with its value, and what would be right."""

from __future__ import annotations

import pytest


def test_options_stand_in_one_help_group(pytester: pytest.Pytester) -> None:
    """``pytest --help`` lists every option of the plugin under its own heading."""
    text = pytester.runpytest_subprocess("--help").stdout.str()
    group = text.split("pytest-accelerate):")[1].split("\n\n")[0]
    for option in (
        "--hardware",
        "--missing-hardware",
        "--models",
        "--precision",
        "--weights",
        "--batch-size",
        "--executor",
        "--cell-timeout",
        "--cell-memory",
        "--matrix-dir",
        "--resume",
        "--update-expectations",
        "--providers",
        "--live-apis",
        "--live-budget",
        "--live-writes",
    ):
        assert option in group


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--hardware", "gpu9000"), "*unknown hardware 'gpu9000'; known: cpu, cuda,*"),
        (("--models", "bertt"), "*unknown model type 'bertt'; did you mean 'bert'*"),
        (("--models", "zzz*"), "*zzz**"),
        (("--models=@absent.txt",), "*absent.txt*"),
        (("--precision", "fp31"), "*unknown precision 'fp31'; known: fp32, fp16, bf16*"),
        (("--cell-timeout", "soon"), "*--cell-timeout 'soon' is not a number of seconds above 0"),
        (("--cell-memory", "lots"), "*--cell-memory 'lots' is not a size such as 512M or 4G"),
        (("--batch-size", "1"), "*--batch-size '1' is not a number of rows from 2 on"),
        (("--batch-size", "many"), "*--batch-size 'many' is not a number of rows from 2 on"),
        (("--resume",), "*--resume: there is no run in *matrix/results*"),
    ],
)
def test_a_wrong_value_ends_the_run_before_collection(
    suite: pytest.Pytester, args: tuple[str, ...], told: str
) -> None:
    """A value that cannot be followed is one ERROR line and exit status 4, without traceback."""
    result = suite.runpytest_subprocess(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {told}"])
    assert "Traceback" not in result.stderr.str()
    assert "collected" not in result.stdout.str()


def test_absent_hardware_asked_for_by_name_is_an_error(suite: pytest.Pytester) -> None:
    """Hardware that this machine lacks ends the run with the reason and the way to get it."""
    result = suite.runpytest_subprocess("--hardware", "openvino:NPU")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: hardware 'openvino:NPU' is not available here: *"])


def test_absent_hardware_can_be_skipped_and_is_told(suite: pytest.Pytester) -> None:
    """With --missing-hardware skip the cells stay collected, skip, and the summary says why."""
    args = ("--hardware", "openvino:NPU", "--missing-hardware", "skip", "--models", "bert")
    result = suite.runpytest_subprocess(*args, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*not run: hardware openvino:NPU: *"])


def test_a_malformed_list_names_its_line(suite: pytest.Pytester) -> None:
    """A broken huggingface_model_types.json is told with file, line and expectation."""
    suite.path.joinpath("huggingface_model_types.json").write_text('[\n "bert",\n 7\n]\n')
    result = suite.runpytest_subprocess("--models", "bert")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *huggingface_model_types.json:3: *"])


def test_an_unwritable_matrix_folder_is_found_before_the_run(suite: pytest.Pytester) -> None:
    """Where results cannot be written, no cell is run for nothing."""
    suite.path.joinpath("matrix").write_text("a file, not a folder")
    result = suite.runpytest_subprocess("--hardware", "cpu", "--models", "bert")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *matrix*"])


def test_ini_keys_stand_in_for_options(suite: pytest.Pytester) -> None:
    """Defaults can be set once, in the project's ini file."""
    suite.makeini(
        """
        [pytest]
        accelerate_hardware = cpu openvino
        accelerate_models = bert,gpt2
        """
    )
    result = suite.runpytest_subprocess("--collect-only", "-q")
    assert [line.split("[")[1] for line in result.outlines if "[" in line] == [
        "bert-cpu-fp32]",
        "bert-openvino-fp32]",
        "gpt2-cpu-fp32]",
        "gpt2-openvino-fp32]",
    ]


def test_globs_and_files_select_model_types(suite: pytest.Pytester) -> None:
    """--models takes names, globs and files of them, in any mixture."""
    suite.path.joinpath("few.txt").write_text("# two\nt5\nxlm-roberta\n")
    result = suite.runpytest_subprocess(
        "--collect-only", "-q", "--models", "bert,@few.txt,gpt_neo*"
    )
    collected = {line.split("[")[1][:-1] for line in result.outlines if "[" in line}
    assert collected >= {"bert-cpu-fp32", "t5-cpu-fp32", "xlm-roberta-cpu-fp32", "gpt_neo-cpu-fp32"}
    assert len(collected) == 6  # gpt_neo* takes in gpt_neox and gpt_neox_japanese
    result = suite.runpytest_subprocess("--collect-only", "-q", "--models", "@few.txt")
    collected = {line.split("[")[1][:-1] for line in result.outlines if "[" in line}
    assert collected == {"t5-cpu-fp32", "xlm-roberta-cpu-fp32"}


def test_markers_narrow_a_test(pytester: pytest.Pytester) -> None:
    """model_types and hardware markers bound what a test runs on; options narrow further."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.model_types("bert", "gpt2")
        @pytest.mark.hardware("cpu")
        def test_marked(cell):
            pass
        """
    )
    args = ("--collect-only", "-q", "--hardware", "cpu,openvino")
    assert pytester.runpytest_subprocess(*args).parseoutcomes() == {"tests": 2}
    args = (*args, "--models", "gpt2")
    result = pytester.runpytest_subprocess(*args)
    assert result.parseoutcomes() == {"test": 1}
    result.stdout.fnmatch_lines(["*test_marked?gpt2-cpu-fp32?"])
