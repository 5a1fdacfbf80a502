"""The model types, and the files that name them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_accelerate import discovery
from pytest_accelerate.discovery import ModelType
from pytest_accelerate.errors import (
    BrokenInstallation,
    MalformedFile,
    UnknownModelType,
    UsageError,
)
from pytest_accelerate.registry_source import installed_model_types, model_types_in


def test_the_registry_read_from_source_is_the_real_one() -> None:
    """Parsing gives exactly the keys that importing transformers gives."""
    code = (
        "import json; from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES;"
        "print(json.dumps(list(CONFIG_MAPPING_NAMES)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert installed_model_types() == frozenset(json.loads(done.stdout))


def test_an_unknown_layout_of_transformers_is_told(tmp_path: Path) -> None:
    """A transformers that keeps its registry elsewhere is an error that names the remedy."""
    with pytest.raises(BrokenInstallation, match="install a release"):
        model_types_in(tmp_path)


def test_older_layouts_are_read(tmp_path: Path) -> None:
    """The registry of releases that kept it in one file is read as well."""
    (tmp_path / "configuration_auto.py").write_text(
        "CONFIG_MAPPING_NAMES = OrderedDict([('albert', 'AlbertConfig'), ('t5', 'T5Config')])\n"
        "OTHER = OrderedDict([('no', 'NoConfig')])\n"
    )
    assert model_types_in(tmp_path) == {"albert", "t5"}


def test_a_list_and_the_registry_are_joined(tmp_path: Path) -> None:
    """Listed types that are not installed keep their row; installed ones need not be listed."""
    path = tmp_path / "types.json"
    path.write_text('["bert", {"model_type": "zzz-old", "last_release": "4.0.0"}]')
    types = discovery.model_types(path)
    assert ModelType("zzz-old", False, "4.0.0") in types
    assert ModelType("gpt2") in types
    assert list(types) == sorted(types)


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('[\n "bert",\n "gpt2"\n "t5"\n]', 4, "not JSON"),
        ('[\n "bert",\n 7\n]', 3, "found 7"),
        ('[\n "bert",\n {"name": "x"}\n]', 3, 'without "model_type"'),
        ('[\n "bert", "gpt2",\n\n "bert"\n]', 4, "twice"),
        ('{\n"transformers": "5",\n"model_types": [\n"a",\nnull\n]}', 5, "found null"),
        ('[{"model_type": "x",\n "last_release": 4.5}]', 1, "last_release"),
        ('"bert"', 1, "expected a list"),
        ("", 1, "not JSON"),
    ],
)
def test_a_malformed_list_names_the_line(
    tmp_path: Path, text: str, line: int, expected: str
) -> None:
    """Each way in which the list can be wrong is told with file, line and expectation."""
    path = tmp_path / "types.json"
    path.write_text(text)
    with pytest.raises(MalformedFile) as caught:
        discovery.read_list(path)
    assert caught.value.line == line
    assert str(path) in str(caught.value)
    assert expected in str(caught.value)


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, and a file that is absent, are errors of that file."""
    path = tmp_path / "types.json"
    path.write_bytes(b"\xff\xfe")
    for bad in (path, tmp_path / "absent.json"):
        with pytest.raises(MalformedFile, match="cannot be read"):
            discovery.read_list(bad)


TYPES = tuple(ModelType(name) for name in ("bert", "gpt2", "gpt_neo", "gpt_neox", "t5"))


def names(patterns: list[str]) -> list[str]:
    """The names that patterns select."""
    return [kind.name for kind in discovery.select(TYPES, patterns)]


def test_selection_keeps_the_order_of_the_list(tmp_path: Path) -> None:
    """Names, comma lists, globs and files select together, each type once."""
    path = tmp_path / "few.txt"
    path.write_text("# a comment\nt5  # with a reason\n\nbert\n")
    assert names(["t5,gpt2"]) == ["gpt2", "t5"]
    assert names(["gpt_*", "gpt_neo"]) == ["gpt_neo", "gpt_neox"]
    assert names([f"@{path}", "gpt2"]) == ["bert", "gpt2", "t5"]


def test_selection_of_nothing_is_an_error(tmp_path: Path) -> None:
    """A name or glob without a match, and a file that is absent, are told."""
    with pytest.raises(UnknownModelType, match="did you mean 'bert'"):
        names(["bertt"])
    with pytest.raises(UnknownModelType):
        names(["zz*"])
    with pytest.raises(UsageError, match=r"absent\.txt"):
        names([f"@{tmp_path / 'absent.txt'}"])


def test_checkpoints_come_from_the_projects_own_file_first(tmp_path: Path) -> None:
    """A project's mapped_models.json replaces the packaged one, and is checked."""
    assert discovery.checkpoints(tmp_path)["bert"]
    own = tmp_path / "mapped_models.json"
    own.write_text('{"bert": "mine/bert"}')
    assert discovery.checkpoints(tmp_path) == {"bert": "mine/bert"}
    own.write_text('{\n"bert": 1}')
    with pytest.raises(MalformedFile, match=r"mapped_models\.json:2: 'bert'"):
        discovery.checkpoints(tmp_path)
