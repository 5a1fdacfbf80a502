"""``transformers serve`` answers the clients of OpenAI and LLVM: a real server, a real model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import LLVM, OpenAI
from pytest_accelerate.servers import server as server_named
from pytest_accelerate.servers.environments import install, is_installed, python_of
from pytest_accelerate.servers.running import RunningServer
from pytest_accelerate.servers.transformers_serve import MESSAGES, MODEL
from pytest_accelerate.transport.policy import Policy
from tests.servers.conftest import started

QUICK = Policy(backoff_initial=0.001, backoff_cap=0.01)
GREEDY: dict[str, Any] = {"max_tokens": 8, "temperature": 0.0}
TEXT = "hello how are"
OFFERED = [("openai", "chat"), ("openai", "models_list"),
           ("llvm", "chat"), ("llvm", "completions"), ("llvm", "responses"),
           ("llvm", "models_list"), ("llvm", "health")]  # fmt: skip
ABSENT: dict[str, dict[str, Any]] = {
    "version": {},
    "metrics_text": {},
    "models_get": {"model": MODEL},
    "infer": {"model": MODEL, "inputs": TEXT},
    "embeddings": {"model": MODEL, "input": TEXT},
    "rerank": {"model": MODEL, "query": TEXT, "documents": [TEXT]},
    "score": {"model": MODEL, "text_1": TEXT, "text_2": TEXT},
    "pooling": {"model": MODEL, "input": TEXT},
    "classify": {"model": "no-such-model", "input": TEXT},
    "tokenize": {"prompt": TEXT},
    "detokenize": {"tokens": [1, 2]},
    "audio_translation": {"model": MODEL, "file": b"RIFF"},
}
"""What this server does not have."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that has the model."""
    with started("transformers_serve", tmp_path_factory) as made:
        yield made


@pytest.fixture
def client(server: RunningServer) -> Iterator[OpenAI]:
    """OpenAI's client of that server."""
    with OpenAI("no-key-needed", base_url=f"{server.url}/v1", policy=QUICK) as made:
        yield made


@pytest.fixture
def llvm(server: RunningServer) -> Iterator[LLVM]:
    """LLVM's client of that server."""
    with LLVM(base_url=server.url, policy=QUICK) as made:
        yield made


@pytest.fixture(scope="module")
def expected(server: RunningServer) -> dict[str, str]:
    """The texts that the same model gives in this process: of the chat, and of the prompt."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (folder,) = server.folder.glob("hub/*/snapshots/*")
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    asked = {
        "chat": tokenizer.apply_chat_template(
            list(MESSAGES), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )["input_ids"],
        "completions": tokenizer(TEXT, return_tensors="pt")["input_ids"],
    }
    texts = {}
    for name, tokens in asked.items():
        whole = model.generate(tokens, max_new_tokens=8, do_sample=False)
        texts[name] = tokenizer.decode(whole[0][tokens.shape[1] :], skip_special_tokens=True)
    return texts


def test_nothing_offered_is_left_out(server: RunningServer) -> None:
    """The operations tried here are those that the server's file lists, and the absent the rest."""
    listed = [(name, each) for name in server.server.providers for each in server.calls(name)]
    assert sorted(listed) == sorted(OFFERED)
    # Sound is answered to, by models that this is not.
    rest = LLVM.operations().keys() - {"audio_transcription"}
    assert ABSENT.keys() | server.calls("llvm").keys() == rest


@pytest.mark.parametrize(("provider", "operation"), OFFERED)
def test_every_offered_operation_is_answered(
    server: RunningServer, provider: str, operation: str
) -> None:
    """A call and an awaited call give a real answer, and where there is a stream, it too."""
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
    assert called.keys() == awaited.keys()
    if streamed is not None:
        assert called.text == awaited.text == streamed.text == streamed_too.text != ""
        assert called.usage == awaited.usage == streamed.usage == streamed_too.usage
        assert 0 < called.usage.output_tokens <= 8


def test_the_chat_is_what_the_model_says(client: OpenAI, expected: dict[str, str]) -> None:
    """The text is the one that transformers itself generates, and its length is counted right."""
    answer = client.chat(model=MODEL, messages=MESSAGES, **GREEDY)
    assert answer.text.strip() == expected["chat"].strip() != ""
    assert answer.usage is not None
    assert answer.usage.input_tokens == 6  # four words between the marks of user and assistant


def test_the_completion_is_what_the_model_says(llvm: LLVM, expected: dict[str, str]) -> None:
    """The text is the one that transformers itself generates."""
    answer = llvm.completions(model=MODEL, prompt=TEXT, **GREEDY)
    assert answer.text.strip() == expected["completions"].strip() != ""
    assert answer.usage is not None
    assert answer.usage.input_tokens == 3


def test_a_real_server_streams_a_chat(client: OpenAI) -> None:
    """The pieces of a stream make the text that the same call gives without streaming."""
    parameters = {"model": MODEL, "messages": MESSAGES, **GREEDY}
    whole = client.chat(parameters)
    with client.chat.stream(parameters) as stream:
        pieces = list(stream.texts())
    assert len(pieces) > 1
    assert "".join(pieces) == whole.text
    assert client.shared.slots.active == 0


def test_a_real_server_lists_its_models(client: OpenAI, llvm: LLVM) -> None:
    """The list holds the one model of the server's cache, for both clients."""
    assert client.models_list().ids == llvm.models_list().ids == (MODEL,)


def test_a_real_server_refuses_what_it_does_not_know(client: OpenAI) -> None:
    """An unknown field is a bad request, with the field's name."""
    with pytest.raises(errors.BadRequest, match="no_such_field") as caught:
        client.chat(model=MODEL, messages=MESSAGES, extra_body={"no_such_field": 1})
    assert caught.value.status == 422


@pytest.mark.parametrize("operation", ABSENT)
def test_what_is_not_offered_says_so(server: RunningServer, llvm: LLVM, operation: str) -> None:
    """It names operation and server, and what the server said is the cause."""
    with pytest.raises(errors.UnsupportedOperation) as caught:
        llvm[operation](ABSENT[operation])
    assert caught.value.operations == (operation,)
    assert server.url in str(caught.value)
    assert isinstance(caught.value.__cause__, errors.NotFound)
    assert llvm.shared.slots.active == 0


def test_a_model_that_is_not_listed_is_not_found(llvm: LLVM) -> None:
    """Nothing proves that it is the route that is missing."""
    with pytest.raises(errors.NotFound):
        llvm.models_get(model="no-such-model")


def test_what_this_python_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one of its packages the server is not installed, and the message says which."""
    version = metadata.version

    def without(name: str) -> str:
        if name in ("fastapi", "uvicorn"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    declared = server_named("transformers_serve")
    assert not is_installed(declared)
    for call in (python_of, install):
        with pytest.raises(errors.ServerNotInstalled, match="needs fastapi, uvicorn: pip install"):
            call(declared)
