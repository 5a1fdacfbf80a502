"""The TEI client: answers of lists, errors of the server, and where it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import TEI
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply
from pytest_accelerate.providers.tei_answers import Prediction, Rank
from pytest_accelerate.transport.answers import Usage
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import RecordingServer

EXAMPLES = examples("tei")
QUICK = Policy(backoff_initial=0.001, backoff_cap=0.002, max_tries=2)


def mocked(reply: CannedReply, seen: list[httpx.Request] | None = None) -> TEI:
    """A client whose server always answers with ``reply``."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        headers = {"content-type": reply.media_type, **reply.headers}
        return httpx.Response(reply.status, content=reply.body, headers=headers)

    return TEI(policy=QUICK, transport=httpx.MockTransport(answer))


def example(operation: str) -> Any:
    """The answer of an operation's example."""
    with mocked(EXAMPLES[operation].reply) as client:
        return client[operation](EXAMPLES[operation].parameters)


LISTS = [name for name, each in EXAMPLES.items() if each.reply.body.startswith(b"[")]


@pytest.mark.parametrize("operation", LISTS)
def test_a_list_is_the_answer_as_it_came(operation: str) -> None:
    """The JSON list stands whole under ``entries``; calls from threads and tasks give the same."""
    answer = example(operation)
    expected = json.loads(EXAMPLES[operation].reply.body)
    assert dict(answer) == {"entries": expected}
    assert list(answer.entries) == expected

    async def call() -> Any:
        async with mocked(EXAMPLES[operation].reply) as client:
            return await client[operation].acall(EXAMPLES[operation].parameters)

    assert dict(asyncio.run(call())) == dict(answer)


def test_vectors_are_read() -> None:
    """Dense, sparse, and one a token: in the order of the inputs."""
    assert example("embed").vectors == ((0.6, 0.8), (-0.8, 0.6))
    assert example("embed_all").vectors == (((0.5, 0.25), (0.125, -0.5)), ((-1.5, 0.75),))
    assert example("embed_sparse").weights == ({2784: 1.25, 4083: 2.5}, {8808: 2.75})
    assert example("embeddings").vectors == ((0.6, 0.8), (-0.8, 0.6))


def test_ranks_predictions_and_scores_are_read() -> None:
    """What classifiers and cosines come to."""
    ranks = example("rerank").ranks
    assert ranks[0] == Rank(0, 0.96875, "Learning by networks of many layers.")
    assert [each.index for each in ranks] == [0, 1]
    answer = example("predict")
    assert answer.labels == ("POSITIVE", "NEGATIVE")
    assert answer.predictions[1][0] == Prediction("NEGATIVE", 0.875)
    assert example("similarity").scores == (0.8125, 0.25)


def test_a_prediction_of_one_text_is_one() -> None:
    """For one text TEI answers its labels without a list around; they read alike."""
    labels = [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.25}]
    answer = mocked(json_reply(labels)).predict(inputs="hi")
    assert answer.labels == ("a",)
    assert answer.predictions == ((Prediction("a", 0.75), Prediction("b", 0.25)),)


def test_tokens_and_texts_are_read() -> None:
    """Tokens of texts, and texts of tokens."""
    assert example("tokenize").ids == ((101, 7592, 2088, 102),)
    assert [token["special"] for token in example("tokenize").tokens[0]] == [True, False, False,
                                                                             True]  # fmt: skip
    assert example("decode").texts == ("hello world",)


def test_usage_is_what_the_header_says() -> None:
    """Tokens that were read; none where the server does not tell."""
    assert example("embed").usage == Usage(input_tokens=14)
    assert example("embeddings").usage == Usage(input_tokens=14)
    assert example("decode").usage is None
    odd = json_reply([[1.0]], **{"x-compute-tokens": "-1"})
    assert mocked(odd).embed(inputs="x").usage is None


def test_what_is_asked_of_the_server_itself_is_read() -> None:
    """Model, kind, limits and counts."""
    info = example("info")
    assert (info.model, info.kind, info.version) == ("BAAI/bge-small-en-v1.5", "embedding", "1.8.2")
    assert (info.max_input_length, info.max_batch) == (512, 32)
    assert dict(example("health")) == {}
    assert example("server_metrics").value("te_request_count", method="single") == 1


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "Empty", errors.BadRequest),
        (413, "Validation", errors.PayloadTooLarge),
        (422, "Tokenizer", errors.BadRequest),
        (424, "Backend", errors.BadRequest),
        (429, "Overloaded", errors.RateLimited),
        (503, "Unhealthy", errors.Overloaded),
    ],
)
def test_errors_are_typed_and_carry_their_kind(
    status: int, kind: str, expected: type[errors.StatusError]
) -> None:
    """Both forms in which TEI tells an error give status, kind and words."""
    own = {"error": "some words", "error_type": kind}
    like_openai = {"message": "some words", "code": status, "type": kind}
    for operation, told in (("embed", own), ("embeddings", like_openai)):
        reply = CannedReply(json.dumps(told).encode(), status=status)
        name = "inputs" if operation == "embed" else "input"
        with pytest.raises(expected, match="some words") as caught:
            mocked(reply)[operation]({name: "x"})
        assert (caught.value.status, caught.value.code) == (status, kind)


