"""The files of vector stores: https://platform.openai.com/docs/api-reference/vector-stores-files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Unpack

from pytest_accelerate.providers.openai.resources import (
    BETA,
    EITHER_WAY,
    Counted,
    Deleted,
    Page,
    Resource,
)
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions
from pytest_accelerate.providers.reading import mappings, text_of
from pytest_accelerate.transport.answers import PageAnswer

State = Literal["in_progress", "completed", "failed", "cancelled"]
Attributes = Mapping[str, str | float | bool]


@dataclass(frozen=True, eq=False)
class FileContent(PageAnswer):
    """What was read of a file."""

    @property
    def text(self) -> str:
        """The text of all its parts."""
        return "".join(text_of(each.get("text")) for each in mappings(self.data.get("data")))


class VectorStoreFileOperations:
    """Files of vector stores, one by one and many at once."""

    @operation(
        "POST",
        "/vector_stores/{vector_store_id}/files",
        headers=BETA,
        answer=Resource,
        effect=Effect.CREATE,
    )
    def vector_store_files_create(
        *,
        vector_store_id: str,
        file_id: str,
        attributes: Attributes | None = None,
        chunking_strategy: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Add an uploaded file."""

    @operation(
        "GET", "/vector_stores/{vector_store_id}/files/{file_id}", headers=BETA, answer=Resource
    )
    def vector_store_files_get(
        *, vector_store_id: str, file_id: str, **options: Unpack[CallOptions]
    ) -> None:
        """How far a file is."""

    @operation(
        "POST",
        "/vector_stores/{vector_store_id}/files/{file_id}",
        headers=BETA,
        answer=Resource,
        effect=Effect.CREATE,
    )
    def vector_store_files_update(
        *,
        vector_store_id: str,
        file_id: str,
        attributes: Attributes,
        **options: Unpack[CallOptions],
    ) -> None:
        """Change the attributes that a search can filter by."""

    @operation(
        "GET",
        "/vector_stores/{vector_store_id}/files/{file_id}/content",
        headers=BETA,
        answer=FileContent,
    )
    def vector_store_files_content(
        *, vector_store_id: str, file_id: str, **options: Unpack[CallOptions]
    ) -> None:
        """The text that was read of a file."""

    @operation(
        "GET",
        "/vector_stores/{vector_store_id}/files",
        headers=BETA,
        answer=Page,
        paging=EITHER_WAY,
    )
    def vector_store_files_list(
        *,
        vector_store_id: str,
        after: str | None = None,
        before: str | None = None,
        filter: State | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The files of a vector store."""

    @operation(
        "DELETE", "/vector_stores/{vector_store_id}/files/{file_id}", headers=BETA, answer=Deleted
    )
    def vector_store_files_delete(
        *, vector_store_id: str, file_id: str, **options: Unpack[CallOptions]
    ) -> None:
        """Take a file out; the file itself is kept."""

    @operation(
        "POST",
        "/vector_stores/{vector_store_id}/file_batches",
        headers=BETA,
        answer=Counted,
        effect=Effect.CREATE,
        resend=False,
    )
    def vector_store_file_batches_create(
        *,
        vector_store_id: str,
        attributes: Attributes | None = None,
        chunking_strategy: Mapping[str, Any] | None = None,
        file_ids: Sequence[str] | None = None,
        files: Sequence[Mapping[str, Any]] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Add many files: ``file_ids``, or ``files`` with attributes of their own."""

    @operation(
        "GET",
        "/vector_stores/{vector_store_id}/file_batches/{batch_id}",
        headers=BETA,
        answer=Counted,
    )
    def vector_store_file_batches_get(
        *, vector_store_id: str, batch_id: str, **options: Unpack[CallOptions]
    ) -> None:
        """How far many files are."""

    @operation(
        "POST",
        "/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel",
        headers=BETA,
        answer=Counted,
        encoding=Encoding.QUERY,
        effect=Effect.DELETE,
    )
    def vector_store_file_batches_cancel(
        *, vector_store_id: str, batch_id: str, **options: Unpack[CallOptions]
    ) -> None:
        """Stop adding many files."""

    @operation(
        "GET",
        "/vector_stores/{vector_store_id}/file_batches/{batch_id}/files",
        headers=BETA,
        answer=Page,
        paging=EITHER_WAY,
    )
    def vector_store_file_batches_list(
        *,
        vector_store_id: str,
        batch_id: str,
        after: str | None = None,
        before: str | None = None,
        filter: State | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The files that were added at once."""
