"""Examples of Claude's operations, after https://platform.claude.com/docs/en/api/overview."""

from __future__ import annotations

from typing import Any

from pytest_accelerate.providers.examples import (
    CannedReply,
    Example,
    json_reply,
    ndjson_reply,
    sse_reply,
)

_MODEL = "claude-haiku-4-5"
_DAY, _NEXT_DAY = "2026-03-01T09:30:00Z", "2026-03-02T09:30:00Z"
_BATCH, _FILE = "msgbatch_01ExampleBatch", "file_01ExampleFile"
_SKILL, _VERSION, _PROFILE = "skill_01ExampleSkill", "1772357400000001", "uprof_01ExampleProfile"
_HELLO = [{"role": "user", "content": "Say hi."}]

_MESSAGE: dict[str, Any] = {
    "id": "msg_01ExampleMessage",
    "type": "message",
    "role": "assistant",
    "model": _MODEL,
    "content": [{"type": "text", "text": "Hi there!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 6,
        "service_tier": "standard",
    },
}

_EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            **_MESSAGE,
            "content": [],
            "stop_reason": None,
            "usage": {**_MESSAGE["usage"], "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hi "},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "there!"},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 6},
    },
    {"type": "message_stop"},
]


def _batch(status: str, *, canceled: bool = False) -> dict[str, Any]:
    ended = status == "ended"
    counts = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    return {
        "id": _BATCH,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": counts | {"succeeded" if ended else "processing": 1},
        "created_at": _DAY,
        "expires_at": _NEXT_DAY,
        "ended_at": _DAY if ended else None,
        "archived_at": None,
        "cancel_initiated_at": _DAY if canceled else None,
        "results_url": f"https://api.anthropic.com/v1/messages/batches/{_BATCH}/results"
        if ended
        else None,
    }


_RESULTS: list[dict[str, Any]] = [
    {"custom_id": "first", "result": {"type": "succeeded", "message": _MESSAGE}},
    {
        "custom_id": "second",
        "result": {
            "type": "errored",
            "error": {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "max_tokens: too large"},
                "request_id": "req_01ExampleRequest",
            },
        },
    },
    {"custom_id": "third", "result": {"type": "canceled"}},
    {"custom_id": "fourth", "result": {"type": "expired"}},
]

_YES, _NO = {"supported": True}, {"supported": False}
_MODEL_INFO: dict[str, Any] = {
    "id": "claude-haiku-4-5-20251001",
    "type": "model",
    "display_name": "Claude Haiku 4.5",
    "created_at": "2025-10-01T00:00:00Z",
    "lifecycle": "active",
    "line": "haiku",
    "deprecated_at": None,
    "retires_at": None,
    "max_input_tokens": 200000,
    "max_tokens": 64000,
    "capabilities": {
        "batch": _YES,
        "citations": _YES,
        "code_execution": _YES,
        "context_management": _YES,
        "effort": {"low": _NO, "medium": _NO, "high": _NO, "max": _NO, **_NO},
        "image_input": _YES,
        "pdf_input": _YES,
        "server_tools": {"code_execution": _YES, "web_search": _YES, **_YES},
        "structured_outputs": _YES,
        "thinking": {
            "types": {"adaptive": _NO, "between_tools": _NO, "disabled": _YES, "enabled": _YES},
            **_YES,
        },
    },
}

_FILE_INFO = {
    "id": _FILE,
    "type": "file",
    "filename": "note.txt",
    "mime_type": "text/plain",
    "size_bytes": 6,
    "created_at": _DAY,
    "downloadable": False,
    "expires_at": None,
}
_SKILL_INFO = {
    "id": _SKILL,
    "type": "skill",
    "display_name": "Greeter",
    "source": {"type": "custom"},
    "latest_version_id": _VERSION,
    "created_at": _DAY,
    "updated_at": _DAY,
}
_VERSION_INFO = {
    "id": _VERSION,
    "type": "skill_version",
    "skill_id": _SKILL,
    "name": "greeter",
    "description": "Greets whoever comes.",
    "created_at": _DAY,
}
_SKILL_FILES = [
    (
        "greeter/SKILL.md",
        b"---\nname: greeter\ndescription: Greets whoever comes.\n---\nSay hi.\n",
        "text/markdown",
    )
]
_PROFILE_INFO = {
    "id": _PROFILE,
    "type": "user_profile",
    "name": "Example",
    "access_type": "application",
    "metadata": {},
    "external_user_details": dict.fromkeys(
        (
            "account_status",
            "country",
            "email_hash",
            "entity_type",
            "name_hash",
            "onboarded_at",
            "reference_id",
        )
    ),
    "enforcement_status": "unrestricted",
    "enforcement_actions": [],
    "programs": {"cyber": None, "efs": None},
    "created_at": _DAY,
    "updated_at": _DAY,
}


