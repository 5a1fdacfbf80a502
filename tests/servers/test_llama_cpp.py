"""llama-cpp-python's server answers the clients of LLVM and OpenAI: a real llama.cpp, no mock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import LLVM
from pytest_accelerate.servers.environments import python_of
from pytest_accelerate.servers.llama_cpp import MESSAGES, MODEL
from pytest_accelerate.servers.running import RunningServer
from pytest_accelerate.transport.policy import Policy
from tests.servers.conftest import started
from tests.servers.llama_by_hand import Llama

QUICK = Policy(backoff_initial=0.001, backoff_cap=0.01)
GREEDY: dict[str, Any] = {"max_tokens": 8, "temperature": 0.0}
EXACT: dict[str, Any] = {**GREEDY, "extra_body": {"repeat_penalty": 1.0}}
"""Without it, the server makes what was said before less likely."""
TEXT = "hello how are you"
OFFERED = [("llvm", "chat"), ("llvm", "completions"), ("llvm", "embeddings"),
           ("llvm", "models_list"), ("llvm", "tokenize"), ("llvm", "detokenize"),
           ("openai", "chat"), ("openai", "embeddings"), ("openai", "models_list")]  # fmt: skip
ABSENT: dict[str, dict[str, Any]] = {
    "health": {},
    "version": {},
    "metrics_text": {},
    "models_get": {"model": MODEL},
    "infer": {"model": MODEL, "inputs": TEXT},
    "rerank": {"model": MODEL, "query": TEXT, "documents": [TEXT]},
    "score": {"model": MODEL, "text_1": TEXT, "text_2": TEXT},
    "pooling": {"model": MODEL, "input": TEXT},
    "classify": {"model": MODEL, "input": TEXT},
    "responses": {"model": MODEL, "input": TEXT},
    "audio_transcription": {"model": MODEL, "file": b"RIFF"},
    "audio_translation": {"model": MODEL, "file": b"RIFF"},
}
"""What this server does not have, though it has the model."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that runs."""
    with started("llama_cpp", tmp_path_factory) as made:
        yield made


@pytest.fixture
def client(server: RunningServer) -> Iterator[LLVM]:
    """A client of it."""
    with LLVM(base_url=server.url, policy=QUICK) as made:
        yield made


@pytest.fixture(scope="module")
def llama(server: RunningServer) -> Llama:
    """The same model, computed by hand."""
    return Llama(python_of(server.server), server.folder / "tiny.gguf")


def by_hand(text: str) -> int:
    """How many tokens a text of small letters and spaces has: the beginning, a space, each."""
    return 2 + len(text)


def test_nothing_offered_is_left_out(server: RunningServer) -> None:
    """The operations tried here are those that the server's file lists, and the absent the rest."""
    listed = [(name, each) for name in server.server.providers for each in server.calls(name)]
    assert sorted(listed) == sorted(OFFERED)
    assert ABSENT.keys() | server.calls("llvm").keys() == LLVM.operations().keys()


@pytest.mark.parametrize(("provider", "operation"), OFFERED)
def test_every_offered_operation_is_answered(
    server: RunningServer, provider: str, operation: str
) -> None:
    """A call and an awaited call give the same real answer, and where there is a stream, it too."""
    parameters = server.calls(provider)[operation]

    async def ask() -> tuple[Any, Any]:
        async with server.client(provider, policy=QUICK) as made:
            handler = made[operation]
            streamed = await handler.astream(parameters).answer() if handler.streams else None
            return await handler.acall(parameters), streamed

    with server.client(provider, policy=QUICK) as made:
        called = made[operation](parameters)
        streamed = made[operation].stream(parameters).answer() if made[operation].streams else None
        assert made.shared.slots.active == 0
    awaited, streamed_too = asyncio.run(ask())
    assert {called.implementation_type, awaited.implementation_type} == {"REAL"}
    told = {"id", "created"}  # of each call its own
    assert {**called, **dict.fromkeys(told)} == {**awaited, **dict.fromkeys(told)}
    if streamed is not None:
        assert streamed.text == streamed_too.text == called.text != ""
        assert streamed.finish_reason == called.finish_reason == "length"


def test_the_text_is_the_one_that_the_model_gives(client: LLVM, llama: Llama) -> None:
    """A greedy completion is what numpy computes from the same weights."""
    answer = client.completions(model=MODEL, prompt=TEXT, **EXACT)
    tokens = client.tokenize(model=MODEL, prompt=TEXT).tokens
    expected = client.detokenize(model=MODEL, tokens=llama.greedy(tokens, 8)).text
    assert answer.text == expected.strip()
    assert len(answer.text) == 8


def test_a_stream_has_one_letter_an_event(client: LLVM) -> None:
    """The pieces of a stream come one token at a time and make the whole text."""
    whole = client.completions(model=MODEL, prompt=TEXT, **EXACT)
    with client.completions.stream(model=MODEL, prompt=TEXT, **EXACT) as stream:
        assert list(stream.texts()) == list(whole.text)
    with client.chat.stream(model=MODEL, messages=MESSAGES, **GREEDY) as stream:
        assert len(list(stream.texts())) == 8


