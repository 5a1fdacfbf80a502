"""The LLVM client: where its server is, what that lacks, its answers and streams."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import LLVM
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply, sse_reply
from pytest_accelerate.transport.answers import Usage
from pytest_accelerate.transport.policy import Policy
from tests.providers.recording import Recorded, RecordingServer

EXAMPLES = examples("llvm")
QUICK = Policy(backoff_initial=0.001, backoff_cap=0.002)
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
NO_MODEL = {"error": {"message": "The model `m` does not exist.", "type": "NotFoundError"}}
NO_ROUTE = {"detail": "Not Found"}
INVALID = {"error": {"message": "Field required", "type": "BadRequestError"}}

Reply = CannedReply | Callable[[Recorded], CannedReply]


def status(code: int, data: Any = None) -> CannedReply:
    """A JSON answer with a status."""
    return CannedReply(json.dumps(data or {}).encode(), status=code)


def client_of(server: RecordingServer, **options: Any) -> LLVM:
    """A client of a server on loopback."""
    return LLVM(base_url=server.url, policy=QUICK, **options)


def answered(reply: CannedReply) -> LLVM:
    """A client whose server always answers with ``reply``."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"content-type": reply.media_type}
        return httpx.Response(reply.status, content=reply.body, headers=headers)

    return LLVM(policy=QUICK, transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("http://h:8000", "http://h:8000"),
        ("http://h:8000/", "http://h:8000"),
        ("http://h:8000/v1", "http://h:8000"),
        ("http://h:8000/v1/", "http://h:8000"),
        ("https://h/models/v1", "https://h/models"),
        ("http://v1", "http://v1"),
    ],
)
def test_a_base_url_may_end_in_v1(given: str, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it or without it, as an argument or from the environment, the routes are the same."""
    monkeypatch.setenv("LLVM_BASE_URL", given)
    for made in (LLVM(), LLVM(base_url=given)):
        assert made.url("/chat/completions") == f"{root}/v1/chat/completions"
        assert made.url("/models/m/infer") == f"{root}/v1/models/m/infer"
        assert made.url("/health") == f"{root}/health"
        assert made.url("/tokenize") == f"{root}/tokenize"


def test_a_key_is_sent_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is needed; one from the environment goes with every call, also with a question."""
    monkeypatch.delenv("LLVM_API_KEY", raising=False)
    with RecordingServer(EXAMPLES["models_list"].reply) as server, client_of(server) as made:
        made.models_list()
        assert "authorization" not in server.requests[0].headers
    monkeypatch.setenv("LLVM_API_KEY", "secret-of-the-test")
    with RecordingServer(status(404, NO_ROUTE)) as server, client_of(server) as made:
        with pytest.raises(errors.UnsupportedOperation) as caught:
            made.rerank(EXAMPLES["rerank"].parameters)
        assert [each.headers["authorization"] for each in server.requests] == [
            "Bearer secret-of-the-test"
        ] * 2
        assert "secret" not in str(caught.value)


def with_routes(routes: dict[str, Reply]) -> Callable[[Recorded], CannedReply]:
    """A server that has these routes, and a bad word on requests that name no model."""

    def reply(recorded: Recorded) -> CannedReply:
        found = routes.get(recorded.path, status(404, NO_ROUTE))
        return found(recorded) if callable(found) else found

    return reply


@pytest.mark.parametrize("said", [NO_MODEL, NO_ROUTE, {}], ids=["a model", "a route", "nothing"])
@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("chat", "/v1/chat/completions"),
        ("completions", "/v1/completions"),
        ("embeddings", "/v1/embeddings"),
        ("rerank", "/v1/rerank"),
        ("pooling", "/pooling"),
        ("tokenize", "/tokenize"),
        ("audio_transcription", "/v1/audio/transcriptions"),
    ],
)
def test_an_unknown_model_is_no_missing_route(operation: str, path: str, said: Any) -> None:
    """Whatever the text of a 404 says, what the same route says to ``{}`` decides."""

    def reply(recorded: Recorded) -> CannedReply:
        if recorded.body == b"{}":
            return status(422, NO_MODEL)
        return status(404, said)

    example = EXAMPLES[operation].parameters
    with RecordingServer(with_routes({path: reply})) as server, client_of(server) as made:
        with pytest.raises(errors.NotFound):
            made[operation](example)
        assert [each.path for each in server.requests] == [path, path]
        assert server.requests[1].body == b"{}"
        assert server.requests[1].headers["content-type"] == "application/json"
    with (
        RecordingServer(status(404, said)) as server,
        client_of(server) as made,
        pytest.raises(errors.UnsupportedOperation, match=f"llvm.{operation} is not offered"),
    ):
        made[operation](example)