def _ids(*entries: dict[str, Any]) -> CannedReply:
    """A list whose pages are named by the ids at their ends."""
    ids = [entry["id"] for entry in entries]
    return json_reply({"data": entries, "has_more": False, "first_id": ids[0], "last_id": ids[-1]})


def _page(*entries: dict[str, Any]) -> CannedReply:
    """A list whose pages are named by a token."""
    return json_reply({"data": entries, "next_page": None})


def _deleted(id: str, kind: str) -> CannedReply:
    return json_reply({"id": id, "type": f"{kind}_deleted"})


EXAMPLES: dict[str, Example] = {
    "messages": Example(
        {"model": _MODEL, "max_tokens": 16, "messages": _HELLO},
        json_reply(_MESSAGE),
        sse_reply(_EVENTS, named=True),
    ),
    "count_tokens": Example(
        {"model": _MODEL, "messages": _HELLO}, json_reply({"input_tokens": 10})
    ),
    "batches_create": Example(
        {
            "requests": [
                {
                    "custom_id": "first",
                    "params": {"model": _MODEL, "max_tokens": 16, "messages": _HELLO},
                }
            ]
        },
        json_reply(_batch("in_progress")),
    ),
    "batches_get": Example({"message_batch_id": _BATCH}, json_reply(_batch("ended")), live=False),
    "batches_list": Example({"limit": 2}, _ids(_batch("ended"))),
    "batches_cancel": Example(
        {"message_batch_id": _BATCH}, json_reply(_batch("canceling", canceled=True)), live=False
    ),
    "batches_delete": Example(
        {"message_batch_id": _BATCH}, _deleted(_BATCH, "message_batch"), live=False
    ),
    "batches_results": Example({"message_batch_id": _BATCH}, ndjson_reply(_RESULTS), live=False),
    "models_list": Example({"limit": 2}, _ids(_MODEL_INFO)),
    "models_get": Example({"model_id": _MODEL}, json_reply(_MODEL_INFO)),
    "files_upload": Example(
        {"file": ("note.txt", b"Hello\n", "text/plain")}, json_reply(_FILE_INFO)
    ),
    "files_list": Example({"limit": 2}, _page(_FILE_INFO)),
    "files_get": Example({"file_id": _FILE}, json_reply(_FILE_INFO), live=False),
    "files_download": Example(
        {"file_id": _FILE}, CannedReply(b"Hello\n", "text/plain"), live=False
    ),
    "files_delete": Example({"file_id": _FILE}, _deleted(_FILE, "file"), live=False),
    "skills_create": Example(
        {"files": _SKILL_FILES, "display_name": "Greeter"}, json_reply(_SKILL_INFO)
    ),
    "skills_list": Example({"limit": 2, "source": "anthropic"}, _page(_SKILL_INFO)),
    "skills_get": Example({"skill_id": _SKILL}, json_reply(_SKILL_INFO), live=False),
    "skills_delete": Example({"skill_id": _SKILL}, _deleted(_SKILL, "skill"), live=False),
    "skill_versions_create": Example(
        {"skill_id": _SKILL, "files": _SKILL_FILES}, json_reply(_VERSION_INFO), live=False
    ),
    "skill_versions_list": Example(
        {"skill_id": _SKILL, "limit": 2}, _page(_VERSION_INFO), live=False
    ),
    "skill_versions_get": Example(
        {"skill_id": _SKILL, "version": _VERSION}, json_reply(_VERSION_INFO), live=False
    ),
    "skill_versions_delete": Example(
        {"skill_id": _SKILL, "version": _VERSION},
        _deleted(_VERSION, "skill_version"),
        live=False,
    ),
    "user_profiles_create": Example(
        {"name": "Example", "access_type": "application"}, json_reply(_PROFILE_INFO)
    ),
    "user_profiles_list": Example({"limit": 2}, _page(_PROFILE_INFO)),
    "user_profiles_get": Example(
        {"user_profile_id": _PROFILE}, json_reply(_PROFILE_INFO), live=False
    ),
    "user_profiles_update": Example(
        {"user_profile_id": _PROFILE, "name": "Example"}, json_reply(_PROFILE_INFO), live=False
    ),
    "user_profiles_delete": Example(
        {"user_profile_id": _PROFILE}, _deleted(_PROFILE, "user_profile"), live=False
    ),
    "user_profiles_action_url": Example(
        {"user_profile_id": _PROFILE, "action": {"type": "enroll_end_user"}},
        json_reply(
            {
                "type": "user_profile_action_url",
                "url": "https://example.com/enrol",
                "expires_at": _NEXT_DAY,
            }
        ),
        live=False,
    ),
}
