"""The OPEA client: where its services are, what they are sent, and what they answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import OPEA
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply
from pytest_accelerate.providers.opea_services import OPERATIONS, PORTS
from pytest_accelerate.transport.answers import Usage
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import Recorded, RecordingServer

EXAMPLES = examples("opea")
QUICK = Policy(backoff_initial=0.001, backoff_cap=0.002)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own names a service or a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("API_KEY", "BASE_URL", *(f"{each.upper()}_URL" for each in OPERATIONS)):
        monkeypatch.delenv(f"OPEA_{name}", raising=False)


def mocked(reply: CannedReply, seen: list[httpx.Request] | None = None, **more: Any) -> OPEA:
    """A client whose services always answer with ``reply``."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(
            reply.status, content=reply.body, headers={"content-type": reply.media_type}
        )

    return OPEA(policy=QUICK, transport=httpx.MockTransport(answer), **more)


def answered(operation: str) -> Any:
    """What the example's call gives."""
    with mocked(EXAMPLES[operation].reply) as client:
        return client[operation](EXAMPLES[operation].parameters)


# Where services are


def place_of(client: OPEA, operation: str) -> str:
    """The URL that an operation is sent to, without its path."""
    path = OPEA.operations()[operation].declaration.path
    return client.url(path).removesuffix(path)


def test_everything_goes_to_one_url_by_default() -> None:
    """Without services named, it is the base URL: ChatQnA's megaservice on this machine."""
    with OPEA() as client:
        assert {place_of(client, each) for each in client} == {"http://127.0.0.1:8888"}
    with OPEA(base_url="https://gateway.example/opea/") as client:
        assert {place_of(client, each) for each in client} == {"https://gateway.example/opea"}


def test_every_operation_is_of_one_service() -> None:
    """But for those that every service has."""
    listed = [each for operations in OPERATIONS.values() for each in operations]
    assert sorted([*listed, "health", "statistics"]) == sorted(OPEA.operations())
    assert PORTS.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_service_has_its_own_url(service: str) -> None:
    """All operations of a service go there, and no other does."""
    with OPEA(services={service: "http://there:1/"}) as client:
        there = {each for each in client if place_of(client, each) == "http://there:1"}
        assert there == set(OPERATIONS[service])


def test_the_url_of_an_operation_wins() -> None:
    """One operation may be elsewhere than the rest of its service, in whatever order."""
    urls = {"dataprep_ingest": "http://ingest:1", "dataprep": "http://rest:1"}
    for services in (urls, dict(reversed(urls.items()))):
        with OPEA(services=services) as client:
            assert place_of(client, "dataprep_ingest") == "http://ingest:1"
            assert place_of(client, "dataprep_delete") == "http://rest:1"


def test_services_of_one_host() -> None:
    """All on OPEA's own ports."""
    with OPEA(services=OPEA.on_host("10.0.0.5")) as client:
        assert place_of(client, "chatqna") == "http://10.0.0.5:8888"
        assert place_of(client, "embeddings") == "http://10.0.0.5:6000"
        assert place_of(client, "retrieval") == "http://10.0.0.5:7000"


def test_requests_really_go_there() -> None:
    """By threads and by tasks, each service is sent its own, with the key."""
    with (
        RecordingServer(EXAMPLES["embeddings"].reply) as one,
        RecordingServer(EXAMPLES["rerank"].reply) as other,
    ):

        async def ask(client: OPEA) -> None:
            async with client:
                await client.embeddings.acall(input="a")
                await client.rerank.acall(input="a", retrieved_docs=["a"])

        services = {"embedding": one.url, "rerank": f"{other.url}/below"}
        client = OPEA("a-key", services=services)
        client.embeddings(input="a")
        client.rerank(input="a", retrieved_docs=["a"])
        asyncio.run(ask(client))
    assert [each.path for each in one.requests] == ["/v1/embeddings"] * 2
    assert [each.path for each in other.requests] == ["/below/v1/reranking"] * 2
    keys = {each.headers["authorization"] for each in (*one.requests, *other.requests)}
    assert keys == {"Bearer a-key"}


