"""Tokens of a text at servers that each have their own way to ask for them.

============================  =======================  ===========================================
server                        route                    names
============================  =======================  ===========================================
vLLM                          ``/tokenize``            ``prompt`` or ``messages``,
                                                       ``add_special_tokens``,
                                                       ``return_token_strs``
llama.cpp                     ``/tokenize``            ``content``, ``add_special``,
                                                       ``with_pieces``
llama-cpp-python              ``/extras/tokenize``     ``input``; it always adds the special ones
============================  =======================  ===========================================

``dialect="auto"`` finds out by asking as vLLM is asked. What has no ``/tokenize`` is asked as
llama-cpp-python is. llama.cpp knows none of vLLM's names and answers with no tokens and no
``count``, which vLLM always tells: then it is asked again in its own. What was found holds for the
life of the client.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pytest_accelerate.errors import UnsupportedOperation
from pytest_accelerate.providers.llvm_offer import lacking, offered
from pytest_accelerate.transport.body import dump_json
from pytest_accelerate.transport.exchange import Call, Step
from pytest_accelerate.transport.outcome import Reply

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

Dialect = Literal["vllm", "llama.cpp", "llama-cpp-python"]
OPERATIONS = frozenset({"tokenize", "detokenize"})

_LLAMA_CPP = {"prompt": "content", "add_special_tokens": "add_special",
              "return_token_strs": "with_pieces"}  # fmt: skip


class Interpreter:
    """Asks one server for tokens, in the dialect that it speaks."""

    def __init__(self, client: Provider, dialect: Dialect | None) -> None:
        self._client = client
        self.dialect = dialect
        """``None`` until it is known."""

    def ask(self, call: Call) -> Generator[Step, Any, Reply]:
        """Bring a call in vLLM's dialect to its reply.

        Raises:
            UnsupportedOperation: the server has no such route, or cannot do what is asked for.
            ProviderError: in any other case.
        """
        if self.dialect is not None:
            return (yield from self._ask_in(self.dialect, call))
        try:
            reply = yield from self._ask_in("vllm", call)
        except UnsupportedOperation as error:
            try:
                reply = yield from self._ask_in("llama-cpp-python", call)
            except UnsupportedOperation as second:
                raise second from error.__cause__
            self.dialect = "llama-cpp-python"
            return reply
        self.dialect = _spoken(call.operation, reply)
        if self.dialect == "llama.cpp" and call.operation == "tokenize":
            return (yield from self._ask_in("llama.cpp", call))
        return reply

    def _ask_in(self, dialect: Dialect, call: Call) -> Generator[Step, Any, Reply]:
        return offered(self._client, self._translated(dialect, call))

    def _translated(self, dialect: Dialect, call: Call) -> Call:
        if dialect == "vllm":
            return call
        given: dict[str, Any] = json.loads(call.body)  # type: ignore[arg-type]
        if dialect == "llama.cpp":
            return replace(call, body=dump_json(self._for_llama_cpp(call, given)))
        body = dump_json(self._for_llama_cpp_python(call, given))
        path = f"/{call.operation}"
        url = call.url.replace(f"{self._client.base_url}{path}",
                               f"{self._client.base_url}/extras{path}", 1)  # fmt: skip
        return replace(call, url=url, body=body)

    def _for_llama_cpp(self, call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
        if "messages" in given:
            raise lacking(self._client, call, "llama.cpp counts the tokens of a text only")
        if "prompt" in given:  # vLLM adds them unless it is told not to
            given = {"add_special_tokens": True, **given}
        return {_LLAMA_CPP.get(name, name): value for name, value in given.items()}

    def _for_llama_cpp_python(self, call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
        given = dict(given)
        if "messages" in given:
            raise lacking(self._client, call, "llama-cpp-python counts the tokens of a text only")
        if given.pop("add_special_tokens", True) is False:
            raise lacking(self._client, call, "llama-cpp-python always adds the special tokens")
        if given.pop("return_token_strs", False):
            raise lacking(self._client, call, "llama-cpp-python gives no text of single tokens")
        return {"input" if name == "prompt" else name: value for name, value in given.items()}


def _spoken(operation: str, reply: Reply) -> Dialect | None:
    """The dialect of an answer; ``None`` where it cannot be told."""
    try:
        data = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    if operation == "detokenize":
        return "vllm" if "prompt" in data else "llama.cpp" if "content" in data else None
    return "vllm" if "count" in data else "llama.cpp" if data.get("tokens") == [] else None
