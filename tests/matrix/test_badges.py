"""Badges say how many of the cells that count pass, in files that any name is fit for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matrix_builders import make_api_result, make_matrix, make_result, make_run

from pytest_accelerate.cells import ModelCell, Verdict
from pytest_accelerate.cli import main
from pytest_accelerate.matrix import badges
from pytest_accelerate.matrix.badges import Badge
from pytest_accelerate.matrix.merge import Matrix, tally
from pytest_accelerate.taxonomy import Kind, Taxonomy

SVG = "{http://www.w3.org/2000/svg}"


def test_every_column_and_the_whole_have_a_badge(tmp_path: Path) -> None:
    """A device's colon is not in the name of a file, and what does not count is not counted."""
    matrix = make_matrix(
        make_result("bert"),
        make_result("vit", Verdict.COVERED),
        make_result("bert", Verdict.ERROR, "openvino:GPU"),
    )
    written = badges.write(matrix, tmp_path)
    stems = {"all", "cpu-fp32", "openvino.GPU-fp32"}
    stems |= {"hardware-cpu", "hardware-openvino.GPU", "precision-fp32"}
    assert {path.name for path in written} == {f"{s}.{e}" for s in stems for e in ("svg", "json")}
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written}
    endpoint = json.loads((tmp_path / "cpu-fp32.json").read_text())
    assert endpoint == {
        "schemaVersion": 1,
        "label": "cpu",
        "message": "1 / 1 pass",
        "color": "brightgreen",
    }
    root = ElementTree.parse(tmp_path / "openvino.GPU-fp32.svg").getroot()
    assert [text.text for text in root.iter(f"{SVG}text")] == ["openvino:GPU", "0 / 1 pass"]


@pytest.mark.parametrize("label", ["</text><script>", "\"&'", "\x00\u202e\udc80", "x" * 10_000])
def test_hostile_names_stay_text(label: str, tmp_path: Path) -> None:
    """Any name gives an SVG that parses, with the elements of any other, and a plain file name."""
    badges.write(make_matrix(make_result(hardware=label)), tmp_path / "badges")
    files = [path for path in tmp_path.rglob("*.svg") if path.stem != "all"]
    assert {path.parent for path in files} == {tmp_path / "badges"}
    tags = [element.tag for element in ElementTree.parse(files[0]).getroot().iter()]
    plain = ElementTree.fromstring(Badge.of("cpu", tally([])).svg())
    assert tags == [element.tag for element in plain.iter()]


def test_names_cannot_leave_the_folder() -> None:
    """A name with dots and slashes is no way out."""
    assert "/" not in badges.file_name("../../etc/passwd")
    assert not badges.file_name("../x").startswith(".")


@pytest.mark.parametrize(
    ("passed", "failed", "color"),
    [(1000, 0, "brightgreen"), (9999, 1, "green"), (90, 10, "yellowgreen"), (1, 9, "orange")],
)
def test_the_colour_goes_by_the_share(passed: int, failed: int, color: str) -> None:
    """Only all of them is bright green."""
    results = [make_result()] * passed + [make_result(verdict=Verdict.ERROR)] * failed
    assert Badge.of("cpu", tally(results)).color == color


def test_nothing_tested_is_said_so() -> None:
    """No results are no zero percent."""
    badge = Badge.of("cpu", Matrix().tally())
    assert (badge.message, badge.color) == ("no results", "lightgrey")


def read(folder: Path, stem: str) -> tuple[str, str, str]:
    """What a badge says: label, message, colour."""
    badge = json.loads((folder / f"{stem}.json").read_text())
    return badge["label"], badge["message"], badge["color"]