@pytest.mark.parametrize("stream", [False, True], ids=["called", "streamed"])
def test_a_missing_route_is_told_alike_in_all_ways(stream: bool) -> None:
    """Called, awaited, streamed and streamed in a task; the slot is free, one call is counted."""
    with RecordingServer(status(404, NO_ROUTE)) as server, client_of(server) as made:
        with pytest.raises(errors.UnsupportedOperation) as caught:
            made.chat.stream(ASK) if stream else made.chat(ASK)
        assert isinstance(caught.value.__cause__, errors.NotFound)
        assert caught.value.operations == ("chat",)
        assert server.url in str(caught.value)
        assert made.shared.slots.active == 0
        assert made.metrics["chat"].errors == {"NotFound": 1}

        async def ask() -> None:
            async with client_of(server) as awaited:
                if stream:
                    await awaited.chat.astream(ASK)
                else:
                    await awaited.chat.acall(ASK)

        with pytest.raises(errors.UnsupportedOperation):
            asyncio.run(ask())
        assert len(server.requests) == 4


@pytest.mark.parametrize("code", [405, 501])
@pytest.mark.parametrize("operation", ["chat", "models_get", "metrics_text"])
def test_some_statuses_need_no_question(operation: str, code: int) -> None:
    """405 and 501 say by themselves that there is no such thing."""
    with RecordingServer(status(code, NO_MODEL)) as server, client_of(server) as made:
        with pytest.raises(errors.UnsupportedOperation) as caught:
            made[operation](EXAMPLES[operation].parameters)
        assert isinstance(caught.value.__cause__, errors.StatusError)
        assert caught.value.__cause__.status == code
        assert len(server.requests) == 1


@pytest.mark.parametrize("operation", ["health", "version", "metrics_text", "models_list"])
def test_a_call_without_a_model_lacks_a_route(operation: str) -> None:
    """A 404 to what names no model can be about nothing else."""
    with RecordingServer(status(404, NO_MODEL)) as server, client_of(server) as made:
        with pytest.raises(errors.UnsupportedOperation):
            made[operation]()
        assert len(server.requests) == 1


@pytest.mark.parametrize("operation", ["models_get", "infer"])
@pytest.mark.parametrize(
    ("listed", "kind"),
    [
        (json_reply({"data": [{"id": "a"}, {"id": "m/n"}]}), errors.UnsupportedOperation),
        (json_reply({"data": [{"id": "a"}]}), errors.NotFound),
        (json_reply({"data": "m/n"}), errors.NotFound),
        (json_reply([]), errors.NotFound),
        (CannedReply(b"no json"), errors.NotFound),
        (status(500), errors.NotFound),
        (status(404), errors.NotFound),
    ],
)
def test_a_model_in_the_path_is_looked_for_in_the_list(
    operation: str, listed: CannedReply, kind: type[Exception]
) -> None:
    """Only a model that the server lists proves that the route is what is missing."""
    given = {"model": "m/n"} | ({"inputs": "hi"} if operation == "infer" else {})
    with (
        RecordingServer(with_routes({"/v1/models": listed})) as server,
        client_of(server) as made,
        pytest.raises(kind),
    ):
        made[operation](given, extra_query={"a": "b"})
    assert [each.path for each in server.requests[1:]] == ["/v1/models"]
    assert server.requests[1].query == ()


def test_a_question_that_breaks_proves_nothing() -> None:
    """Where the second answer never comes, the first one stands."""
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if len(sent) > 1:
            raise httpx.ReadError("gone")
        return httpx.Response(404, json=NO_ROUTE)

    with LLVM(policy=QUICK, transport=httpx.MockTransport(answer)) as made:
        with pytest.raises(errors.NotFound):
            made.chat(ASK)
        assert len(sent) == 2


