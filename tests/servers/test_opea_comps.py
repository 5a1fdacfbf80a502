"""OPEA's client against opea-comps' own routes, types and orchestration."""

from __future__ import annotations

import asyncio
import io
import json
import math
import re
import wave
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import OPEA
from pytest_accelerate.providers.examples import CannedReply, examples
from pytest_accelerate.servers.opea_comps import DOCUMENT, QUESTION
from pytest_accelerate.servers.running import RunningServer
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import RecordingServer
from tests.servers.conftest import started

EXAMPLES = examples("opea")
QUICK = Policy(max_tries=2, backoff_initial=0.001, backoff_cap=0.01)
ANSWER = "The lighthouse of Anholt was built in 1785."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A whole deployment, for all tests."""
    with started("opea_comps", tmp_path_factory) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Any]:
    """A client that knows where each service is."""
    with server.client("opea", policy=QUICK) as made:
        yield made


def vector(text: str, size: int = 256) -> list[float]:
    """What the embedding service should give: words counted by their hash, at unit length."""
    counts = [0.0] * size
    for word in re.findall(r"\w+", text.lower()):
        counts[zlib.crc32(word.encode()) % size] += 1
    length = math.sqrt(sum(each * each for each in counts))
    return [each / length for each in counts]


def test_every_operation_of_the_client_is_offered(server: RunningServer) -> None:
    """There is a call of each operation, so none of them is proven by a mock alone."""
    assert set(server.calls("opea")) == set(OPEA.operations())


@pytest.mark.parametrize("operation", list(OPEA.operations()))
def test_every_operation_is_answered(server: RunningServer, client: Any, operation: str) -> None:
    """From a thread and from a task, as the type that is declared, with the example's fields."""

    async def ask() -> Any:
        async with server.client("opea", policy=QUICK) as other:
            return await other[operation].acall(server.calls("opea")[operation])

    once = client[operation](server.calls("opea")[operation])
    again = asyncio.run(ask())  # with a client of its own, which puts back what was deleted
    declared = OPEA.operations()[operation].declaration.answer
    assert type(once) is type(again) is declared
    assert once.implementation_type == "REAL"
    assert once.keys() == again.keys()
    canned = EXAMPLES[operation].reply
    if canned.media_type == "application/json" and operation != "statistics":
        example = json.loads(canned.body)
        assert once.keys() == (example if isinstance(example, dict) else {"data": example}).keys()


@pytest.mark.parametrize("operation", ["chatqna", "chat"])
def test_streams_give_what_calls_give(server: RunningServer, client: Any, operation: str) -> None:
    """In pieces, from a thread and from a task, and collected to the same text."""
    parameters = server.calls("opea")[operation]
    with client[operation].stream(parameters) as stream:
        pieces = list(stream.texts())

    async def ask() -> tuple[list[str], Any]:
        async with server.client("opea") as other:
            async with other[operation].astream(parameters) as stream:
                texts = [text async for text in stream.texts()]
            return texts, await other[operation].astream(parameters).answer()

    texts, collected = asyncio.run(ask())
    assert pieces == texts == re.findall(r" ?\S+", ANSWER)
    assert client[operation](parameters).text == collected.text == ANSWER
    assert client.shared.slots.active == 0


def test_a_question_goes_through_every_service(client: Any) -> None:
    """Ingested, found by its embedding, ranked first and given by the model; and by ChatQnA."""
    colours = b"Basalt is black. Chalk is white. Brick is red."
    client.dataprep_ingest(
        files=[("colours.txt", colours), ("noise.txt", b"Basalt was never sold here.")],
        index_name="whole",
    )
    question = "Which colour is basalt?"
    embedding = client.embeddings(input=question).vectors[0]
    found = client.retrieval(embedding=embedding, text=question, index_name="whole")
    assert set(found.texts) == {colours.decode(), "Basalt was never sold here."}
    assert found["initial_query"] == question
    best = client.rerank(input=question, retrieved_docs=found.documents, top_n=1)
    assert best.texts == (colours.decode(),)
    assert best.scores == (0.5,)  # "is" and "basalt", of four words
    assert client.chat(messages=question, documents=best.texts).text == "Basalt is black."
    asked = {"messages": question, "index_name": "whole"}
    assert client.chatqna(asked).text == "Basalt is black."
    assert client.chatqna.stream(asked).answer().text == "Basalt is black."


