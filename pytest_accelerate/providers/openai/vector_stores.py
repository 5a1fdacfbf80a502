"""Vector stores: https://platform.openai.com/docs/api-reference/vector-stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Unpack

from pytest_accelerate.providers.openai.resources import BETA, EITHER_WAY, Counted, Deleted, Page
from pytest_accelerate.providers.operation import Effect, operation
from pytest_accelerate.providers.parameters import CallOptions, Filled
from pytest_accelerate.providers.reading import mappings, text_of
from pytest_accelerate.transport.answers import PageAnswer


@dataclass(frozen=True, eq=False)
class VectorStore(Counted):
    """Files, cut to pieces and made searchable."""

    @property
    def name(self) -> str:
        """The name that it was given."""
        return text_of(self.data.get("name"))


@dataclass(frozen=True, eq=False)
class SearchResults(PageAnswer):
    """Pieces of files, the nearest first: ``score``, ``filename``, ``content`` of each."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each piece."""
        return tuple(
            "".join(text_of(part.get("text")) for part in mappings(each.get("content")))
            for each in mappings(self.data.get("data"))
        )


class VectorStoreOperations:
    """What there is to do with vector stores; they cost by size and day."""

    @operation(
        "POST",
        "/vector_stores",
        headers=BETA,
        answer=VectorStore,
        effect=Effect.CREATE,
        resend=False,
    )
    def vector_stores_create(
        *,
        chunking_strategy: Mapping[str, Any] | None = None,
        description: str | None = None,
        expires_after: Mapping[str, Any] | None = None,
        file_ids: Sequence[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Make a vector store, of uploaded files or empty."""

    @operation("GET", "/vector_stores/{vector_store_id}", headers=BETA, answer=VectorStore)
    def vector_stores_get(*, vector_store_id: str, **options: Unpack[CallOptions]) -> None:
        """How far a vector store is."""

    @operation("GET", "/vector_stores", headers=BETA, answer=Page, paging=EITHER_WAY)
    def vector_stores_list(
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The vector stores that there are."""

    @operation(
        "POST",
        "/vector_stores/{vector_store_id}",
        headers=BETA,
        answer=VectorStore,
        effect=Effect.CREATE,
    )
    def vector_stores_update(
        *,
        vector_store_id: str,
        expires_after: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Change what is kept beside the files; ``extra_body`` can set one of these to null."""

    @operation("DELETE", "/vector_stores/{vector_store_id}", headers=BETA, answer=Deleted)
    def vector_stores_delete(*, vector_store_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a vector store; its files are kept."""

    @operation(
        "POST", "/vector_stores/{vector_store_id}/search", headers=BETA, answer=SearchResults
    )
    def vector_stores_search(
        *,
        vector_store_id: str,
        query: Annotated[str | Sequence[str], Filled],
        filters: Mapping[str, Any] | None = None,
        max_num_results: int | None = None,
        ranking_options: Mapping[str, Any] | None = None,
        rewrite_query: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The pieces that are nearest to a question."""