def test_a_badge_of_providers_never_adds_mocks_to_live_calls(tmp_path: Path) -> None:
    """Each number has the word of its mode, and only live passes are green."""
    matrix = make_matrix(
        make_result("bert", Verdict.ERROR),
        make_api_result("chat"),
        make_api_result("embed"),
        make_api_result("chat", mode="live"),
        make_api_result("messages", provider="claude"),
        make_api_result("messages", Verdict.SKIP, "live", "claude"),
        make_api_result("chat", Verdict.ERROR, provider="groq"),
        make_api_result("models", Verdict.SKIP, "live", "ollama"),
    )
    badges.write(matrix, tmp_path)
    assert read(tmp_path, "all") == ("models", "0 / 1 pass", "orange")
    assert read(tmp_path, "apis") == ("APIs", "mock 3 / 4, live 1 / 1 pass", "yellow")
    openai = ("openai", "mock 2 / 2, live 1 / 1 pass", "brightgreen")
    assert read(tmp_path, "provider-openai") == openai
    assert read(tmp_path, "provider-claude") == ("claude", "mock 1 / 1 pass", "blue")
    assert read(tmp_path, "provider-groq") == ("groq", "mock 0 / 1 pass", "orange")
    assert read(tmp_path, "provider-ollama") == ("ollama", "no results", "lightgrey")
    for path in tmp_path.glob("*.svg"):
        ElementTree.parse(path)


def test_a_half_without_results_has_no_badge(tmp_path: Path) -> None:
    """A project that tests providers alone gets no badge about models."""
    badges.write(make_matrix(make_api_result()), tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {"apis", "provider-openai"}


KINDS = Taxonomy(
    {
        "bert": Kind("bert", ("fill-mask",)),
        "clip": Kind("clip", ("zero-shot-image-classification",)),
        "clip_text_model": Kind("clip"),
        "clap": Kind("clap", ("zero-shot-audio-classification",)),
        "llava": Kind("llava", ("image-text-to-text",)),
    }
)


def test_hardware_precision_and_area_have_badges_over_their_columns(tmp_path: Path) -> None:
    """A part counts in the area of its family; each badge counts all columns that it is of."""
    int8 = replace(make_result("bert", Verdict.ERROR), cell=ModelCell("bert", "cpu", "int8"))
    matrix = make_matrix(
        make_result("bert"),
        int8,
        make_result("bert", hardware="openvino"),
        make_result("clip"),
        make_result("clip_text_model", Verdict.MISMATCH),
        make_result("clap", Verdict.COVERED),
        make_result("llava"),
    )
    badges.write(matrix, tmp_path, KINDS)
    said = {path.stem: read(tmp_path, path.stem)[:2] for path in tmp_path.glob("*.json")}
    assert said["hardware-cpu"] == ("cpu", "3 / 5 pass")
    assert said["hardware-openvino"] == ("openvino", "1 / 1 pass")
    assert said["precision-fp32"] == ("fp32", "4 / 5 pass")
    assert said["precision-int8"] == ("int8", "0 / 1 pass")
    assert said["area-text"] == ("text", "2 / 3 pass")
    assert said["area-vision"] == ("vision", "1 / 2 pass")
    assert said["area-audio"] == ("audio", "no results")
    assert said["area-multimodal"] == ("multimodal", "1 / 1 pass")
    assert not [stem for stem in said if stem.startswith("family")]


def test_a_family_has_a_badge_once_it_was_asked_for(
    tmp_path: Path, write_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """It counts a model with its parts and is drawn with every page; a wrong name is told."""
    kinds = {name: (kind.family, *kind.tasks) for name, kind in KINDS.kinds.items()}
    write_run(make_run(1, kinds=kinds), make_result("clip"), make_result("clip_text_model"))
    folder = ["--matrix-dir", str(tmp_path)]
    assert (
        main(["badges", "--family", "clip", "--markdown", "https://example.com/b/", *folder]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert "![clip: 2 / 2 pass](https://example.com/b/family-clip.svg)" in lines
    assert "![models: 2 / 2 pass](https://example.com/b/all.svg)" in lines
    write_run(make_run(2, kinds=kinds), make_result("clip_text_model", Verdict.ERROR))
    assert main(["render", *folder]) == 0
    assert read(tmp_path / "badges", "family-clip") == ("clip", "1 / 2 pass", "orange")
    assert main(["badges", "--family", "clib", *folder]) == 2
    assert "did you mean 'clip'" in capsys.readouterr().err