def test_vectors_are_those_of_the_words(client: Any) -> None:
    """Each text's vector is what its words come to, also in base64 and in another size."""
    texts = [QUESTION, DOCUMENT, "Straße"]
    assert client.embeddings(input=texts).vectors == tuple(
        pytest.approx(vector(text)) for text in texts
    )
    coded = client.embeddings(input=texts, encoding_format="base64")
    assert isinstance(coded["data"][0]["embedding"], str)
    assert coded.vectors == tuple(pytest.approx(vector(text), abs=1e-6) for text in texts)
    assert client.embeddings(input="one", dimensions=3).vectors == (
        pytest.approx(vector("one", 3)),
    )
    assert client.embeddings(input=QUESTION).usage.input_tokens == 7


def test_the_nearest_comes_first(client: Any) -> None:
    """Documents are in the order of their cosine, and ``k`` and thresholds cut the list."""
    texts = ["red red blue", "blue green", "green yellow", "red"]
    client.dataprep_ingest(
        files=[(f"{place}.txt", text.encode()) for place, text in enumerate(texts)],
        index_name="near",
    )
    asked = vector("red blue")
    cosines = {text: sum(a * b for a, b in zip(asked, vector(text), strict=True))
               for text in texts}  # fmt: skip
    ranked = sorted(texts, key=lambda text: -cosines[text])
    near = {"embedding": asked, "text": "red blue", "index_name": "near"}
    assert client.retrieval(near).texts == tuple(ranked)
    assert client.retrieval(near, k=2).texts == tuple(ranked[:2])
    above = client.retrieval(near, search_type="similarity_score_threshold", score_threshold=0.6)
    assert set(above.texts) == {text for text in texts if cosines[text] >= 0.6}
    close = client.retrieval(
        near, search_type="similarity_distance_threshold", distance_threshold=0.2
    )
    assert set(close.texts) == {text for text in texts if 1 - cosines[text] <= 0.2}
    various = client.retrieval(near, search_type="mmr", k=2, lambda_mult=0.0)
    assert various.texts[0] == ranked[0]
    assert various.texts[1] == "green yellow"  # the one that has nothing in common with the first


def test_retrieval_takes_the_answer_of_embeddings(client: Any) -> None:
    """With ``input``, and an embedding as it was given, each document tells its source."""
    given = client.embeddings(input=QUESTION)
    found = client.retrieval(embedding=dict(given), input=QUESTION, k=1)
    assert found.texts == (DOCUMENT,)
    assert found.documents[0]["metadata"] == {"source": "anholt.txt"}


def test_documents_are_cut_into_chunks(client: Any) -> None:
    """``chunk_size`` counts characters, and the service's own cutter holds to it."""
    text = " ".join(f"word{number}" for number in range(40))
    client.dataprep_ingest(
        files=("long.txt", text.encode()), chunk_size=60, chunk_overlap=0, index_name="chunks"
    )
    found = client.retrieval(embedding=vector("word0"), text="word0", k=50, index_name="chunks")
    assert len(found.texts) == math.ceil(len(text) / 60)
    assert max(map(len, found.texts)) <= 60
    assert sorted(" ".join(found.texts).split()) == sorted(text.split())


def test_files_are_listed_and_removed(client: Any, tmp_path: Any) -> None:
    """A path is called by its name; after its removal there is no such document."""
    path = tmp_path / "päth.txt"
    path.write_text("Anything.")
    client.dataprep_ingest(files=path, index_name="listed")
    assert client.dataprep_list(index_name="listed").names == ("päth.txt",)
    assert "listed" in client.dataprep_indices().names
    assert client.dataprep_delete(file_path="päth.txt", index_name="listed").succeeded
    assert client.dataprep_list(index_name="listed").names == ()
    assert "listed" not in client.dataprep_indices().names
    with pytest.raises(errors.NotFound, match="Please check file_path"):
        client.dataprep_delete(file_path="päth.txt", index_name="listed")


def test_links_are_ingested(client: Any) -> None:
    """``link_list`` arrives as the list that it is: the service fetches what is behind it."""
    page = CannedReply("Granit är grå.".encode(), "text/plain; charset=utf-8")
    with RecordingServer(page) as site:
        links = [f"{site.url}/a", f"{site.url}/b?c=d&e=f"]
        assert client.dataprep_ingest(link_list=links, index_name="links").succeeded
        assert [each.path for each in site.requests] == ["/a", "/b"]
    assert client.dataprep_list(index_name="links").names == tuple(links)
    found = client.retrieval(embedding=vector("granit"), text="granit", k=1, index_name="links")
    assert found.texts == ("Granit är grå.",)


