"""huggingface_hub's client and ours send TEI the same, and it reads what our examples answer.

It knows feature extraction, sentence similarity, text classification, ``/info`` and ``/health``.
OpenAI's client knows ``/v1/embeddings``. The other operations are held against TEI's OpenAPI
document (docs/openapi.json of huggingface/text-embeddings-inference, 1.7.1), whose fields stand in
a table below; ``dimensions`` came later, and hub knows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import numpy
import openai
import pytest
from huggingface_hub import InferenceClient
from openai.types import CreateEmbeddingResponse

from pytest_accelerate.providers import TEI
from pytest_accelerate.providers.examples import examples, json_reply
from tests.providers.wire import assert_parses, assert_same_request, recorded_pair

KEY = "tei-test-key"
EXAMPLES = examples("tei")
TEXTS = ["one", "two"]

ROOT: Mapping[str, str] = {"path": "hub posts to the root, where TEI does what the model is for"}
SPELT: Mapping[str, str] = {
    "body.truncation_direction": "hub says right, which TEI up to 1.7 does not read; all read Right"
}
NONE: Mapping[str, str] = {"body.parameters": "hub sends an empty mapping where there are none"}


def theirs(call: Callable[[Any], Any]) -> Callable[[str], Any]:
    """A call through huggingface_hub."""

    def run(url: str) -> Any:
        with InferenceClient(url, provider="hf-inference", token=KEY) as client:
            return call(client)

    return run


def ours(operation: str, parameters: Mapping[str, Any]) -> Callable[[str], Any]:
    """A call through our client."""

    def call(url: str) -> Any:
        with TEI(KEY, base_url=url) as client:
            return client.handler(operation)(parameters)

    return call


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"normalize": False, "prompt_name": "query", "truncate": True, "dimensions": 2},
        {"truncation_direction": "right"},
    ],
    ids=["alone", "all", "direction"],
)
def test_embed_sends_what_hub_sends(parameters: dict[str, Any]) -> None:
    """Texts and every parameter of hub's feature extraction."""
    given: list[Any] = []
    pair = recorded_pair(
        EXAMPLES["embed"].reply,
        theirs(lambda client: given.append(client.feature_extraction(TEXTS, **parameters))),
        ours("embed", {"inputs": TEXTS, **parameters}),
    )
    spelt = SPELT if "truncation_direction" in parameters else {}
    assert_same_request(*pair, {**ROOT, **spelt})
    assert pair[1].path == "/embed"
    assert given[0] == pytest.approx(numpy.array(json.loads(EXAMPLES["embed"].reply.body)))


def test_similarity_sends_what_hub_sends() -> None:
    """The sentence and the others, and hub reads the example's scores."""
    given: list[Any] = []
    pair = recorded_pair(
        EXAMPLES["similarity"].reply,
        theirs(lambda client: given.append(client.sentence_similarity("s", TEXTS))),
        ours("similarity", {"source_sentence": "s", "sentences": TEXTS}),
    )
    assert_same_request(*pair, {**ROOT, **NONE})
    assert given == [json.loads(EXAMPLES["similarity"].reply.body)]


def test_predict_sends_what_hub_sends() -> None:
    """One text, and hub's type reads TEI's predictions."""
    answer = json.loads(EXAMPLES["predict"].reply.body)[0]
    given: list[Any] = []
    pair = recorded_pair(
        # hub reads a list of lists, as the Inference API has it; TEI's is flat for one text
        lambda request: json_reply([answer] if request.path == "/" else answer),
        theirs(lambda client: given.extend(client.text_classification("hi"))),
        ours("predict", {"inputs": "hi"}),
    )
    assert_same_request(*pair, {**ROOT, **NONE})
    assert [{"label": each.label, "score": each.score} for each in given] == answer


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("info", lambda client: client.get_endpoint_info()),
        ("health", lambda client: client.health_check()),
    ],
)
def test_what_is_asked_of_the_server_itself(operation: str, call: Callable[..., Any]) -> None:
    """``/info`` and ``/health`` are asked for as hub asks, and hub reads our replies."""
    given: list[Any] = []
    reply = EXAMPLES[operation].reply
    pair = recorded_pair(
        reply, theirs(lambda client: given.append(call(client))), ours(operation, {})
    )
    assert_same_request(*pair)
    assert given == [json.loads(reply.body) if operation == "info" else True]


def test_embeddings_sends_what_openai_sends() -> None:
    """Every parameter of OpenAI's own client goes where it puts it, and it reads our reply."""
    parameters: dict[str, Any] = {
        "input": TEXTS, "model": "m", "encoding_format": "float", "user": "u", "dimensions": 2,
    }  # fmt: skip
    pair = recorded_pair(
        EXAMPLES["embeddings"].reply,
        lambda url: openai.OpenAI(
            api_key=KEY, base_url=f"{url}/v1", max_retries=0
        ).embeddings.create(**parameters),
        ours("embeddings", parameters),
    )
    assert_same_request(*pair)
    assert set(TEI.operations()["embeddings"].signature.parameters) == set(parameters)
    assert_parses(CreateEmbeddingResponse, json.loads(EXAMPLES["embeddings"].reply.body))


