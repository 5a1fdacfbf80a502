"""Models, embeddings and moderations: https://platform.openai.com/docs/api-reference/models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Unpack

from pytest_accelerate.providers.openai.resources import Deleted
from pytest_accelerate.providers.openai_family import Embeddings, OpenAICompatible
from pytest_accelerate.providers.operation import operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.reading import mapping, mappings
from pytest_accelerate.transport.answers import Answer

EmbeddingInput = Annotated[str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]], Filled]
"""A text or several, or the same as tokens."""
ModerationInput = Annotated[str | Sequence[str] | Sequence[Mapping[str, Any]], Filled]
"""A text or several, or parts of one input: texts and images."""


@dataclass(frozen=True, eq=False)
class Moderations(Answer):
    """What was found in the inputs, one result an input."""

    @property
    def results(self) -> tuple[Mapping[str, Any], ...]:
        """``flagged``, ``categories`` and ``category_scores`` of each."""
        return tuple(mappings(self.data.get("results")))

    @property
    def flagged(self) -> bool:
        """Whether anything was found in any of them."""
        return any(each.get("flagged") for each in self.results)

    @property
    def categories(self) -> tuple[frozenset[str], ...]:
        """The names of what was found in each."""
        return tuple(
            frozenset(name for name, found in mapping(each.get("categories")).items() if found)
            for each in self.results
        )


class ModelOperations(OpenAICompatible):
    """Models, and the two smaller things that they do."""

    @operation("DELETE", "/models/{model}", answer=Deleted)
    def models_delete(*, model: str, **options: Unpack[CallOptions]) -> None:
        """Delete a model that was fine-tuned."""

    @operation("POST", "/embeddings", answer=Embeddings)
    def embeddings(
        *,
        model: str,
        input: EmbeddingInput,
        dimensions: int | None = None,
        encoding_format: Literal["float", "base64"] | None = None,
        user: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Vectors of texts; ``base64`` is a quarter of the size, and reads as the same vectors."""

    @operation("POST", "/moderations", answer=Moderations)
    def moderations(
        *,
        input: ModerationInput,
        model: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Whether texts or images are harmful, and in which way."""