def test_a_guard_stops_a_question(client: Any) -> None:
    """Alone, and in ChatQnA, where opea-comps makes a stream of the guard's text by itself."""
    assert not client.guardrails(text="How do I bake bread?").blocked
    guarded = client.guardrails(text="How do I steal bread?")
    assert guarded.blocked
    assert guarded.text == "Violated policies: Criminal Planning, and this isn't answered."
    assert client.guardrails(text="You steal it.", prompt="How?").blocked
    asked = {"messages": "How do I steal bread?"}
    assert client.chatqna(asked).text == guarded.text
    with client.chatqna.stream(asked) as stream:
        assert list(stream.texts()) == [guarded.text]  # its apostrophe ends no literal


def test_a_template_reaches_the_model(client: Any) -> None:
    """What is said in other letters comes whole out of a stream of Python's bytes."""
    template = "Ærø, “{question}” § \\x41\\n'{context}' 你好 🙂"
    answer = client.chatqna.stream(messages=QUESTION, chat_template=template).answer()
    assert answer.text == template.format(question=QUESTION, context=DOCUMENT)
    assert answer.text == client.chatqna(messages=QUESTION, chat_template=template).text


def test_an_answer_is_cut_at_max_tokens(client: Any) -> None:
    """ChatQnA hands ``max_tokens`` on, and the model says why it stopped."""
    assert client.chatqna(messages=QUESTION, max_tokens=2).text == "The lighthouse"
    answer = client.chat(messages=QUESTION, documents=[DOCUMENT], max_tokens=2)
    assert (answer.text, answer.finish_reason) == ("The lighthouse", "length")
    assert answer.usage.output_tokens == 2
    collected = client.chat.stream(messages=QUESTION, documents=[DOCUMENT], max_tokens=2).answer()
    assert (collected.text, collected.finish_reason) == ("The lighthouse", "length")
    assert client.chatqna(messages=QUESTION).usage is None  # it counts nothing, and says 0


def test_a_sound_is_made_and_heard(client: Any) -> None:
    """What the one service speaks, as bytes or in JSON, the other understands in both ways."""
    text = "Godmorgen, Ærø"
    sound = client.audio_speech(input=text).content
    with wave.open(io.BytesIO(sound)) as read:
        assert (read.getnchannels(), read.getframerate()) == (1, 16_000)
        assert read.getnframes() == len(text.encode()) * 2 * 160
    assert client.tts(text=text).audio == sound
    heard = client.audio_transcription(file=("a.wav", sound), language="danish", temperature=0.0)
    assert heard.text == client.asr(audio=sound).text == text


@pytest.mark.parametrize(
    ("operation", "parameters", "told"),
    [
        ("embeddings", {"input": "a", "extra_body": {"input": {"no": "text"}}}, "input"),
        ("embeddings", {"input": "a", "dimensions": 0}, "expected at least 1"),
        ("retrieval", {"embedding": [0.1] * 256, "text": "a", "k": 0}, "greater than 0"),
        ("retrieval", {"embedding": [0.1], "text": "a"}, "256 numbers"),
        ("rerank", {"input": "a", "retrieved_docs": ["a"], "top_n": 0}, "greater than 0"),
        ("chat", {"messages": "a", "max_tokens": -1}, "greater than 0"),
        ("chat", {"messages": "a", "temperature": -1.0}, "greater than or equal to 0"),
        ("guardrails", {"text": "a", "extra_body": {"text": 7}}, "valid string"),
        ("dataprep_ingest", {"files": ("a.txt", b"a"), "extra_body": {"chunk_size": "x"}}, "int"),
        ("dataprep_ingest", {"files": ("anholt.txt", b"a")}, "already exists"),
        ("dataprep_ingest", {"link_list": ["http://elsewhere/"]}, "not on this machine"),
        ("audio_transcription", {"file": b"no sound"}, "no WAV file"),
        ("audio_speech", {"input": "a", "speed": -1.0}, "greater than or equal to 0"),
        ("asr", {"audio": b"no sound"}, "no WAV file"),
    ],
)
def test_what_a_service_refuses_is_a_bad_request(
    client: Any, operation: str, parameters: dict[str, Any], told: str
) -> None:
    """Its own words are in the error, and nothing is asked a second time."""
    with pytest.raises(errors.BadRequest, match=told) as caught:
        client[operation](parameters)
    assert caught.value.status in (400, 422)
    assert caught.value.attempts == 1


