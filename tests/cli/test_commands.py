"""The commands, as they are called from a shell."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from pytest_accelerate import discovery
from pytest_accelerate.cli import main
from pytest_accelerate.commands import discover, doctor, init
from pytest_accelerate.discovery import ModelType, ModelTypeList

ROOT = Path(__file__).parents[2]
_CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINNED = next(line for line in _CONSTRAINTS if line.startswith("transformers==")).split("==")[1]


def test_this_repository_uses_the_suite_that_init_writes() -> None:
    """What ``init`` gives to others is what the main command runs here."""
    assert (ROOT / init.SUITE).read_text(encoding="utf-8") == init.suite_text()


def test_init_writes_a_suite_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A suite of someone's own is replaced only when that is asked for."""
    assert main(["init", str(tmp_path)]) == 0
    assert "next: pytest" in capsys.readouterr().out
    path = tmp_path / init.SUITE
    assert main(["init", str(tmp_path)]) == 0
    path.write_text("my own")
    assert main(["init", str(tmp_path)]) == 2
    assert f"{path} is there and differs; --force replaces it" in capsys.readouterr().err
    assert path.read_text() == "my own"
    assert main(["init", str(tmp_path), "--force"]) == 0
    assert path.read_text() == init.suite_text()


def test_init_says_where_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that cannot be made is one line on stderr."""
    (tmp_path / "model_tests").write_text("a file")
    assert main(["init", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_discover_keeps_every_row() -> None:
    """New types appear, types that went keep their row with the last release known to have them."""
    known = ModelTypeList(
        (ModelType("bert"), ModelType("gone"), ModelType("old", False, "4.1.0")), "5.0.0"
    )
    found = discover.discover(known, ["bert", "fresh"])
    assert found.appeared == ("fresh",)
    assert [(entry.name, entry.last_release) for entry in found.disappeared] == [("gone", "5.0.0")]
    assert [(entry.name, entry.last_release) for entry in found.entries] == [
        ("bert", None),
        ("fresh", None),
        ("gone", "5.0.0"),
        ("old", "4.1.0"),
    ]


def test_discover_writes_what_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The list that ``discover`` writes is read back the same, and is then up to date."""
    path = tmp_path / "huggingface_model_types.json"
    path.write_text('["bert", {"model_type": "never-was", "last_release": "1.0.0", "note": "x"}]')
    assert main(["discover", "--output", str(path)]) == 0
    told = capsys.readouterr().out
    assert "appeared: gpt2" in told
    written = discovery.read_list(path)
    assert ModelType("never-was", last_release="1.0.0", note="x") in written.entries
    assert main(["discover", "--output", str(path)]) == 0
    assert "up to date" in capsys.readouterr().out


def test_the_packaged_list_is_of_the_pinned_release() -> None:
    """The list in this repository was made with the transformers that ``constraints.txt`` pins."""
    assert discovery.read_list(ROOT / "huggingface_model_types.json").transformers == PINNED


@pytest.mark.skipif(
    metadata.version("transformers") != PINNED, reason=f"the list is of transformers {PINNED}"
)
def test_the_packaged_list_is_the_installed_registry() -> None:
    """The list in this repository has all model types of the pinned transformers, and 22 others."""
    listed = discovery.read_list(ROOT / "huggingface_model_types.json")
    absent = [entry for entry in listed.entries if entry.last_release is not None]
    assert {entry.name for entry in listed.entries} - {entry.name for entry in absent} == set(
        discovery.installed_names()
    )
    assert len(absent) == 22


def test_doctor_names_credentials_and_never_shows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key's source is told; no part of its value is, in either form of the report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "canary-one")
    (tmp_path / ".env").write_text("export GROQ_API_KEY=canary-two\n")
    shared = tmp_path / ".ipfs_api_credentials"
    shared.write_text("ANTHROPIC_API_KEY = canary-three\n")
    shared.chmod(0o600)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert "canary" not in text + json.dumps(data)
    assert data["credentials"]["openai"] == "OPENAI_API_KEY in environment"
    assert data["credentials"]["groq"] == "GROQ_API_KEY in .env"
    assert data["credentials"]["claude"] == "ANTHROPIC_API_KEY in ~/.ipfs_api_credentials"
    assert data["credentials"]["gemini"].startswith("GOOGLE_API_KEY")
    assert data["credentials"]["gemini"].endswith("is not set")
    assert "+ cpu" in text
    assert "nothing is broken" in text


def test_doctor_names_a_file_of_keys_that_others_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such a file is broken, with the command that mends it, and its keys are not used."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    shared = tmp_path / ".ipfs_api_credentials"
    shared.write_text("ANTHROPIC_API_KEY=canary-three\n")
    shared.chmod(0o644)
    assert main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert f"chmod 600 {shared}" in text
    assert "canary" not in text


def test_the_template_names_every_key_and_is_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is written is what is printed, mode 600, and never replaces a file that is there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["credentials", "template"]) == 0
    text = capsys.readouterr().out
    for name in ("OPENAI", "ANTHROPIC", "GROQ", "GOOGLE"):
        assert f"\n{name}_API_KEY=\n" in text
    assert "\nHF_API_TOKEN=\n" in text
    assert main(["credentials", "template", "--write"]) == 0
    path = tmp_path / ".ipfs_api_credentials"
    assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o600
    assert main(["credentials", "template", "--write"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_doctor_tells_what_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package outside the versions that this project takes is named with its remedy."""
    real = doctor.installation.installed_version
    monkeypatch.setattr(
        doctor.installation,
        "installed_version",
        lambda package: "1.0" if package == "transformers" else real(package),
    )
    assert main(["doctor"]) == 1
    assert "pip install 'transformers" in capsys.readouterr().out


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a command cannot follow is said on one line of stderr, exit status 2."""
    for argv in (
        ["render", "--matrix-dir", str(tmp_path)],
        ["diff", str(tmp_path / "a"), str(tmp_path / "b")],
        ["discover", "--output", str(tmp_path)],
    ):
        assert main(argv) == 2
        assert capsys.readouterr().err.startswith(f"pytest-accelerate {argv[0]}: ")
