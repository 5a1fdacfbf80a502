"""From the answers to the parts of a batch to the answer that the whole would have had."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.providers.openai_family import Embeddings
from pytest_accelerate.providers.reading import count_of, mapping, mappings
from pytest_accelerate.providers.tei_answers import TEIList
from pytest_accelerate.transport.answers import Answer

A = TypeVar("A", bound=Answer)


@dataclass(frozen=True)
class Answered:
    """One part of a batch, and what came of it."""

    start: int
    """The place of its first input in the batch."""
    size: int
    answer: Any


Join: TypeAlias = Callable[[Sequence[Answered]], Any]


def concatenated(parts: Sequence[Answered]) -> TEIList:
    """One entry an input, in the order of the inputs."""
    return _list(parts, [entry for part in parts for entry in part.answer.entries])


def ranked(parts: Sequence[Answered]) -> TEIList:
    """Ranks by their place in the whole batch, the best first.

    Of equals the last comes first, as within one answer of TEI.
    """
    ranks = [_shifted(rank, part) for part in parts for rank in part.answer.entries]
    return _list(parts, sorted(ranks, key=_score_and_index, reverse=True))


def embedded(parts: Sequence[Answered]) -> Embeddings:
    """Embeddings in OpenAI's protocol: their places and the usage are those of the whole."""
    data = [_shifted(each, part)
            for part in parts for each in mappings(part.answer.data.get("data"))]  # fmt: skip
    usages = [mapping(part.answer.data.get("usage")) for part in parts]
    usage = {name: sum(count_of(each.get(name)) for each in usages) for name in usages[0]}
    first: Embeddings = parts[0].answer
    return replace(first, data={**first.data, "data": data, "usage": usage})


def check(part: Answered) -> None:
    """Hold that a part's answer has an entry for each input.

    Raises:
        InvalidResponse: it has more or fewer, so that nobody knows which is whose.
    """
    answer = part.answer
    entries = answer.entries if isinstance(answer, TEIList) else mappings(answer.data.get("data"))
    if len(entries) != part.size:
        raise InvalidResponse(f"expected {part.size} entries, the answer has {len(entries)}")


def _list(parts: Sequence[Answered], entries: list[Any]) -> TEIList:
    told = [part.answer.tokens_read for part in parts]
    first: TEIList = parts[0].answer
    read = None if None in told else sum(told)
    return replace(first, data={"entries": entries}, tokens_read=read)


def _shifted(entry: Any, part: Answered) -> dict[str, Any]:
    index = mapping(entry).get("index")
    if not isinstance(index, int) or not 0 <= index < part.size:
        raise InvalidResponse(f"expected an entry with an index below {part.size}, "
                              f"found {entry!r:.80}")  # fmt: skip
    return {**entry, "index": part.start + index}


def _score_and_index(rank: Mapping[str, Any]) -> tuple[float, int]:
    score = rank.get("score")
    if not isinstance(score, (int, float)):
        raise InvalidResponse(f"expected a score, found {rank!r:.80}")
    return score, rank["index"]
