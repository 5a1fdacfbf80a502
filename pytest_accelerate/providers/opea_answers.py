"""What OPEA's services answer.

https://github.com/opea-project/GenAIComps, ``comps/cores/proto``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.providers.openai_family import ChatCompletion
from pytest_accelerate.providers.reading import decoded, mapping, mappings, text_of
from pytest_accelerate.transport.answers import Answer, Origin, PageAnswer, Usage, media_type
from pytest_accelerate.transport.outcome import Reply


@dataclass(frozen=True, eq=False)
class OpeaChat(ChatCompletion):
    """A message of the model, or of ChatQnA around it."""

    @property
    def usage(self) -> Usage | None:
        """Tokens; ``None`` also for ChatQnA, which says 0 of all without counting."""
        told = super().usage
        return told if told is not None and told.total_tokens else None


def _texts(documents: Any) -> tuple[str, ...]:
    """The texts of documents, which are objects with a ``text`` or texts themselves."""
    listed = documents if isinstance(documents, list) else []
    return tuple(text_of(each.get("text") if isinstance(each, Mapping) else each)
                 for each in listed)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Retrieved(Answer):
    """Documents that are near to a question."""

    @property
    def documents(self) -> tuple[Mapping[str, Any], ...]:
        """``text`` of each, with ``metadata`` or ``id`` as the kind of the call has it."""
        return tuple(mappings(self.data.get("retrieved_docs")))

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each, the nearest first."""
        return _texts(self.data.get("retrieved_docs"))


@dataclass(frozen=True, eq=False)
class Reranked(Answer):
    """The best of some documents, the best first."""

    @property
    def documents(self) -> tuple[Mapping[str, Any], ...]:
        """``text`` and ``score`` of each."""
        return tuple(mappings(self.data.get("reranked_docs")))

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each."""
        # What the next service is to be sent, where the call was of the older form.
        return _texts(self.data.get("reranked_docs")) or _texts(self.data.get("documents"))

    @property
    def scores(self) -> tuple[float | None, ...]:
        """The score of each; ``None`` where it is not told."""
        scores = (each.get("score") for each in self.documents)
        return tuple(float(each) if isinstance(each, (int, float)) else None for each in scores)


@dataclass(frozen=True, eq=False)
class Done(Answer):
    """Whether it was done."""

    @property
    def succeeded(self) -> bool:
        """``status`` is ``true``, or 200."""
        return self.data.get("status") in (True, 200)

    @property
    def message(self) -> str:
        """In words; empty where there are none."""
        return text_of(self.data.get("message"))


@dataclass(frozen=True, eq=False)
class Listed(PageAnswer):
    """A list, which is all of the answer; here it stands under ``data``."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> Listed:
        """Read a reply.

        Raises:
            InvalidResponse: it is not JSON, or not a list of what it should be.
        """
        return cls({"data": _list(reply, cls._kind())}, origin)

    @classmethod
    def _kind(cls) -> type:
        return dict


@dataclass(frozen=True, eq=False)
class Files(Listed):
    """The files and links that were ingested."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called."""
        return tuple(text_of(each.get("name")) for each in self.entries)


@dataclass(frozen=True, eq=False)
class Indices(Listed):
    """The indices that there are."""

    @classmethod
    def _kind(cls) -> type:
        return str

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called."""
        return tuple(self.data["data"])

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """``name`` of each."""
        return tuple({"name": each} for each in self.names)


def _list(reply: Reply, kind: type) -> list[Any]:
    found = media_type(reply)
    if found != "application/json":
        raise InvalidResponse(f"expected application/json, the answer is {found or 'of no type'}: "
                              f"{reply.body[:80]!r}")  # fmt: skip
    try:
        data = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(f"the answer is not JSON: {error or type(error).__name__}") from None
    if not isinstance(data, list) or not all(isinstance(each, kind) for each in data):
        raise InvalidResponse(
            f"expected a list of {'objects' if kind is dict else 'texts'}, "
            f"the answer is {reply.body[:80]!r}"
        )
    return data


@dataclass(frozen=True, eq=False)
class Guarded(Answer):
    """What a guard lets through, or why it does not."""

    @property
    def text(self) -> str:
        """The text as it came, or what is wrong with it."""
        return text_of(self.data.get("text"))

    @property
    def blocked(self) -> bool:
        """Whether nothing is to be sent on: the guard names services that must not get it."""
        return bool(self.data.get("downstream_black_list"))


@dataclass(frozen=True, eq=False)
class Heard(Answer):
    """What was said in a sound."""

    @property
    def text(self) -> str:
        """The words."""
        return text_of(self.data.get("asr_result"))


@dataclass(frozen=True, eq=False)
class Spoken(Answer):
    """A text as sound."""

    @property
    def audio(self) -> bytes:
        """The bytes of a WAV file.

        Raises:
            InvalidResponse: the answer has none.
        """
        return decoded([self.data.get("tts_result")])


@dataclass(frozen=True, eq=False)
class Health(Answer):
    """That a service is there."""

    @property
    def title(self) -> str:
        """The service's name."""
        return text_of(self.data.get("Service Title"))

    @property
    def version(self) -> str:
        """Of ``opea-comps``; empty where it does not tell."""
        return text_of(self.data.get("Version"))

    @property
    def description(self) -> str:
        """What the service says of itself."""
        return text_of(self.data.get("Service Description"))


@dataclass(frozen=True, eq=False)
class Statistics(Answer):
    """How long calls took, by service: seconds under ``p50_latency``, ``average_latency``..."""

    def of_service(self, name: str) -> Mapping[str, Any]:
        """The figures of one service; empty where there are none."""
        return mapping(self.data.get(name))
