"""What a TEI server answers: JSON lists, an entry an input, and in a header how much was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.providers.reading import count_of, mapping, mappings, text_of
from pytest_accelerate.transport.answers import (
    Answer,
    EmbeddingAnswer,
    ListAnswer,
    Origin,
    Usage,
    parse_list,
)
from pytest_accelerate.transport.outcome import Reply


@dataclass(frozen=True, eq=False)
class TEIList(ListAnswer):
    """A list, and how many tokens were read for it."""

    tokens_read: int | None = None
    """By the header of the answer; ``None`` where the server does not tell."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> Self:
        """Read a reply.

        Raises:
            InvalidResponse: it is no JSON list.
        """
        told = reply.headers.get("x-compute-tokens", "")
        entries = parse_list(reply, cls.media_types)
        return cls({"entries": entries}, origin, int(told) if told.isdecimal() else None)

    @property
    def usage(self) -> Usage | None:
        """Tokens that were read; ``None`` where the server does not tell."""
        return None if self.tokens_read is None else Usage(input_tokens=self.tokens_read)


@dataclass(frozen=True, eq=False)
class Vectors(TEIList, EmbeddingAnswer):
    """Vectors of texts."""

    @property
    def vectors(self) -> tuple[tuple[float, ...], ...]:
        """One vector an input, in their order.

        Raises:
            InvalidResponse: an entry is no vector.
        """
        return tuple(map(_vector, self.entries))


@dataclass(frozen=True, eq=False)
class TokenVectors(TEIList):
    """Vectors of the tokens of texts."""

    @property
    def vectors(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """One vector a token, for each input in their order.

        Raises:
            InvalidResponse: an entry is no list of vectors.
        """
        return tuple(tuple(map(_vector, _listed(each))) for each in self.entries)


@dataclass(frozen=True, eq=False)
class SparseVectors(TEIList):
    """Vectors of texts, as wide as the vocabulary and nearly everywhere zero."""

    @property
    def weights(self) -> tuple[Mapping[int, float], ...]:
        """What is not zero, by its place in the vector, for each input in their order.

        Raises:
            InvalidResponse: an entry is no such vector.
        """
        return tuple(
            {count_of(one.get("index")): _number(one.get("value")) for one in mappings(each)}
            for each in self.entries
        )


@dataclass(frozen=True, slots=True)
class Rank:
    """One text by how well it answers the query."""

    index: int
    """Its place among the texts that were given."""
    score: float
    text: str
    """Empty unless ``return_text`` asked for it."""


@dataclass(frozen=True, eq=False)
class Ranks(TEIList):
    """Texts, the best first."""

    @property
    def ranks(self) -> tuple[Rank, ...]:
        """All texts, the best first.

        Raises:
            InvalidResponse: an entry has no score.
        """
        return tuple(
            Rank(count_of(each.get("index")), _number(each.get("score")), text_of(each.get("text")))
            for each in map(mapping, self.entries)
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """How sure a classifier is of one label."""

    label: str
    score: float
    """0 to 1; the number before that where ``raw_scores`` asked for it."""


@dataclass(frozen=True, eq=False)
class Predictions(TEIList):
    """Labels of texts."""

    @property
    def predictions(self) -> tuple[tuple[Prediction, ...], ...]:
        """All labels, the surest first, for each input in their order.

        Raises:
            InvalidResponse: an entry is no prediction.
        """
        single = all(isinstance(each, Mapping) for each in self.entries)
        listed = [self.entries] if single else [_listed(each) for each in self.entries]
        return tuple(tuple(map(_prediction, each)) for each in listed)

    @property
    def labels(self) -> tuple[str, ...]:
        """The surest label of each input.

        Raises:
            InvalidResponse: an entry is no prediction.
        """
        return tuple(each[0].label if each else "" for each in self.predictions)


@dataclass(frozen=True, eq=False)
class Similarities(TEIList):
    """How near sentences are to another one."""

    @property
    def scores(self) -> tuple[float, ...]:
        """The cosine for each sentence in their order, -1 to 1.

        Raises:
            InvalidResponse: an entry is no number.
        """
        return _vector(self.entries)


@dataclass(frozen=True, eq=False)
class TokenLists(TEIList):
    """The tokens of texts."""

    @property
    def tokens(self) -> tuple[tuple[Mapping[str, Any], ...], ...]:
        """Each with ``id``, ``text``, ``special``, ``start`` and ``stop`` in characters."""
        return tuple(tuple(mappings(each)) for each in self.entries)

    @property
    def ids(self) -> tuple[tuple[int, ...], ...]:
        """Their numbers in the vocabulary, for each input in their order."""
        return tuple(tuple(count_of(one.get("id")) for one in each) for each in self.tokens)


@dataclass(frozen=True, eq=False)
class Texts(TEIList):
    """What tokens stand for."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each input in their order."""
        return tuple(map(text_of, self.entries))


@dataclass(frozen=True, eq=False)
class TEIInfo(Answer):
    """What is served, and within which limits."""

    @property
    def model(self) -> str:
        """Such as ``BAAI/bge-small-en-v1.5``."""
        return text_of(self.data.get("model_id"))

    @property
    def kind(self) -> str:
        """``embedding``, ``classifier`` or ``reranker``."""
        return next(iter(mapping(self.data.get("model_type"))), "")

    @property
    def version(self) -> str:
        """Of the server, such as ``1.8.2``."""
        return text_of(self.data.get("version"))

    @property
    def max_input_length(self) -> int | None:
        """Longest input in tokens; ``None`` where it is not told."""
        told = self.data.get("max_input_length")
        return told if isinstance(told, int) else None

    @property
    def max_batch(self) -> int | None:
        """Most inputs of one request; ``None`` where it is not told."""
        told = self.data.get("max_client_batch_size")
        return told if isinstance(told, int) and told > 0 else None


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidResponse(f"expected a list, found {value!r:.80}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidResponse(f"expected a number, found {value!r:.80}")
    return value


def _vector(value: Any) -> tuple[float, ...]:
    return tuple(map(_number, _listed(value)))


def _prediction(value: Any) -> Prediction:
    found = mapping(value)
    return Prediction(text_of(found.get("label")), _number(found.get("score")))