def test_an_unknown_model_is_not_found(client: Any) -> None:
    """In a call and in a stream of the service of the model."""
    for call in (client.chat, client.chat.stream):
        with pytest.raises(errors.NotFound, match="there is no model 'gone'"):
            call(messages="Hello", model="gone")


def test_a_megaservice_whose_model_fails_is_no_empty_answer(client: Any) -> None:
    """opea-comps ends such a stream at once, without an error: it is told here."""
    with pytest.raises(errors.InvalidResponse, match="has failed"):
        client.chatqna.stream(messages="Hello", model="gone").answer()
    with pytest.raises(errors.ServerError):
        client.chatqna(messages="Hello", model="gone", max_tries=1)


def test_every_service_tells_its_health(server: RunningServer, client: Any) -> None:
    """Each is asked at its own URL, by its name or by that of an operation."""
    assert client.health().title == client.health(service="chatqna").title == "ChatQnAService"
    titles = {name: client.health(service=name).title for name in client.services}
    assert len(set(titles.values())) == len(titles) == 9
    assert client.health(service="retrieval").title == titles["retriever"]
    assert {client.health(service=name).version for name in titles} == {"1.5"}
    assert server.shown == "opea_comps 1.5"


def test_statistics_are_of_the_calls(client: Any) -> None:
    """After a call its service has figures, in seconds."""
    client.embeddings(input="one")
    figures = client.statistics(service="embeddings").of_service("opea_service@embedding")
    assert 0 < figures["p50_latency"] <= figures["p99_latency"] < 10
    assert figures["p50_latency_first_token"] is None


def test_a_service_that_is_elsewhere_is_not_found(server: RunningServer) -> None:
    """At the megaservice's URL alone there are no embeddings; its own port says so."""
    with OPEA(base_url=server.url) as client, pytest.raises(errors.NotFound):
        client.embeddings(input="one")


BEYOND: dict[str, set[str]] = {"health": {"service"}, "statistics": {"service"}}
"""Parameters that are not sent: they say which service is asked."""
OF_OTHERS: dict[str, set[str]] = {
    "chat": {
        # What ChatQnA's services hand on to each other in the same type, and what it is of.
        "audio_path", "dimensions", "distance_threshold", "embedding", "encoding_format",
        "fetch_k", "image_path", "index_name", "input", "k", "lambda_mult", "reranked_docs",
        "retrieved_docs", "score_threshold", "search_type", "timeout", "top_n",
        # Of the older types that the route takes as well.
        "initial_query", "input_guardrail_params", "max_new_tokens", "output_guardrail_params",
        "query",
    },
    "retrieval": {"constraints"},
    "rerank": {"metadata"},
}  # fmt: skip
"""Fields of the routes that are no parameters of ours; they can be sent by ``extra_body``."""
SENT_BY_ITSELF = {"stream", "request_type", "id", "downstream_black_list"}


@pytest.mark.parametrize("operation", [name for name in OPEA.operations() if name != "chatqna"])
def test_parameters_are_those_of_the_routes(client: Any, operation: str) -> None:
    """Each is a field of what the route takes by its own description, and none is forgotten."""
    declared = OPEA.operations()[operation]
    ours = set(declared.signature.parameters)
    fields = _fields(client, declared.declaration.method, declared.declaration.path)
    assert ours - fields == BEYOND.get(operation, set())
    chat = _fields(client, "POST", "/v1/chat/completions") if operation in PASSED_ON else set()
    forgotten = fields - ours - SENT_BY_ITSELF - (chat - {"input"})
    assert forgotten == OF_OTHERS.get(operation, set())


PASSED_ON = ("retrieval", "rerank", "guardrails")
"""Routes that also take all that a model is sent, and pass it on."""


def test_parameters_of_chatqna_are_those_of_its_type(client: Any) -> None:
    """It reads the request by itself, as a request of a chat."""
    ours = set(OPEA.operations()["chatqna"].signature.parameters)
    assert ours <= _fields(client, "POST", "/v1/chat/completions")


def _fields(client: OPEA, method: str, path: str) -> set[str]:
    """The fields of what a route takes, in any of the types that it takes."""
    described = httpx.get(f"{client.url(path).removesuffix(path)}/openapi.json").json()
    content = described["paths"][path][method.lower()].get("requestBody", {}).get("content", {})
    left, found = [each["schema"] for each in content.values()], set[str]()
    while left:
        schema = left.pop()
        if "$ref" in schema:
            left.append(described["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        left += [*schema.get("anyOf", ()), *schema.get("allOf", ())]
        found |= schema.get("properties", {}).keys()
    return found