READ = {"truncate", "truncation_direction"}
DOCUMENTED: Mapping[str, tuple[str, set[str]]] = {
    "embed": ("/embed", {"inputs", "normalize", "prompt_name", "dimensions"} | READ),
    "embed_all": ("/embed_all", {"inputs", "prompt_name"} | READ),
    "embed_sparse": ("/embed_sparse", {"inputs", "prompt_name"} | READ),
    "rerank": ("/rerank", {"query", "texts", "raw_scores", "return_text"} | READ),
    "predict": ("/predict", {"inputs", "raw_scores"} | READ),
    "similarity": ("/similarity", {"source_sentence", "sentences", "prompt_name"} | READ),
    "tokenize": ("/tokenize", {"inputs", "add_special_tokens", "prompt_name"}),
    "decode": ("/decode", {"ids", "skip_special_tokens"}),
    "embeddings": ("/v1/embeddings", {"input", "model", "user", "encoding_format", "dimensions"}),
    "info": ("/info", set()),
    "health": ("/health", set()),
    "server_metrics": ("/metrics", set()),
}
"""Each route of TEI's document, and the fields of its request."""


def test_every_documented_route_and_field_is_declared() -> None:
    """No more and no fewer than TEI's document has."""
    found = {
        name: (each.declaration.path, set(each.signature.parameters))
        for name, each in TEI.operations().items()
    }
    assert found == DOCUMENTED
    assert set(EXAMPLES) == set(DOCUMENTED)


FULL: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "embed_all": (
        {"inputs": [[1, 2]], "prompt_name": "q", "truncate": True, "truncation_direction": "left"},
        {"inputs": [[1, 2]], "prompt_name": "q", "truncate": True, "truncation_direction": "Left"},
    ),
    "rerank": (
        {"query": "q", "texts": ["a"], "raw_scores": True, "truncation_direction": "Left"},
        {"query": "q", "texts": ["a"], "raw_scores": True, "truncation_direction": "Left"},
    ),
    "similarity": (
        {"source_sentence": "s", "sentences": ["a"], "prompt_name": "q", "truncate": True,
         "truncation_direction": "right"},
        {"inputs": {"source_sentence": "s", "sentences": ["a"]},
         "parameters": {"prompt_name": "q", "truncate": True, "truncation_direction": "Right"}},
    ),
    "predict": ({"inputs": ["a", "b"], "raw_scores": True}, {"inputs": ["a", "b"],
                                                             "raw_scores": True}),
    "tokenize": (
        {"inputs": "a", "add_special_tokens": False}, {"inputs": "a", "add_special_tokens": False}
    ),
    "decode": ({"ids": [1], "skip_special_tokens": False},
               {"ids": [1], "skip_special_tokens": False}),
}  # fmt: skip


@pytest.mark.parametrize("operation", FULL)
def test_requests_have_the_documented_form(operation: str) -> None:
    """The body is what TEI's document says for these parameters."""
    parameters, expected = FULL[operation]
    pair = recorded_pair(
        EXAMPLES[operation].reply, ours(operation, parameters), ours(operation, parameters)
    )
    assert pair[1].json == expected
    assert (pair[1].method, pair[1].path) == ("POST", DOCUMENTED[operation][0])


def test_examples_have_the_documented_form() -> None:
    """Each answer has the fields and types that TEI's document requires."""
    read = {name: json.loads(each.reply.body) for name, each in EXAMPLES.items()
            if each.reply.media_type == "application/json"}  # fmt: skip
    numbers = list[float]
    assert_parses(list[numbers], read["embed"])
    assert_parses(list[list[numbers]], read["embed_all"])
    assert_parses(numbers, read["similarity"])
    assert_parses(list[str], read["decode"])
    tables: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "SparseValue": (list(chain(*read["embed_sparse"])), {"index": int, "value": float}),
        "Rank": (read["rerank"], {"index": int, "score": float}),
        "Prediction": (list(chain(*read["predict"])), {"score": float, "label": str}),
        "SimpleToken": (list(chain(*read["tokenize"])), {"id": int, "text": str, "special": bool}),
        "Info": ([read["info"]], {
            "model_id": str, "model_dtype": str, "model_type": dict, "max_concurrent_requests": int,
            "max_input_length": int, "max_batch_tokens": int, "max_client_batch_size": int,
            "auto_truncate": bool, "tokenization_workers": int, "version": str,
        }),
    }  # fmt: skip
    for schema, (listed, fields) in tables.items():
        assert listed, schema
        for each in listed:
            for name, kind in fields.items():
                assert isinstance(each[name], kind), f"{schema}.{name}"
