"""Checkpoints that cannot be trusted or loaded: each is one clear error, and nothing is made up."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_accelerate import Endpoints
from pytest_accelerate.errors import InvalidInputs, NotConstructible, UsageError
from tests.endpoints import checkpoints

CODE = """
from pathlib import Path
from transformers import BertModel

Path({witness!r}).write_text("ran")

class OwnModel(BertModel):
    pass
"""


@pytest.fixture(scope="module")
def sound_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a BERT with nothing wrong."""
    return checkpoints.text(tmp_path_factory.mktemp("whole") / "bert")


@pytest.fixture
def folder(sound_folder: Path, tmp_path: Path) -> Path:
    """A copy of it, to be broken."""
    return Path(shutil.copytree(sound_folder, tmp_path / "bert"))


def corrupt(folder: Path) -> None:
    """Weights that are no safetensors."""
    (folder / "model.safetensors").write_bytes(b"x" * 99)


def truncate(folder: Path) -> None:
    """Weights whose end is gone, as after a download that broke off."""
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])


def lose_weights(folder: Path) -> None:
    """No weights at all."""
    (folder / "model.safetensors").unlink()


def lose_config(folder: Path) -> None:
    """No config."""
    (folder / "config.json").unlink()


def break_config(folder: Path) -> None:
    """A config that is no JSON."""
    (folder / "config.json").write_text("{")


def list_config(folder: Path) -> None:
    """A config that is no object."""
    (folder / "config.json").write_text("[]")


def rename_type(folder: Path) -> None:
    """The config of another model type."""
    checkpoints.edited(folder, model_type="gpt2")


def lose_tensor(folder: Path) -> None:
    """One tensor too few."""
    checkpoints.without(folder, "encoder.layer.0.output.dense.weight")


def resize(folder: Path) -> None:
    """A config that asks for other shapes than the weights have."""
    checkpoints.edited(folder, intermediate_size=128)


BROKEN: dict[Callable[[Path], None], str] = {
    corrupt: "cannot be loaded as BertModel: SafetensorError",
    truncate: "cannot be loaded as BertModel: SafetensorError",
    lose_weights: r"holds no weights: expected model\.safetensors",
    lose_config: r"has no config\.json: save the model",
    break_config: r"has a config\.json that cannot be read: JSONDecodeError.*line 1",
    list_config: r"has a config\.json that is no JSON object",
    rename_type: "is of model type 'gpt2', not 'bert': ask for 'gpt2'",
    lose_tensor: r"lacks 1 tensor \(encoder\.layer\.0\.output\.dense\.weight\) of BertModel",
    resize: r"encoder\.layer\.0\.intermediate\.dense\.bias has shape \[64\].*takes \[128\]",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_folder_is_named_with_what_is_wrong(
    folder: Path, broken: Callable[[Path], None]
) -> None:
    """Model type, folder and trouble stand in one line; no other library's error comes through."""
    broken(folder)
    with pytest.raises(NotConstructible, match=BROKEN[broken]) as caught:
        Endpoints()("bert", "cpu", checkpoint=str(folder)).load()
    said = str(caught.value)
    assert said.startswith(f"bert: checkpoint {folder} ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/no/such/folder", "is no folder that exists, and no Hub id"),
        ("some/where/else", "is no folder that exists, and no Hub id"),
        ("no-such-owner-here/no-such-model", "is not in the cache of the Hub.*hf download no-such"),
    ],
)
def test_a_checkpoint_that_is_not_there(
    name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is neither a folder nor in the Hub's cache says how to bring it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NotConstructible, match=told):
        Endpoints()("bert", "cpu", checkpoint=name).load()


def test_a_file_is_not_a_folder(folder: Path) -> None:
    """The weights' own path is answered with the folder to give."""
    with pytest.raises(NotConstructible, match=f"is a file: give the folder .*{folder}"):
        Endpoints()("bert", "cpu", checkpoint=str(folder / "model.safetensors")).load()


def test_a_pickle_is_refused_and_loaded_where_allowed(folder: Path, sound_folder: Path) -> None:
    """Pickled weights take the permission by name, and are then the same weights."""
    checkpoints.pickled(folder)
    with pytest.raises(NotConstructible, match=r"pickle alone.*allow=\('pickle',\)"):
        Endpoints()("bert", "cpu", checkpoint=str(folder)).load()
    with pytest.raises(NotConstructible, match="pickle alone"):
        Endpoints()("bert", "cpu", checkpoint=str(folder), allow=("remote-code",)).load()
    allowed = Endpoints()("bert", "cpu", checkpoint=str(folder), allow=("pickle",))
    safe = Endpoints()("bert", "cpu", checkpoint=str(sound_folder))
    name = "last_hidden_state"
    assert allowed(text="bread is dear")[name].equal(safe(text="bread is dear")[name])


def test_remote_code_runs_only_where_allowed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that a checkpoint brings is not run before it is allowed by name."""
    witness = tmp_path / "witness"
    (folder / "modeling_own.py").write_text(CODE.format(witness=str(witness)))
    checkpoints.edited(folder, auto_map={"AutoModel": "modeling_own.OwnModel"})
    # transformers copies such code there, and imports it from there.
    copies = "transformers.dynamic_module_utils.HF_MODULES_CACHE"
    monkeypatch.setattr(copies, str(tmp_path / "modules"))
    monkeypatch.setattr("sys.path", [*sys.path])
    with pytest.raises(NotConstructible, match=r"code of its own \(modeling_own\.OwnModel\)"):
        Endpoints()("bert", "cpu", checkpoint=str(folder)).load()
    with pytest.raises(NotConstructible, match="--allow remote-code"):
        Endpoints()("bert", "cpu", checkpoint=str(folder), allow=("pickle",)).load()
    assert not witness.exists()
    allowed = Endpoints(allow=("remote-code",))("bert", "cpu", checkpoint=str(folder))
    assert allowed.model_class == "OwnModel"
    assert witness.read_text() == "ran"


@pytest.mark.parametrize("allow", ["pickle", ("pickles",), ("pickle", "all")])
def test_what_can_be_allowed_is_known(allow: str | tuple[str, ...]) -> None:
    """A misspelt permission is refused rather than ignored."""
    with pytest.raises(UsageError, match="expected a collection of pickle, remote-code"):
        Endpoints(allow=allow)
    with pytest.raises(UsageError, match="expected a collection of pickle, remote-code"):
        Endpoints()("bert", "cpu", checkpoint="x/y", allow=allow)


def test_a_checkpoint_without_a_tokenizer(folder: Path) -> None:
    """Tensors are taken, text is not, and the remedy is named."""
    for file in folder.glob("tokenizer*"):
        file.unlink()
    endpoint = Endpoints()("bert", "cpu", checkpoint=str(folder))
    assert endpoint(endpoint.example_inputs)["last_hidden_state"].isfinite().all()
    assert "fed from its config" in endpoint.loading
    with pytest.raises(InvalidInputs, match=r"takes 'text': .*tokenizer\.save_pretrained"):
        endpoint(text="hi")


def test_what_a_checkpoint_has_no_processor_for(folder: Path) -> None:
    """A picture given to a text model is an error that says what it takes."""
    endpoint = Endpoints()("bert", "cpu", checkpoint=str(folder))
    with pytest.raises(InvalidInputs, match=r"nothing that takes 'images' \(it has .* text\)"):
        endpoint(images="x.png")
