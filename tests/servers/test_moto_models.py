"""Models and results in moto's S3: weights from ``s3://``, a fleet's matrix, the fixture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_accelerate import errors
from pytest_accelerate.endpoint import Endpoints
from pytest_accelerate.providers.s3 import S3
from pytest_accelerate.servers.moto import ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY
from pytest_accelerate.servers.running import RunningServer
from tests.servers.conftest import started

pytest_plugins = ["pytester"]

SIZES = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 128,
         "intermediate_size": 64}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that runs."""
    with started("moto", tmp_path_factory) as made:
        yield made


@pytest.fixture
def bert(server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a tiny BERT, with the variables set that lead to it."""
    import transformers

    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(tmp_path / "bert")
    with server.client("s3") as client:
        assert isinstance(client, S3)
        sent = client.upload_folder(folder=tmp_path / "bert", key="models/bert")
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_ENDPOINT_URL_S3": server.url,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    return sent.url


def test_a_checkpoint_is_a_url(bert: str, tmp_path: Path) -> None:
    """An endpoint of s3:// weights has these weights, brought once, and runs on the CPU."""
    import torch
    import transformers

    inputs = {
        "input_ids": torch.tensor([[1, 2, 3]]),
        "attention_mask": torch.ones(1, 3, dtype=torch.int64),
    }
    saved = transformers.BertModel.from_pretrained(tmp_path / "bert").eval()
    with torch.no_grad():
        expected = saved(**inputs).last_hidden_state
    answer = Endpoints()("bert", "cpu", checkpoint=bert)(inputs)
    torch.testing.assert_close(torch.as_tensor(answer["last_hidden_state"]), expected)
    (kept,) = (tmp_path / "cache").rglob("model.safetensors")
    written = kept.stat().st_mtime_ns
    Endpoints()("bert", "cpu", checkpoint=bert)(inputs)
    assert kept.stat().st_mtime_ns == written


def test_a_checkpoint_that_is_not_there(bert: str) -> None:
    """A prefix without a folder is an error that names it."""
    with pytest.raises(errors.NotFound, match="models/none"):
        Endpoints()("bert", "cpu", checkpoint=f"s3://{BUCKET}/models/none").load()


def test_mapped_models_may_name_a_url(bert: str, pytester: pytest.Pytester) -> None:
    """--weights pretrained loads what mapped_models.json maps to s3://, and the cell passes."""
    pytester.makefile(".json", mapped_models=json.dumps({"bert": bert}))
    pytester.makepyfile("def test_cell(cell): cell.verify()")
    done = pytester.runpytest_subprocess(
        "--models=bert", "--hardware=cpu", "--weights=pretrained", "--matrix-dir=matrix"
    )
    done.assert_outcomes(passed=1)


def test_the_provider_fixture_is_a_server(server: RunningServer, pytester: pytest.Pytester) -> None:
    """A test's provider is a client of a real server on loopback, with a bucket of its own."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it(provider, turn):
            assert provider.list().entries == ()
            assert provider.put(key="a", file=b"x").implementation_type == "MOCK"
            assert provider.get(key="a").content == b"x"

        def test_mock(provider, provider_mock):
            pass
        """
    )
    done = pytester.runpytest_subprocess("--providers=s3", "-rs")
    done.assert_outcomes(passed=2, skipped=1)
    done.stdout.fnmatch_lines(["*no router can answer it*"])


def test_results_of_several_machines_meet_in_a_bucket(
    server: RunningServer, pytester: pytest.Pytester
) -> None:
    """Each machine sends its results, and one brings them all and draws their matrix."""
    pytester.makepyfile("def test_operation(provider_cell):\n    provider_cell.verify()\n")
    with server.client("s3") as client:
        for machine, provider in (("a", "ollama"), ("b", "tei")):
            run = pytester.runpytest("--providers", provider, f"--matrix-dir={machine}",
                                     "-k", "version or health")  # fmt: skip
            run.assert_outcomes(passed=1)
            sent = client.upload_folder(folder=pytester.path / machine / "results",
                                        key=f"fleet/{machine}")  # fmt: skip
            assert len(sent.transferred) == 1
            client.download_folder(key=f"fleet/{machine}", folder=pytester.path / "all" / "results")
    from pytest_accelerate.cli import main

    assert main(["render", "--matrix-dir", str(pytester.path / "all")]) == 0
    page = (pytester.path / "all" / "index.html").read_text()
    assert "version" in page
    assert "health" in page
