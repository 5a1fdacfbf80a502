"""Vector stores and their files."""

from __future__ import annotations

from typing import Any

from pytest_accelerate.providers.examples import Example, json_reply
from pytest_accelerate.providers.examples.openai.files import listed
from pytest_accelerate.providers.examples.openai.text import CREATED

_DAY = {"anchor": "last_active_at", "days": 1}
_COUNTS = {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1}
_STORE = {
    "id": "vs_1",
    "object": "vector_store",
    "created_at": CREATED,
    "name": "a test",
    "usage_bytes": 100,
    "file_counts": _COUNTS,
    "status": "completed",
    "expires_after": _DAY,
    "expires_at": CREATED + 86_400,
    "last_active_at": CREATED,
    "metadata": {},
}
_FILE = {
    "id": "file-1",
    "object": "vector_store.file",
    "usage_bytes": 100,
    "created_at": CREATED,
    "vector_store_id": "vs_1",
    "status": "completed",
    "last_error": None,
    "attributes": {"year": 2025},
    "chunking_strategy": {
        "type": "static",
        "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
    },
}


def _batch(status: str) -> dict[str, Any]:
    return {
        "id": "vsfb_1",
        "object": "vector_store.files_batch",
        "created_at": CREATED,
        "vector_store_id": "vs_1",
        "status": status,
        "file_counts": _COUNTS,
    }


_ID = {"vector_store_id": "vs_1"}
_FILE_ID = {**_ID, "file_id": "file-1"}
_BATCH_ID = {**_ID, "batch_id": "vsfb_1"}

EXAMPLES: dict[str, Example] = {
    "vector_stores_create": Example({"name": "a test", "expires_after": _DAY}, json_reply(_STORE)),
    "vector_stores_get": Example(_ID, json_reply(_STORE), live=False),
    "vector_stores_list": Example({"limit": 1, "order": "desc"}, listed(_STORE)),
    "vector_stores_update": Example({**_ID, "name": "a test"}, json_reply(_STORE), live=False),
    "vector_stores_delete": Example(
        _ID,
        json_reply({"id": "vs_1", "object": "vector_store.deleted", "deleted": True}),
        live=False,
    ),
    "vector_stores_search": Example(
        {**_ID, "query": "hello", "max_num_results": 1, "rewrite_query": False},
        json_reply(
            {
                "object": "vector_store.search_results.page",
                "search_query": ["hello"],
                "data": [
                    {
                        "file_id": "file-1",
                        "filename": "notes.txt",
                        "score": 0.5,
                        "attributes": {"year": 2025},
                        "content": [{"type": "text", "text": "Hello there."}],
                    }
                ],
                "has_more": False,
                "next_page": None,
            }
        ),
        live=False,
    ),
    "vector_store_files_create": Example(
        {**_ID, "file_id": "file-1", "attributes": {"year": 2025}},
        json_reply({**_FILE, "status": "in_progress", "usage_bytes": 0}),
        live=False,
    ),
    "vector_store_files_get": Example(_FILE_ID, json_reply(_FILE), live=False),
    "vector_store_files_update": Example(
        {**_FILE_ID, "attributes": {"year": 2025}}, json_reply(_FILE), live=False
    ),
    "vector_store_files_content": Example(
        _FILE_ID,
        json_reply(
            {
                "object": "vector_store.file_content.page",
                "data": [{"type": "text", "text": "Hello there."}],
                "has_more": False,
                "next_page": None,
            }
        ),
        live=False,
    ),
    "vector_store_files_list": Example(
        {**_ID, "filter": "completed", "limit": 1}, listed(_FILE), live=False
    ),
    "vector_store_files_delete": Example(
        _FILE_ID,
        json_reply({"id": "file-1", "object": "vector_store.file.deleted", "deleted": True}),
        live=False,
    ),
    "vector_store_file_batches_create": Example(
        {**_ID, "file_ids": ["file-1"]}, json_reply(_batch("in_progress")), live=False
    ),
    "vector_store_file_batches_get": Example(
        _BATCH_ID, json_reply(_batch("completed")), live=False
    ),
    "vector_store_file_batches_cancel": Example(
        _BATCH_ID, json_reply(_batch("cancelled")), live=False
    ),
    "vector_store_file_batches_list": Example(
        {**_BATCH_ID, "limit": 1, "order": "asc"}, listed(_FILE), live=False
    ),
}