def test_other_errors_stay_what_they_are() -> None:
    """A server that is not well, or refuses, is asked no second question."""
    for code, kind in {503: errors.Overloaded, 400: errors.BadRequest,
                       401: errors.AuthenticationFailed}.items():  # fmt: skip
        with RecordingServer(status(code)) as server, client_of(server) as made:
            with pytest.raises(kind):
                made.health(max_tries=1)
            with pytest.raises(kind):
                made.chat(ASK, max_tries=1)
            assert len(server.requests) == 2


@pytest.mark.parametrize("operation", ["tokenize", "embeddings", "pooling", "classify"])
def test_one_of_two_parameters_is_needed(operation: str) -> None:
    """Neither is too little, and both are too much: nothing is sent."""
    text = "prompt" if operation == "tokenize" else "input"
    with RecordingServer(status(500)) as server, client_of(server) as made:
        for given in ({"model": "m"}, {**ASK, text: "hi"}):
            with pytest.raises(errors.InvalidParameters, match=f"either '{text}' or 'messages'"):
                made[operation](given)
        assert server.requests == []


@pytest.mark.parametrize(
    ("operation", "given", "said"),
    [
        ("chat", {"model": "", "messages": ASK["messages"]}, "'model' must not be empty"),
        ("chat", {"model": "m", "messages": []}, "'messages' must not be empty"),
        ("chat", {**ASK, "top_q": 1}, "did you mean 'top_"),
        ("chat", {**ASK, "min_p": "low"}, "'min_p': expected a number"),
        ("completions", {"model": "m", "prompt": ""}, "'prompt' must not be empty"),
        ("completions", {"model": "m", "prompt": "a", "truncation_side": "up"}, "'left', 'right'"),
        ("detokenize", {"tokens": []}, "'tokens' must not be empty"),
        ("detokenize", {"tokens": ["a"]}, "a list of a whole number"),
        ("rerank", {"model": "m", "query": "a"}, "missing parameter: documents"),
        ("models_get", {"model": ".."}, "cannot stand in a path"),
        ("infer", {"model": "m"}, "missing parameter: inputs"),
    ],
)
def test_bad_input_is_not_sent(operation: str, given: dict[str, Any], said: str) -> None:
    """What cannot be meant fails before anything is sent, with the parameter's name."""
    with RecordingServer(status(500)) as server, client_of(server) as made:
        with pytest.raises(errors.InvalidParameters) as caught:
            made[operation](given)
        assert said in str(caught.value)
        assert server.requests == []


def test_a_chat_tells_reasoning_and_where_it_stopped() -> None:
    """vLLM's name and llama.cpp's name for what a model thought are read alike."""
    with answered(EXAMPLES["chat"].reply) as made:
        answer = made.chat(ASK)
    assert (answer.text, answer.reasoning, answer.stop_reason) == ("Hello!", "A greeting.", None)
    assert answer.usage == Usage(11, 3)
    message = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}
    reply = json_reply({"choices": [{"message": message, "stop_reason": 42}]})
    with answered(reply) as made:
        answer = made.chat(ASK)
    assert (answer.reasoning, answer.stop_reason) == ("Hm.", 42)