@pytest.mark.parametrize("proxied", ["embedding", "base"])
def test_each_service_has_its_own_way(proxied: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is asked for the servers that it is for, whichever of them the base URL names."""
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def reply(recorded: Recorded) -> CannedReply:
        operation = "embeddings" if recorded.path.endswith("embeddings") else "health"
        return EXAMPLES[operation].reply

    async def ask(client: OPEA) -> None:
        async with client:
            await client.embeddings.acall(input="a")
            await client.health.acall()

    with RecordingServer(reply) as here, RecordingServer(reply) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        far = "http://service.invalid:6000"
        urls = (far, here.url) if proxied == "embedding" else (here.url, far)
        client = OPEA(base_url=urls[1], services={"embedding": urls[0]}, policy=QUICK)
        client.embeddings(input="a")
        client.health()
        asyncio.run(ask(client))
    paths = ("/v1/embeddings", "/v1/health_check")
    through = [path for path, url in zip(paths, urls, strict=True) if url == far]
    assert [each.path for each in proxy.requests] == through * 2
    assert [each.path for each in here.requests] == [
        each for each in paths if each not in through
    ] * 2


def test_variables_name_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are taken unless a base URL is given; an argument wins over them."""
    monkeypatch.setenv("OPEA_BASE_URL", "http://base:1")
    monkeypatch.setenv("OPEA_EMBEDDING_URL", "http://embedding:1")
    monkeypatch.setenv("OPEA_TTS_URL", "http://tts:1")
    with OPEA(services={"tts": "http://mine:1"}) as client:
        assert place_of(client, "chatqna") == "http://base:1"
        assert place_of(client, "embeddings") == "http://embedding:1"
        assert place_of(client, "audio_speech") == "http://mine:1"
    with OPEA(base_url="http://gateway:1") as client:
        assert place_of(client, "embeddings") == "http://gateway:1"


def test_health_is_asked_of_the_service_that_is_named() -> None:
    """By the name of a service or of an operation; without one, of the base URL."""
    seen: list[httpx.Request] = []
    services = {"embedding": "http://one:1", "rerank": "http://two:1/x", "health": "http://h:1"}
    client = mocked(EXAMPLES["health"].reply, seen, services=services)
    client.health()
    for name in ("embedding", "embeddings", "reranking", "llm"):
        client.health(service=name)
    client.health(service="embedding", extra_query={"a": "b"})
    assert [str(each.url) for each in seen] == [
        "http://h:1/v1/health_check",
        "http://one:1/v1/health_check",
        "http://one:1/v1/health_check",
        "http://two:1/x/v1/health_check",
        "http://127.0.0.1:8888/v1/health_check",
        "http://one:1/v1/health_check?a=b",
    ]
    with pytest.raises(errors.InvalidParameters, match="did you mean 'embedding'"):
        client.health(service="embeding")


@pytest.mark.parametrize(
    ("services", "told"),
    [
        ({"embeding": "http://a:1"}, "did you mean 'embedding'"),
        ({"x": "http://a:1"}, "known: chatqna, llm"),
        ({"llm": "a:1"}, "services: llm: expected http"),
        ({"llm": 9000}, "the URL of 'llm' is int"),
        ({"llm": "http://me:secret@a:1"}, "a key belongs into api_key"),
        ({"llm": "http://a:1/?key=secret"}, "a key belongs into api_key"),
        (["http://a:1"], "expected a mapping"),
    ],
)
def test_what_is_no_service_is_refused(services: Any, told: str) -> None:
    """When the client is made, and what may be a password is not told."""
    with pytest.raises(errors.InvalidParameters, match=told) as caught:
        OPEA(services=services)
    assert "secret" not in str(caught.value)


# What is sent


def test_streams_are_asked_for_and_declined() -> None:
    """ChatQnA streams unless it is told not to: it is told in every call."""
    seen: list[httpx.Request] = []
    client = mocked(EXAMPLES["chatqna"].reply, seen)
    client.chatqna(messages="Why?", k=3)
    with pytest.raises(errors.InvalidResponse, match="expected a stream"):
        client.chatqna.stream(messages="Why?")
    bodies = [json.loads(each.content) for each in seen]
    assert bodies[0] == {"messages": "Why?", "k": 3, "stream": False}
    assert bodies[1] == {"messages": "Why?", "stream": True}


def test_files_are_repeated_under_one_name(tmp_path: Path) -> None:
    """Several files stand under ``files``, as FastAPI reads a list, each with its own name."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"A")
    with (
        RecordingServer(EXAMPLES["dataprep_ingest"].reply) as server,
        OPEA(base_url=server.url) as client,
    ):
        client.dataprep_ingest(
            files=[path, ("b.md", b"B", "text/markdown")], chunk_size=9, process_table=True
        )
        client.dataprep_ingest(files=path)
        client.dataprep_ingest(link_list=["http://a/?b=c", "http://ø"])
    first, second, third = (each.form for each in server.requests)
    assert first == [
        ("chunk_size", "", "", b"9"),
        ("files", "a.txt", "text/plain", b"A"),
        ("files", "b.md", "text/markdown", b"B"),
        ("process_table", "", "", b"true"),
    ]
    assert second == [("files", "a.txt", "text/plain", b"A")]
    ((name, _, _, content),) = third
    assert (name, json.loads(content)) == ("link_list", ["http://a/?b=c", "http://ø"])


def test_timestamps_are_repeated_under_one_name() -> None:
    """The other form follows FastAPI's names too."""
    with (
        RecordingServer(EXAMPLES["audio_transcription"].reply) as server,
        OPEA(base_url=server.url) as client,
    ):
        client.audio_transcription(file=b"x", timestamp_granularities=["word", "segment"])
    names = [name for name, *_ in server.requests[0].form]
    assert names == ["file", "timestamp_granularities", "timestamp_granularities"]


@pytest.mark.parametrize("operation", ["dataprep_ingest", "dataprep_delete"])
def test_what_must_not_be_done_twice_is_sent_once(operation: str) -> None:
    """After a failure nobody knows whether it was done."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.ServerError):
        mocked(CannedReply(b"", status=500), seen)[operation](EXAMPLES[operation].parameters)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda client: client.chatqna(messages=""), "must not be empty"),
        (lambda client: client.chatqna(messages=[]), "must not be empty"),
        (lambda client: client.chatqna(messages="a", k="3"), "'k'"),
        (lambda client: client.chatqna(messages="a", search_type="best"), "search_type"),
        (lambda client: client.chat(prompt="a"), "prompt"),
        (lambda client: client.embeddings(input=[]), "must not be empty"),
        (lambda client: client.embeddings(input=[1.5]), "input"),
        (lambda client: client.retrieval(k=3), "'embedding', a 'text' or an 'input'"),
        (lambda client: client.retrieval(embedding=[]), "must not be empty"),
        (lambda client: client.retrieval(embedding=["a"]), "embedding"),
        (lambda client: client.rerank(input="a", retrieved_docs=[]), "must not be empty"),
        (lambda client: client.rerank(input="a", retrieved_docs="a"), "retrieved_docs"),
        (lambda client: client.dataprep_ingest(), "either 'files' or 'link_list'"),
        (lambda client: client.dataprep_ingest(files=("a", b""), link_list=["b"]), "either"),
        (lambda client: client.dataprep_ingest(files=[]), "must not be empty"),
        (lambda client: client.dataprep_ingest(files=b"text"), "needs a name"),
        (lambda client: client.dataprep_ingest(files=[("a", b""), b"text"]), "needs a name"),
        (lambda client: client.dataprep_ingest(files="/no/such/file"), "there is no file"),
        (lambda client: client.dataprep_ingest(link_list=[]), "must not be empty"),
        (lambda client: client.dataprep_ingest(link_list="http://a"), "link_list"),
        (lambda client: client.dataprep_delete(file_path=" "), "must not be empty"),
        (lambda client: client.guardrails(text=""), "must not be empty"),
        (lambda client: client.audio_transcription(), "missing parameter: file"),
        (lambda client: client.asr(audio=b""), "must not be empty"),
        (lambda client: client.asr(audio="path.wav"), "audio"),
        (lambda client: client.health(service=""), "no service or operation"),
        (lambda client: client.health(of="llm"), "unknown parameter 'of'"),
    ],
)
def test_bad_input_is_refused_before_it_is_sent(call: Callable[[OPEA], Any], told: str) -> None:
    """Empty, wrong, unknown or missing parameters raise, by name, before anything is sent."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.InvalidParameters, match=told):
        call(mocked(EXAMPLES["chat"].reply, seen))
    assert not seen


# What is answered


def test_answers_are_read() -> None:
    """Each type tells what stands in it."""
    assert answered("chatqna").text == "Built in 1785, the café's log says."
    assert answered("chat").usage == Usage(input_tokens=12, output_tokens=2)
    assert answered("embeddings").vectors == ((0.6, 0.8), (-0.8, 0.6))
    retrieved = answered("retrieval")
    assert retrieved.texts == ("The lighthouse was built in 1785.",)
    assert retrieved.documents[0]["id"]
    ranked = answered("rerank")
    assert (ranked.texts, ranked.scores) == (retrieved.texts, (0.97,))
    assert answered("dataprep_ingest").succeeded
    assert answered("dataprep_ingest").message == "Data preparation succeeded"
    assert answered("dataprep_list").names == ("anholt.txt",)
    assert answered("dataprep_list").entries[0]["type"] == "File"
    assert answered("dataprep_delete").succeeded
    assert answered("dataprep_indices").names == ("rag_redis",)
    assert answered("dataprep_indices").entries == ({"name": "rag_redis"},)
    assert answered("guardrails").blocked
    assert answered("audio_transcription").text == answered("asr").text == "hello"
    assert answered("tts").audio == answered("audio_speech").content
    assert answered("health").version == "1.5"
    assert answered("health").description == "OPEA Microservice Infrastructure"
    assert answered("statistics").of_service("opea_service@llm")["p50_latency"] == 1.2
    assert answered("statistics").of_service("other") == {}


def test_a_usage_of_nothing_is_not_told() -> None:
    """ChatQnA says 0 tokens without counting: unknown, not none."""
    assert answered("chatqna").usage is None


def test_the_older_form_of_reranking_is_read() -> None:
    """It answers what the next service is to be sent."""
    client = mocked(json_reply({"query": "a", "documents": ["b", {"text": "c"}]}))
    answer = client.rerank(input="a", retrieved_docs=["b"])
    assert (answer.texts, answer.scores) == (("b", "c"), ())


@pytest.mark.parametrize(
    "reply",
    [
        json_reply({"files": []}),
        json_reply([1]),
        CannedReply(b"[", "application/json"),
        CannedReply(b"[]", "text/html"),
        CannedReply(b"[" * 100_000, "application/json"),
    ],
)
@pytest.mark.parametrize("operation", ["dataprep_list", "dataprep_indices"])
def test_what_is_no_list_is_refused(operation: str, reply: CannedReply) -> None:
    """A list is JSON, and holds what it should."""
    with pytest.raises(errors.InvalidResponse):
        mocked(reply)[operation]()


@pytest.mark.parametrize("data", [{}, {"retrieved_docs": 7, "reranked_docs": "x", "text": 1}])
def test_any_json_can_be_read(data: dict[str, Any]) -> None:
    """An answer of another shape reads as empty, and raises nothing of Python's own."""
    client = mocked(json_reply(data))
    assert client.retrieval(text="a").texts == ()
    ranked = client.rerank(input="a", retrieved_docs=["a"])
    assert (ranked.texts, ranked.scores) == ((), ())
    guarded = client.guardrails(text="a")
    assert (guarded.text, guarded.blocked) == ("", False)
    assert client.asr(audio=b"a").text == ""
    assert not client.dataprep_delete(file_path="a").succeeded
    assert client.health().title == ""
    with pytest.raises(errors.InvalidResponse):
        _ = client.tts(text="a").audio


def test_validation_errors_are_bad_requests() -> None:
    """What FastAPI finds wrong is in the message."""
    detail = [{"type": "int_parsing", "loc": ["body", "k"], "msg": "Input should be an integer"}]
    reply = CannedReply(json_reply({"detail": detail}).body, status=422)
    with pytest.raises(errors.BadRequest, match="Input should be an integer") as caught:
        mocked(reply).retrieval(text="a")
    assert caught.value.status == 422


def test_no_key_is_needed() -> None:
    """Without a key nothing is refused, and no header sent."""
    seen: list[httpx.Request] = []
    mocked(EXAMPLES["health"].reply, seen).health()
    assert "authorization" not in seen[0].headers
