"""What model types are for: as transformers' source says it, and as runs recorded it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_accelerate import discovery, taxonomy
from pytest_accelerate.compositions import COMPOSITIONS
from pytest_accelerate.taxonomy import OTHER, Kind, Taxonomy

sys.path.insert(0, str(Path(__file__).parent / "matrix"))

from matrix_builders import make_run

ROOT = Path(__file__).parents[1]

MODELING = """
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([("fish", "FishForCausalLM"), ("eel", "Eel")])
MODEL_FOR_MASKED_LM_MAPPING_NAMES: dict = OrderedDict({"fish": "FishForMaskedLM"})
MODEL_FOR_CTC_MAPPING_NAMES = OrderedDict([("whale-song", ("A", "B"))])
MODEL_FOR_CTC_MAPPING_NAMES.update({"late": "LateForCTC"})
MODEL_FOR_AUDIO_TOKENIZATION_NAMES = OrderedDict([("codec", "Codec")])
MODEL_FOR_NOBODY_KNOWS_MAPPING_NAMES = OrderedDict([("fish", "Fish")])
"""
CONFIGURATION = """
CONFIG_MAPPING_NAMES = OrderedDict([("fish", "FishConfig"), ("fish_fin", "FinConfig")])
SPECIAL_MODEL_TYPE_TO_MODULE_NAME = OrderedDict([("fish_fin", "fish")])
"""


@pytest.fixture
def auto(tmp_path: Path) -> Path:
    """A ``models/auto`` folder of another transformers."""
    (tmp_path / "modeling_auto.py").write_text(MODELING, encoding="utf-8")
    (tmp_path / "configuration_auto.py").write_text(CONFIGURATION, encoding="utf-8")
    return tmp_path


def test_mappings_tell_tasks_and_the_module_tells_the_family(auto: Path) -> None:
    """The main task comes first, whatever its place in the file; a part stands by its family."""
    found = taxonomy.taxonomy_in(auto)
    assert found.kinds["fish"] == Kind("fish", ("fill-mask", "text-generation"))
    assert found.kinds["fish_fin"] == Kind("fish")
    assert found.kinds["whale-song"] == Kind("whale_song", ("automatic-speech-recognition",))
    assert found.tasks("late") == ("automatic-speech-recognition",)
    assert found.tasks("codec") == ("audio-tokenization",)
    tasks = [found.task(name) for name in ("fish_fin", "eel", "codec", "unheard-of")]
    assert tasks == ["fill-mask", "text-generation", "audio-tokenization", OTHER]


def test_a_source_that_is_missing_or_broken_tells_nothing(auto: Path, tmp_path: Path) -> None:
    """No transformers, or one whose files do not parse, leaves types without a kind."""
    assert taxonomy.taxonomy_in(tmp_path / "nowhere") == Taxonomy({})
    (auto / "modeling_auto.py").write_text("MODEL_FOR = (", encoding="utf-8")
    assert taxonomy.taxonomy_in(auto).tasks("fish") == ()


def test_the_newest_run_that_tells_of_a_type_counts() -> None:
    """What a run recorded of its own transformers comes before what is installed here."""
    new = make_run(2, kinds={"bert": ("bert", "a-new-task")})
    old = make_run(1, kinds={"bert": ("bert", "an-old-task"), "gone": ("gone", "fill-mask")})
    known = taxonomy.known_to([new, old])  # as Matrix.runs has them
    assert known.task("bert") == "a-new-task"
    assert known.task("gone") == "fill-mask"
    assert known.task("whisper") == "automatic-speech-recognition"


def test_every_row_has_a_task() -> None:
    """A type that comes without one is to be looked at: a mapping is unknown, or it has none."""
    listed = discovery.read_list(ROOT / "huggingface_model_types.json")
    names = [*(entry.name for entry in listed.entries), *COMPOSITIONS]
    kinds = taxonomy.installed()
    assert [name for name in names if kinds.task(name) == OTHER] == ["esmfold2", "graphormer"]


@pytest.mark.parametrize(
    ("task", "area"),
    [
        ("image-text-to-text", "multimodal"),
        ("visual-question-answering", "multimodal"),
        ("zero-shot-image-classification", "vision"),
        ("text-recognition", "vision"),
        ("zero-shot-audio-classification", "audio"),
        ("text-to-audio", "audio"),
        ("text2text-generation", "text"),
        ("time-series-forecasting", "other"),
        (OTHER, "other"),
    ],
)
def test_areas(task: str, area: str) -> None:
    """Each task is about one area."""
    assert taxonomy.area(task) == area