def test_a_stream_keeps_what_a_server_adds() -> None:
    """Token numbers grow over the events, and the reason to stop is the last one told."""

    def chunk(text: str, tokens: list[int], **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": text}, "token_ids": tokens, **more}
        return {"object": "chat.completion.chunk", "choices": [choice]}

    events = [chunk("a", [1], stop_reason=None), chunk("b", [2, 3]),
              chunk("", [], finish_reason="stop", stop_reason="END")]  # fmt: skip
    with answered(sse_reply(events, end="[DONE]")) as made:
        answer = made.chat.stream(ASK).answer()
    assert answer["choices"][0]["token_ids"] == [1, 2, 3]
    assert (answer.text, answer.stop_reason) == ("ab", "END")


@pytest.mark.parametrize("operation", ["chat", "completions"])
def test_a_stream_collects_to_the_plain_answer(operation: str) -> None:
    """The whole of a stream is the JSON that the same call has without streaming."""
    example = EXAMPLES[operation]
    assert example.stream is not None
    with answered(example.reply) as made:
        plain = dict(made[operation](example.parameters))
    with answered(example.stream) as made:
        whole = dict(made[operation].stream(example.parameters).answer())
    (choice,), (added,) = plain.pop("choices"), whole.pop("choices")
    assert whole == plain
    assert {**choice, "logprobs": None} == {"logprobs": None, **added}


def test_completions_of_several_prompts() -> None:
    """A stream's choices are told apart by their index, and logprobs are joined."""

    def chunk(index: int, text: str, **more: Any) -> dict[str, Any]:
        logprobs = {"tokens": [text], "token_logprobs": [-1.0]}
        return {"choices": [{"index": index, "text": text, "logprobs": logprobs, **more}]}

    ends = {"finish_reason": "length"}
    events = [chunk(1, "x"), chunk(0, "a"), chunk(1, "y", **ends), chunk(0, "b", **ends)]
    with answered(sse_reply(events)) as made:  # no end mark: every choice has ended
        answer = made.completions.stream(model="m", prompt=["p", "q"]).answer()
    assert answer.texts == ("ab", "xy")
    assert answer["choices"][1]["logprobs"]["tokens"] == ["x", "y"]
    with answered(sse_reply(events[:3])) as made, pytest.raises(errors.StreamInterrupted):
        made.completions.stream(model="m", prompt=["p", "q"]).answer()


def test_answers_of_poolers_are_read_in_order() -> None:
    """Whatever the order on the wire: best first for documents, the inputs' own otherwise."""
    results = [{"index": 0, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.9}]
    with answered(json_reply({"results": results})) as made:
        ranked = made.rerank(model="m", query="q", documents=["a", "b"])
    assert (ranked.order, ranked.scores) == ((1, 0), (0.9, 0.1))
    turned = [{"index": 1, "score": 2, "label": "b", "probs": [0.0], "data": [2.0]},
              {"index": 0, "score": 1, "label": None, "probs": [1.0],
               "data": base64.b64encode(b"vec").decode()}]  # fmt: skip
    with answered(json_reply({"data": turned})) as made:
        assert made.score(model="m", text_1="a", text_2=["b", "c"]).scores == (1.0, 2.0)
        classes = made.classify(model="m", input=["a", "b"])
        assert (classes.labels, classes.probabilities) == (("", "b"), ((1.0,), (0.0,)))
        assert made.pooling(model="m", input=["a", "b"]).outputs == (b"vec", [2.0])


def test_pooled_base64_that_is_none_is_an_invalid_response() -> None:
    """What cannot be decoded is told when it is read."""
    with answered(json_reply({"data": [{"index": 0, "data": "%"}]})) as made:
        pooled = made.pooling(model="m", input="a")
    with pytest.raises(errors.InvalidResponse, match="base64"):
        _ = pooled.outputs


def test_health_is_an_answer_or_an_error() -> None:
    """vLLM says nothing, others say ok, and a server that loads its model is overloaded."""
    with answered(EXAMPLES["health"].reply) as made:
        assert made.health().status == ""
    with answered(json_reply({"status": "ok"})) as made:
        assert made.health().status == "ok"
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    with answered(status(503, loading)) as made, pytest.raises(errors.Overloaded, match="Loading"):
        made.health(max_tries=1)


def test_metrics_are_numbers() -> None:
    """The text that Prometheus reads gives its numbers by name and label."""
    with answered(EXAMPLES["metrics_text"].reply) as made:
        told = made.metrics_text()
    assert told.value("vllm:prompt_tokens_total", engine="0") == 11.0
    assert told.types["vllm:num_requests_running"] == "gauge"


def test_an_inference_is_the_servers_own_json() -> None:
    """All of it is kept, and ``outputs`` is read where there are any."""
    reply = json_reply({"result": [1], "model": "m"})
    with RecordingServer(reply) as server, client_of(server) as made:
        answer = made.infer(model="org/m", inputs={"x": [1]}, parameters={"k": 1})
        assert (dict(answer), answer.outputs) == ({"result": [1], "model": "m"}, None)
        assert server.requests[0].json == {"inputs": {"x": [1]}, "parameters": {"k": 1}}
    with answered(EXAMPLES["infer"].reply) as made:
        assert made.infer(model="m", inputs="hi").outputs == ["Hello!"]
