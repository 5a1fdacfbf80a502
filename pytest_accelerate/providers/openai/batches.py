"""Batches: https://platform.openai.com/docs/api-reference/batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Unpack

from pytest_accelerate.providers.openai.resources import AFTER, Page, Resource
from pytest_accelerate.providers.openai_family import usage_of
from pytest_accelerate.providers.operation import Effect, Encoding, operation
from pytest_accelerate.providers.parameters import CallOptions
from pytest_accelerate.providers.reading import count_of, mapping, mappings, text_of
from pytest_accelerate.transport.answers import Usage

Endpoint = Literal[
    "/v1/responses",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/videos",
]


@dataclass(frozen=True, eq=False)
class Batch(Resource):
    """Many calls that are answered within a day, in files."""

    @property
    def finished(self) -> bool:
        """Whether nothing of it runs any more, well or not."""
        return self.status in ("completed", "failed", "expired", "cancelled")

    @property
    def output_file_id(self) -> str:
        """The file with the answers; empty until there is one."""
        return text_of(self.data.get("output_file_id"))

    @property
    def error_file_id(self) -> str:
        """The file with the calls that failed; empty where there is none."""
        return text_of(self.data.get("error_file_id"))

    @property
    def request_counts(self) -> Mapping[str, int]:
        """How many calls are ``completed``, ``failed``, and the ``total``."""
        counts = mapping(self.data.get("request_counts"))
        return {name: count_of(value) for name, value in counts.items()}

    @property
    def errors(self) -> tuple[Mapping[str, Any], ...]:
        """What is wrong with its input: ``code``, ``message`` and ``line``."""
        return tuple(mappings(mapping(self.data.get("errors")).get("data")))

    @property
    def usage(self) -> Usage | None:
        """Tokens of all its calls, once they are known."""
        return usage_of(self.data)


class BatchOperations:
    """What there is to do with batches."""

    @operation("POST", "/batches", answer=Batch, effect=Effect.SPEND, resend=False)
    def batches_create(
        *,
        completion_window: Literal["24h"],
        endpoint: Endpoint,
        input_file_id: str,
        metadata: Mapping[str, str] | None = None,
        output_expires_after: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Have the calls of an uploaded file answered, at half the price."""

    @operation("GET", "/batches/{batch_id}", answer=Batch)
    def batches_get(*, batch_id: str, **options: Unpack[CallOptions]) -> None:
        """How far a batch is."""

    @operation("GET", "/batches", answer=Page, paging=AFTER)
    def batches_list(
        *,
        after: str | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """The batches that there are."""

    @operation(
        "POST",
        "/batches/{batch_id}/cancel",
        answer=Batch,
        encoding=Encoding.QUERY,
        effect=Effect.DELETE,
    )
    def batches_cancel(*, batch_id: str, **options: Unpack[CallOptions]) -> None:
        """Stop a batch; what is answered by then is kept."""