@pytest.mark.parametrize("body", [{}, 7, None, "x"], ids=repr)
def test_what_is_no_list_is_no_answer(body: Any) -> None:
    """An object where a list is expected is refused."""
    with pytest.raises(errors.InvalidResponse, match="a JSON list"):
        mocked(json_reply(body)).embed(inputs="x")


@pytest.mark.parametrize("entry", [7, "x", None, {}, [None], ["x"], [[[]]], [True]], ids=repr)
def test_entries_that_are_none_are_told(entry: Any) -> None:
    """What cannot be read is a typed error at the property, and nothing of Python's own."""
    client = mocked(json_reply([entry]))
    reads: dict[str, Callable[[], Any]] = {
        "embed": lambda: client.embed(inputs="x").vectors,
        "rerank": lambda: client.rerank(query="q", texts=["x"]).ranks,
        "predict": lambda: client.predict(inputs="x").predictions,
        "embed_all": lambda: client.embed_all(inputs="x").vectors,
    }
    for read in reads.values():
        with pytest.raises(errors.InvalidResponse, match="expected"):
            read()
    assert len(client.tokenize(inputs="x").ids) == 1
    assert len(client.decode(ids=[1]).texts) == 1
    assert len(client.embed_sparse(inputs="x").weights) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.embed(inputs=""),
        lambda client: client.embed(inputs=[]),
        lambda client: client.embed(inputs=7),
        lambda client: client.embed(inputs="x", truncation_direction="up"),
        lambda client: client.rerank(query="q", texts=[]),
        lambda client: client.rerank(query="q", texts="x"),
        lambda client: client.similarity(source_sentence="s", sentences=[]),
        lambda client: client.predict(inputs=["a", "b", "c"]),
        lambda client: client.predict(inputs=[["a", "b", "c"]]),
        lambda client: client.predict(inputs=[[]]),
        lambda client: client.decode(ids=["x"]),
        lambda client: client.embeddings(input="x", encoding_format="int8"),
        lambda client: client.embed(input="x"),
        lambda client: client.embed(inputs=["x"] * 50, timeout=0),
    ],
)
def test_bad_input_is_refused_before_it_is_sent(call: Callable[[TEI], Any]) -> None:
    """Empty, wrong or unknown parameters raise before anything is sent, ``/info`` included."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters):
        call(mocked(EXAMPLES["embed"].reply, seen))
    assert not seen


def test_one_input_of_tokens_is_no_batch() -> None:
    """A list of numbers is one text, and a list of two texts one pair: never cut."""
    seen: list[httpx.Request] = []
    client = mocked(json_reply([[1.0]]), seen)
    client.embed(inputs=list(range(100)))
    client.decode(ids=list(range(100)))
    client.predict(inputs=["a", "b"])
    bodies = [json.loads(request.content) for request in seen]
    assert [len(next(iter(body.values()))) for body in bodies] == [100, 100, 2]


def test_embeddings_come_in_base64_too() -> None:
    """Vectors that were asked for in base64 read as numbers."""
    data = [{"object": "embedding", "index": 0, "embedding": "AACAPwAAAD8="}]
    answer = mocked(json_reply({"data": data})).embeddings(input="x", encoding_format="base64")
    assert answer.vectors == ((1.0, 0.5),)


def test_the_server_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default on this machine's port 8080, else where ``TEI_BASE_URL`` or the argument says."""
    monkeypatch.delenv("TEI_BASE_URL", raising=False)
    assert TEI().base_url == "http://127.0.0.1:8080"
    monkeypatch.setenv("TEI_BASE_URL", "http://box:3000/")
    assert TEI().base_url == "http://box:3000"
    assert TEI(base_url="http://here:1").base_url == "http://here:1"


def test_no_key_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a key no header is sent; the server's own key goes before a token of the hub."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("HF_TOKEN", "TEI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    sent = []
    with RecordingServer(EXAMPLES["info"].reply) as server:
        for name, value in (("", ""), ("HF_TOKEN", "hub"), ("TEI_API_KEY", "own")):
            if name:
                monkeypatch.setenv(name, value)
            with TEI(base_url=server.url) as client:
                client.info()
            sent.append(server.requests[-1].headers.get("authorization", ""))
    assert sent == ["", "Bearer hub", "Bearer own"]
