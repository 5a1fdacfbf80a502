"""Tokens are asked for alike at servers that each have their own way to be asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import LLVM
from pytest_accelerate.providers.examples import CannedReply, json_reply
from tests.providers.recording import Recorded, RecordingServer
from tests.providers.test_llvm import ASK, INVALID, Reply, client_of, status, with_routes

WORDS = [1, 15043, 3186]


def vllm(recorded: Recorded) -> CannedReply:
    """How vLLM answers to questions about tokens."""
    given = recorded.json
    if recorded.path == "/detokenize":
        return json_reply({"prompt": "hello world"})
    if not {"prompt", "messages"} & given.keys():
        return status(400, INVALID)
    tokens = WORDS if given.get("add_special_tokens", True) else WORDS[1:]
    strings = ["<s>", "hello", " world"] if given.get("return_token_strs") else None
    return json_reply({"count": len(tokens), "max_model_len": 4096, "tokens": tokens,
                       "token_strs": strings})  # fmt: skip


def llama_cpp(recorded: Recorded) -> CannedReply:
    """How llama.cpp's server does, after its README."""
    given = recorded.json
    if recorded.path == "/detokenize":
        return json_reply({"content": "hello world"})
    if "content" not in given:
        return json_reply({"tokens": []})
    tokens: list[Any] = WORDS if given.get("add_special", False) else WORDS[1:]
    if given.get("with_pieces"):
        pieces = dict(zip(WORDS, ["<s>", "hello", [195]], strict=True))
        tokens = [{"id": each, "piece": pieces[each]} for each in tokens]
    return json_reply({"tokens": tokens})


def llama_cpp_python(recorded: Recorded) -> CannedReply:
    """How llama-cpp-python's server does."""
    if recorded.path == "/extras/detokenize":
        return json_reply({"text": "hello world"})
    return json_reply({"tokens": WORDS}) if "input" in recorded.json else status(422)


SERVERS: dict[str, dict[str, Reply]] = {
    "vllm": {"/tokenize": vllm, "/detokenize": vllm},
    "llama.cpp": {"/tokenize": llama_cpp, "/detokenize": llama_cpp},
    "llama-cpp-python": {
        "/extras/tokenize": llama_cpp_python,
        "/extras/detokenize": llama_cpp_python,
    },
}


@pytest.mark.parametrize("dialect", SERVERS)
@pytest.mark.parametrize("first", ["tokenize", "detokenize"])
def test_tokens_are_asked_for_alike_at_each_server(dialect: str, first: str) -> None:
    """One call for all kinds; whichever comes first finds the kind out, and it is remembered."""
    routes = SERVERS[dialect]
    with RecordingServer(with_routes(routes)) as server, client_of(server) as made:
        if first == "detokenize":
            assert made.detokenize(tokens=WORDS).text == "hello world"
            assert made._interpreter.dialect == dialect
        answer = made.tokenize(prompt="hello world")
        assert (answer.tokens, answer.count) == (tuple(WORDS), 3)
        assert made._interpreter.dialect == dialect
        server.requests.clear()
        assert made.tokenize({"model": "m", "prompt": "hello world"}).tokens == tuple(WORDS)
        assert made.detokenize(model="m", tokens=WORDS).text == "hello world"
        assert [each.path for each in server.requests] == sorted(routes, reverse=True)


@pytest.mark.parametrize("dialect", SERVERS)
def test_a_dialect_that_is_given_is_not_looked_for(dialect: Any) -> None:
    """One request a call, from the first on, and each names things as its server does."""
    names = {"vllm": "prompt", "llama.cpp": "content", "llama-cpp-python": "input"}
    with RecordingServer(with_routes(SERVERS[dialect])) as server:
        for awaited in (False, True):
            server.requests.clear()
            made = client_of(server, dialect=dialect)
            if awaited:
                asyncio.run(awaiting(made))
            else:
                made.tokenize(prompt="hello world", extra_body={"more": 1})
                made.close()
            (request,) = server.requests
            assert names[dialect] in request.json
            assert not (set(names.values()) - {names[dialect]}) & request.json.keys()
            assert request.json["more"] == 1


async def awaiting(made: LLVM) -> None:
    """Ask in a task."""
    async with made:
        await made.tokenize.acall(prompt="hello world", extra_body={"more": 1})


@pytest.mark.parametrize("dialect", ["vllm", "llama.cpp"])
def test_special_tokens_and_pieces_mean_the_same(dialect: str) -> None:
    """Special tokens come unless they are refused; pieces are text, or bytes of a part of one."""
    with RecordingServer(with_routes(SERVERS[dialect])) as server, client_of(server) as made:
        plain = made.tokenize(prompt="hello world", add_special_tokens=False)
        assert plain.tokens == tuple(WORDS[1:])
        assert plain.pieces == ()
        whole = made.tokenize(prompt="hello world", return_token_strs=True)
        assert whole.tokens == tuple(WORDS)
        assert whole.pieces[:2] == ("<s>", "hello")
        assert whole.pieces[2] == (" world" if dialect == "vllm" else b"\xc3")
        assert whole.max_model_len == (4096 if dialect == "vllm" else None)


@pytest.mark.parametrize("dialect", ["llama.cpp", "llama-cpp-python"])
def test_what_a_dialect_cannot_say_is_refused(dialect: str) -> None:
    """A conversation is counted by vLLM alone; nothing is left out unheard."""
    with (
        RecordingServer(with_routes(SERVERS[dialect])) as server,
        client_of(server) as made,
        pytest.raises(errors.UnsupportedOperation, match=dialect),
    ):
        made.tokenize(messages=ASK["messages"])


def test_an_unknown_dialect_is_refused() -> None:
    """It names those that there are."""
    with pytest.raises(errors.InvalidParameters, match=r"auto, vllm, llama\.cpp, llama-cpp-python"):
        LLVM(dialect="latin")  # type: ignore[arg-type]
