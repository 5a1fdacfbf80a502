"""What self-hosted inference servers answer beside OpenAI's protocol.

The forms are those of vLLM (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html),
of llama.cpp's server (https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md) and
of llama-cpp-python's (https://llama-cpp-python.readthedocs.io/en/latest/server/).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.providers.openai_family import ChatCompletion, usage_of
from pytest_accelerate.providers.reading import count_of, mapping, mappings, text_of
from pytest_accelerate.transport.answers import Answer, EmptyAnswer, Usage


@dataclass(frozen=True, eq=False)
class LLVMChat(ChatCompletion):
    """One chat completion, with what vLLM and llama.cpp add to it."""

    @property
    def reasoning(self) -> str:
        """What a model thought first; empty where the server does not tell it apart."""
        message = self.message
        return text_of(message.get("reasoning")) or text_of(message.get("reasoning_content"))

    @property
    def stop_reason(self) -> str | int | None:
        """The text or the token that it stopped at; ``None`` for the model's own end."""
        found = self.choice.get("stop_reason")
        return found if isinstance(found, (str, int)) else None


@dataclass(frozen=True, eq=False)
class Health(EmptyAnswer):
    """That the server is well; what is not well answers with an error."""

    @property
    def status(self) -> str:
        """The server's own word, such as ``ok``; empty from one that says nothing, as vLLM."""
        return text_of(self.data.get("status"))


@dataclass(frozen=True, eq=False)
class Version(Answer):
    """The version of the server."""

    @property
    def version(self) -> str:
        """Such as ``0.11.0``."""
        return text_of(self.data.get("version"))


@dataclass(frozen=True, eq=False)
class Tokens(Answer):
    """The tokens of a text, whichever server counted them."""

    @property
    def tokens(self) -> tuple[int, ...]:
        """Their numbers in the model's vocabulary."""
        return tuple(count_of(each.get("id") if isinstance(each, Mapping) else each)
                     for each in self._listed)  # fmt: skip

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self._listed)

    @property
    def pieces(self) -> tuple[str | bytes, ...]:
        """The text of each, where ``return_token_strs`` asked for it.

        ``bytes`` where a token is only a part of a character, as llama.cpp tells it.
        """
        told = self.data.get("token_strs")
        if isinstance(told, list):
            return tuple(text_of(each) for each in told)
        return tuple(_piece(each.get("piece")) for each in mappings(self.data.get("tokens")))

    @property
    def max_model_len(self) -> int | None:
        """Tokens that the model takes at most; ``None`` from a server that does not tell."""
        found = self.data.get("max_model_len")
        return found if isinstance(found, int) else None

    @property
    def _listed(self) -> list[Any]:
        listed = self.data.get("tokens")
        return listed if isinstance(listed, list) else []


def _piece(given: Any) -> str | bytes:
    if isinstance(given, list):
        return bytes(count_of(each) % 256 for each in given)
    return text_of(given)


@dataclass(frozen=True, eq=False)
class Detokenized(Answer):
    """The text that tokens stand for, whichever server put it together."""

    @property
    def text(self) -> str:
        """The text."""
        return next((text_of(self.data[name]) for name in ("prompt", "content", "text")
                     if name in self.data), "")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Reranked(Answer):
    """Documents in the order of how well they fit a query."""

    @property
    def results(self) -> tuple[Mapping[str, Any], ...]:
        """``index``, ``relevance_score`` and mostly the ``document`` of each, best first."""
        listed = mappings(self.data.get("results"))
        return tuple(sorted(listed, key=_score, reverse=True))

    @property
    def order(self) -> tuple[int, ...]:
        """The places of the documents in the request, best first."""
        return tuple(count_of(each.get("index")) for each in self.results)

    @property
    def scores(self) -> tuple[float, ...]:
        """How well each fits, in the order of :attr:`order`."""
        return tuple(map(_score, self.results))

    @property
    def usage(self) -> Usage | None:
        """Tokens of query and documents."""
        return usage_of(self.data)


def _score(result: Mapping[str, Any]) -> float:
    found = result.get("relevance_score")
    return float(found) if isinstance(found, (int, float)) else 0.0


@dataclass(frozen=True, eq=False)
class _Listed(Answer):
    """Something for each input."""

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """One object an input, in the order of the inputs."""
        listed = mappings(self.data.get("data"))
        return tuple(sorted(listed, key=lambda each: count_of(each.get("index"))))

    @property
    def usage(self) -> Usage | None:
        """Tokens of the inputs."""
        return usage_of(self.data)


@dataclass(frozen=True, eq=False)
class Scores(_Listed):
    """How alike texts are, by pairs."""

    @property
    def scores(self) -> tuple[float, ...]:
        """One number a pair."""
        return tuple(float(each["score"]) for each in self.entries
                     if isinstance(each.get("score"), (int, float)))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Classes(_Listed):
    """The class of each text."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the most likely classes; empty where the model has no names."""
        return tuple(text_of(each.get("label")) for each in self.entries)

    @property
    def probabilities(self) -> tuple[tuple[float, ...], ...]:
        """Of every class, for each text."""
        return tuple(tuple(each["probs"]) for each in self.entries
                     if isinstance(each.get("probs"), list))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pooled(_Listed):
    """What a model's pooler gives for each text."""

    @property
    def outputs(self) -> tuple[Any, ...]:
        """Numbers, or lists of them, as deep as the model's pooler has them.

        ``bytes`` where ``encoding_format`` asked for base64.

        Raises:
            InvalidResponse: one is no base64.
        """
        return tuple(_output(each.get("data")) for each in self.entries)


def _output(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidResponse(f"expected base64: {error}") from None


@dataclass(frozen=True, eq=False)
class Inferred(Answer):
    """What a model made of its inputs, in the server's own form."""

    @property
    def outputs(self) -> Any:
        """What stands under ``outputs``; ``None`` for a server that calls it otherwise."""
        return self.data.get("outputs")

    @property
    def model(self) -> str:
        """The model that answered, where the server tells."""
        return text_of(self.data.get("model"))

    @property
    def usage(self) -> Usage | None:
        """Tokens, where the server counts them as OpenAI does."""
        return usage_of(mapping(self.data))
