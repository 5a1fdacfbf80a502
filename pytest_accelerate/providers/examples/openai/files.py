"""Files, uploads, batches and fine-tuning."""

from __future__ import annotations

import json
from typing import Any

from pytest_accelerate.providers.examples import CannedReply, Example, json_reply
from pytest_accelerate.providers.examples.openai.text import CREATED, MESSAGES, MODEL, SNAPSHOT

_LINE = json.dumps(
    {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": MODEL, "messages": MESSAGES, "max_completion_tokens": 16},
    }
)
LINES = f"{_LINE}\n".encode()
_DAY = {"anchor": "created_at", "seconds": 86_400}


def listed(entry: dict[str, Any], **more: Any) -> CannedReply:
    """A list with one entry, and the ids that lists have."""
    ends = {"first_id": entry["id"], "last_id": entry["id"]}
    return json_reply({"object": "list", "data": [entry], **ends, "has_more": False, **more})


_FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": len(LINES),
    "created_at": CREATED,
    "expires_at": CREATED + 86_400,
    "filename": "calls.jsonl",
    "purpose": "batch",
    "status": "processed",
    "status_details": None,
}


def _upload(status: str, file: dict[str, Any] | None = None) -> CannedReply:
    return json_reply(
        {
            "id": "upload_1",
            "object": "upload",
            "bytes": len(LINES),
            "created_at": CREATED,
            "filename": "calls.jsonl",
            "purpose": "batch",
            "status": status,
            "expires_at": CREATED + 3_600,
            "file": file,
        }
    )


def _batch(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "errors": None,
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": status,
        "output_file_id": None,
        "error_file_id": None,
        "created_at": CREATED,
        "expires_at": CREATED + 86_400,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": None,
        **more,
    }


_ANSWERED = _batch(
    "completed",
    output_file_id="file-2",
    in_progress_at=CREATED + 60,
    completed_at=CREATED + 120,
    request_counts={"total": 1, "completed": 1, "failed": 0},
    usage={
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 12,
    },
)


def _job(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "ftjob-1",
        "object": "fine_tuning.job",
        "created_at": CREATED,
        "error": None,
        "fine_tuned_model": None,
        "finished_at": None,
        "hyperparameters": {
            "n_epochs": 1,
            "batch_size": "auto",
            "learning_rate_multiplier": "auto",
        },
        "model": SNAPSHOT,
        "organization_id": "org-1",
        "result_files": [],
        "seed": 1,
        "status": status,
        "trained_tokens": None,
        "training_file": "file-1",
        "validation_file": None,
        "estimated_finish": None,
        "integrations": [],
        "metadata": None,
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 1}},
        },
        **more,
    }


_TRAINED = _job(
    "succeeded",
    fine_tuned_model="ft:gpt-4o-mini-2024-07-18:acme::1",
    finished_at=CREATED + 600,
    trained_tokens=100,
)
_EVENT = {
    "id": "ftevent-1",
    "object": "fine_tuning.job.event",
    "created_at": CREATED,
    "level": "info",
    "message": "Fine-tuning job started.",
    "data": None,
    "type": "message",
}
_CHECKPOINT = {
    "id": "ftckpt_1",
    "object": "fine_tuning.job.checkpoint",
    "created_at": CREATED,
    "fine_tuned_model_checkpoint": "ft:gpt-4o-mini-2024-07-18:acme::1:ckpt-step-10",
    "fine_tuning_job_id": "ftjob-1",
    "metrics": {"step": 10, "train_loss": 0.5},
    "step_number": 10,
}
_JOB = {"fine_tuning_job_id": "ftjob-1"}

EXAMPLES: dict[str, Example] = {
    "files_upload": Example(
        {"file": ("calls.jsonl", LINES), "purpose": "batch", "expires_after": _DAY},
        json_reply(_FILE),
    ),
    "files_list": Example({"limit": 1, "purpose": "batch"}, listed(_FILE)),
    "files_get": Example({"file_id": "file-1"}, json_reply(_FILE), live=False),
    "files_content": Example(
        {"file_id": "file-1"}, CannedReply(LINES, "application/octet-stream"), live=False
    ),
    "files_delete": Example(
        {"file_id": "file-1"},
        json_reply({"id": "file-1", "object": "file", "deleted": True}),
        live=False,
    ),
    "uploads_create": Example(
        {
            "bytes": len(LINES),
            "filename": "calls.jsonl",
            "mime_type": "application/jsonl",
            "purpose": "batch",
            "expires_after": _DAY,
        },
        _upload("pending"),
    ),
    "uploads_part": Example(
        {"upload_id": "upload_1", "data": ("part", LINES)},
        json_reply(
            {
                "id": "part_1",
                "object": "upload.part",
                "created_at": CREATED,
                "upload_id": "upload_1",
            }
        ),
        live=False,
    ),
    "uploads_complete": Example(
        {"upload_id": "upload_1", "part_ids": ["part_1"]},
        _upload("completed", _FILE),
        live=False,
    ),
    "uploads_cancel": Example({"upload_id": "upload_1"}, _upload("cancelled"), live=False),
    "batches_create": Example(
        {
            "completion_window": "24h",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "file-1",
            "metadata": {"made_by": "a test"},
        },
        json_reply(_batch("validating")),
        live=False,
    ),
    "batches_get": Example({"batch_id": "batch_1"}, json_reply(_ANSWERED), live=False),
    "batches_list": Example({"limit": 1}, listed(_ANSWERED)),
    "batches_cancel": Example(
        {"batch_id": "batch_1"},
        json_reply(_batch("cancelling", cancelling_at=CREATED + 60)),
        live=False,
    ),
    "fine_tuning_create": Example(
        {
            "model": SNAPSHOT,
            "training_file": "file-1",
            "method": {
                "type": "supervised",
                "supervised": {"hyperparameters": {"n_epochs": 1}},
            },
            "seed": 1,
        },
        json_reply(_job("validating_files")),
        live=False,
    ),
    "fine_tuning_get": Example(_JOB, json_reply(_TRAINED), live=False),
    "fine_tuning_list": Example(
        {"limit": 1},
        json_reply({"object": "list", "data": [_TRAINED], "has_more": False}),
    ),
    "fine_tuning_cancel": Example(_JOB, json_reply(_job("cancelled")), live=False),
    "fine_tuning_events": Example(
        {**_JOB, "limit": 1},
        json_reply({"object": "list", "data": [_EVENT], "has_more": False}),
        live=False,
    ),
    "fine_tuning_checkpoints": Example({**_JOB, "limit": 1}, listed(_CHECKPOINT), live=False),
    "fine_tuning_pause": Example(_JOB, json_reply(_job("queued")), live=False),
    "fine_tuning_resume": Example(_JOB, json_reply(_job("running")), live=False),
}
