"""Files, and uploads in parts: https://platform.openai.com/docs/api-reference/files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Unpack

from pytest_accelerate.providers.base import Provider
from pytest_accelerate.providers.openai.jsonl import checked_lines
from pytest_accelerate.providers.openai.resources import AFTER, Deleted, Page, Resource
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions, File
from pytest_accelerate.providers.reading import count_of, mapping, text_of
from pytest_accelerate.transport.answers import BinaryAnswer

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
LINES = ("batch", "fine-tune")
"""Purposes whose files are JSON lines."""


@dataclass(frozen=True, eq=False)
class StoredFile(Resource):
    """A file that the provider keeps."""

    @property
    def filename(self) -> str:
        """The name that it was given."""
        return text_of(self.data.get("filename"))

    @property
    def purpose(self) -> str:
        """What it is for."""
        return text_of(self.data.get("purpose"))

    @property
    def size(self) -> int:
        """In bytes."""
        return count_of(self.data.get("bytes"))


@dataclass(frozen=True, eq=False)
class PartwiseUpload(StoredFile):
    """A file that comes in parts, up to 8 GB."""

    @property
    def file_id(self) -> str:
        """Of the file that it has become; empty until it is complete."""
        return text_of(mapping(self.data.get("file")).get("id"))


class FileOperations(Provider):
    """What there is to do with files."""

    def prepare(self, operation: str, values: dict[str, Any]) -> dict[str, Any]:
        """Look at a file of JSON lines before it is sent.

        Raises:
            InvalidParameters: it is no such file, and in which line.
        """
        values = super().prepare(operation, values)
        if operation == "files_upload" and values["purpose"] in LINES:
            return {**values, "file": checked_lines("file", values["file"])}
        return values

    @operation(
        "POST",
        "/files",
        answer=StoredFile,
        encoding=Encoding.FORM,
        effect=Effect.CREATE,
        resend=False,
    )
    def files_upload(
        *,
        file: File,
        purpose: Purpose,
        expires_after: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Keep a file of up to 512 MB; for ``batch`` and ``fine-tune`` it must be JSON lines."""

    @operation("GET", "/files", answer=Page, paging=AFTER)
    def files_list(
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        purpose: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The files that are kept."""

    @operation("GET", "/files/{file_id}", answer=StoredFile)
    def files_get(*, file_id: str, **options: Unpack[CallOptions]) -> None:
        """What is known of a file."""

    @operation("GET", "/files/{file_id}/content", answer=BinaryAnswer)
    def files_content(*, file_id: str, **options: Unpack[CallOptions]) -> None:
        """The bytes of a file."""

    @operation("DELETE", "/files/{file_id}", answer=Deleted)
    def files_delete(*, file_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a file."""

    @operation("POST", "/uploads", answer=PartwiseUpload, effect=Effect.CREATE, resend=False)
    def uploads_create(
        *,
        bytes: int,
        filename: str,
        mime_type: str,
        purpose: Purpose,
        expires_after: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Announce a file that comes in parts within an hour; ``bytes`` is its size."""

    @operation(
        "POST",
        "/uploads/{upload_id}/parts",
        answer=Resource,
        encoding=Encoding.FORM,
        effect=Effect.CREATE,
        resend=False,
    )
    def uploads_part(*, upload_id: str, data: File, **options: Unpack[CallOptions]) -> None:
        """Send one part of up to 64 MB."""

    @operation(
        "POST",
        "/uploads/{upload_id}/complete",
        answer=PartwiseUpload,
        effect=Effect.CREATE,
        resend=False,
    )
    def uploads_complete(
        *,
        upload_id: str,
        part_ids: Sequence[str],
        md5: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Make a file of the parts, in the order of ``part_ids``."""

    @operation(
        "POST",
        "/uploads/{upload_id}/cancel",
        answer=PartwiseUpload,
        encoding=Encoding.QUERY,
        effect=Effect.DELETE,
    )
    def uploads_cancel(*, upload_id: str, **options: Unpack[CallOptions]) -> None:
        """Give up a file that comes in parts."""