def test_logprobs_of_a_stream_are_all_there(client: LLVM) -> None:
    """A stream adds up to the log probabilities that the same call has without streaming."""
    parameters = {"model": MODEL, "prompt": TEXT, "logprobs": 2, **EXACT}
    whole = client.completions(parameters)["choices"][0]["logprobs"]
    added = client.completions.stream(parameters).answer()["choices"][0]["logprobs"]
    assert added["tokens"] == whole["tokens"]
    assert len(added["tokens"]) == 8
    assert added["token_logprobs"] == pytest.approx(whole["token_logprobs"], abs=1e-4)


def test_vectors_are_those_of_the_model(client: LLVM, llama: Llama) -> None:
    """An embedding is the mean of what numpy computes behind each token; alike texts are equal."""
    first, second, third = client.embeddings(model=MODEL, input=[TEXT, "thanks", TEXT]).vectors
    tokens = client.tokenize(model=MODEL, prompt=TEXT).tokens
    numpy.testing.assert_allclose(first, llama.hidden(tokens).mean(0), atol=5e-3)
    assert first == pytest.approx(third, abs=1e-6)
    assert first != pytest.approx(second, abs=1e-2)


@pytest.mark.parametrize("text", ["a", TEXT, "  two  spaces "])
def test_tokens_are_counted_alike_everywhere(client: LLVM, text: str) -> None:
    """Counted by hand, by ``tokenize``, and as the usage of a completion and of an embedding."""
    counted = client.tokenize(model=MODEL, prompt=text)
    assert counted.count == len(counted.tokens) == by_hand(text)
    completed = client.completions(model=MODEL, prompt=text, **GREEDY)
    embedded = client.embeddings(model=MODEL, input=text)
    assert completed.usage is not None
    assert embedded.usage is not None
    assert completed.usage.input_tokens == embedded.usage.input_tokens == by_hand(text)
    assert completed.usage.output_tokens == 8


@pytest.mark.parametrize("text", [TEXT, "Grüße, 你好 🦙", "line\nbreak\ttab"])
def test_tokens_stand_for_their_text(client: LLVM, text: str) -> None:
    """What is tokenized and put together again is the text."""
    tokens = client.tokenize(model=MODEL, prompt=text).tokens
    assert client.detokenize(model=MODEL, tokens=tokens).text == text


def test_the_dialect_is_found_once(client: LLVM) -> None:
    """The first question finds out how the server is asked, and the next ones know it."""
    client.tokenize(prompt=TEXT)
    assert client._interpreter.dialect == "llama-cpp-python"
    assert client.metrics["tokenize"].sent == 2  # as vLLM is asked, and then as this one
    client.tokenize(prompt=TEXT)
    assert client.metrics["tokenize"].sent == 3


@pytest.mark.parametrize(
    "parameters",
    [{"messages": MESSAGES}, {"prompt": TEXT, "add_special_tokens": False},
     {"prompt": TEXT, "return_token_strs": True}],
)  # fmt: skip
def test_what_its_tokenizer_cannot_is_refused(client: LLVM, parameters: dict[str, Any]) -> None:
    """What the server would not heed is an error, and never an answer to another question."""
    with pytest.raises(errors.UnsupportedOperation, match="llama-cpp-python") as caught:
        client.tokenize(parameters)
    assert caught.value.operations == ("tokenize",)


@pytest.mark.parametrize("operation", ABSENT)
def test_what_is_not_offered_says_so(server: RunningServer, operation: str) -> None:
    """It names operation and server, and what the server said is the cause; also when awaited."""
    raised: list[errors.UnsupportedOperation] = []
    with LLVM(base_url=server.url, policy=QUICK) as made:
        with pytest.raises(errors.UnsupportedOperation) as caught:
            made[operation](ABSENT[operation])
        raised.append(caught.value)
        if made[operation].streams:
            with pytest.raises(errors.UnsupportedOperation) as caught:
                made[operation].stream(ABSENT[operation])
            raised.append(caught.value)
        assert made.shared.slots.active == 0

    async def ask() -> None:
        async with LLVM(base_url=server.url, policy=QUICK) as made:
            await made[operation].acall(ABSENT[operation])

    with pytest.raises(errors.UnsupportedOperation) as caught:
        asyncio.run(ask())
    for error in (*raised, caught.value):
        assert error.operations == (operation,)
        assert f"llvm.{operation}" in str(error)
        assert server.url in str(error)
        assert isinstance(error.__cause__, errors.NotFound)


def test_an_unknown_model_is_not_found_where_it_is_asked_for(client: LLVM) -> None:
    """The list does not have it, so nothing says that the route is what is missing."""
    with pytest.raises(errors.NotFound):
        client.models_get(model="no-such-model")
    # This server gives any other name to its own model, and says so nowhere.
    assert client.chat(model="no-such-model", messages=MESSAGES, **GREEDY).text


def test_too_much_text_is_a_bad_request(client: LLVM) -> None:
    """More tokens than the model has room for are refused with the server's own reason."""
    with pytest.raises(errors.BadRequest) as caught:
        client.completions(model=MODEL, prompt="word " * 100, **GREEDY)
    assert caught.value.status == 400
    assert "256" in str(caught.value)


def test_the_list_names_the_model(client: LLVM) -> None:
    """The server's only model is in its list."""
    assert client.models_list().ids == (MODEL,)
