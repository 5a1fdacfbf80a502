"""What the provider keeps: files, batches, jobs, vector stores."""

from __future__ import annotations

import base64
import json

import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply
from pytest_accelerate.providers.openai import OpenAI
from pytest_accelerate.providers.operation import Effect
from tests.providers.openai.conftest import Served
from tests.providers.recording import Recorded

KEY = "sk-test-0000"
EXAMPLES = examples("openai")
PNG = base64.b64encode(b"\x89PNG").decode()


def test_resources_read_their_ids_and_states(served: Served) -> None:
    """Files, uploads, batches, jobs and vector stores give what people wait for."""
    file = served.answer("files_get")
    assert (file.id, file.status, file.filename) == ("file-1", "processed", "calls.jsonl")
    assert (file.purpose, file.size) == ("batch", len(served.answer("files_content").content))
    assert served.answer("uploads_create").file_id == ""
    assert served.answer("uploads_complete").file_id == "file-1"
    batch = served.answer("batches_get")
    assert (batch.finished, batch.output_file_id, batch.error_file_id) == (True, "file-2", "")
    assert batch.request_counts == {"total": 1, "completed": 1, "failed": 0}
    assert not served.answer("batches_create").finished
    job = served.answer("fine_tuning_get")
    assert (job.finished, job.fine_tuned_model) == (True, "ft:gpt-4o-mini-2024-07-18:acme::1")
    store = served.answer("vector_stores_get")
    assert (store.name, store.status, store.file_counts["total"]) == ("a test", "completed", 1)
    assert served.answer("vector_stores_search").texts == ("Hello there.",)
    assert served.answer("vector_store_files_content").text == "Hello there."


def test_what_failed_says_why(served: Served) -> None:
    """A job's error, a vector store file's and a batch's are read from where each has it."""
    job = served.answer("fine_tuning_get", {"error": {"code": "c", "message": "bad file"}})
    file = served.answer("vector_store_files_get", {"last_error": {"message": "bad type"}})
    batch = served.answer("batches_get", {"errors": {"data": [{"line": 3, "message": "m"}]}})
    assert (job.error, file.error, batch.errors[0]["line"]) == ("bad file", "bad type", 3)


@pytest.mark.parametrize(
    "operation", [name for name in OpenAI.operations() if name.endswith("_delete")]
)
def test_a_deletion_says_that_it_is_done(served: Served, operation: str) -> None:
    """Each deletion reads as one, also where the provider answers with nothing."""
    assert served.answer(operation).deleted
    assert served.answer(operation, CannedReply(b"")).deleted
    assert not served.answer(operation, {"deleted": False}).deleted


def test_pages_follow_their_cursor(served: Served) -> None:
    """``pages`` asks for what comes after the last entry, until there is no more."""

    def reply(request: Recorded) -> CannedReply:
        after = int(dict(request.query).get("after", "0"))
        data = [{"id": str(after + 1)}, {"id": str(after + 2)}]
        return json_reply({"data": data, "has_more": after < 4})

    served.server.reply = reply
    pages = list(served.client.files_list.pages(limit=2))
    assert [page.ids for page in pages] == [("1", "2"), ("3", "4"), ("5", "6")]
    assert [page.has_more for page in pages] == [True, True, False]
    assert dict(served.sent[-1].query) == {"limit": "2", "after": "4"}


def test_pages_go_backwards_from_before(served: Served) -> None:
    """Where ``before`` is given, the way goes to the start."""

    def reply(request: Recorded) -> CannedReply:
        before = int(dict(request.query)["before"])
        return json_reply({"data": [{"id": str(before - 1)}], "has_more": before > 2})

    served.server.reply = reply
    pages = list(served.client.vector_stores_list.pages(before="3"))
    assert [page.ids for page in pages] == [("2",), ("1",)]


def test_each_operation_says_what_it_leaves_behind() -> None:
    """Only lists, look-ups and inference are free to be tried: the rest creates or costs."""
    effects = {name: each.declaration.effect for name, each in OpenAI.operations().items()}
    free = {name for name, effect in effects.items() if effect in (Effect.READ, Effect.INFER)}
    assert free == {
        "chat", "responses", "embeddings", "moderations", "audio_speech", "audio_transcription",
        "audio_translation", "models_list", "models_get", "responses_get", "responses_input_items",
        "files_list", "files_get", "files_content", "batches_list", "batches_get",
        "fine_tuning_list", "fine_tuning_get", "fine_tuning_events", "fine_tuning_checkpoints",
        "vector_stores_list", "vector_stores_get", "vector_stores_search",
        "vector_store_files_list", "vector_store_files_get", "vector_store_files_content",
        "vector_store_file_batches_get", "vector_store_file_batches_list",
    }  # fmt: skip


def test_what_names_an_id_is_not_sent_live() -> None:
    """An example whose id another call must make first says that it cannot be sent as it is."""
    named = {name for name, each in EXAMPLES.items()
             if any(str(value).endswith(("-1", "_1", "::1")) for key, value
                    in each.parameters.items() if "id" in key or name == "models_delete")
             or "training_file" in each.parameters}  # fmt: skip
    assert {name for name, each in EXAMPLES.items() if not each.live} == named


@pytest.mark.parametrize(
    "operation", ["files_upload", "batches_create", "fine_tuning_create", "images_generate"]
)
def test_what_must_not_be_made_twice_is_sent_once(served: Served, operation: str) -> None:
    """A server that fails after it may have begun is not asked again."""
    with pytest.raises(errors.ServerError):
        served.answer(operation, CannedReply(b"{}", status=500))
    assert len(served.sent) == 1


def test_an_error_tells_the_providers_own_words(served: Served) -> None:
    """Status, code, message and request id are the provider's; the key is nowhere."""
    body = {"error": {"message": f"no such model for {KEY}", "type": "invalid_request_error",
                      "code": "model_not_found", "param": "model"}}  # fmt: skip
    reply = CannedReply(json.dumps(body).encode(), status=404, headers={"x-request-id": "req_1"})
    with pytest.raises(errors.NotFound) as caught:
        served.answer("chat", reply)
    error = caught.value
    assert (error.status, error.request_id) == (404, "req_1")
    assert "no such model" in str(error)
    assert KEY not in repr(error) + str(error)
