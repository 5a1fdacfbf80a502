"""The canned answers are what opea-comps' own types write, in the environment of its server."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from pytest_accelerate.errors import ServerNotInstalled
from pytest_accelerate.providers.examples import examples
from pytest_accelerate.servers import server
from pytest_accelerate.servers.environments import python_of

EXAMPLES = examples("opea")
TYPES = {
    "chatqna": "ChatCompletionResponse",
    "chat": "ChatCompletionResponse",
    "embeddings": "EmbeddingResponse",
    "retrieval": "SearchedMultimodalDoc",
    "rerank": "RerankingResponse",
    "guardrails": "TextDoc",
    "audio_transcription": "AudioTranscriptionResponse",
}
"""What each service says that it gives; the others give objects without a type."""
CHUNK = "ChatCompletionStreamResponse"

WRITE = """
import json, sys
from comps.cores.proto import api_protocol, docarray
written = []
for name, data in json.load(sys.stdin):
    kind = getattr(api_protocol, name, None) or getattr(docarray, name)
    written.append(json.loads(kind.model_validate(data).model_dump_json()))
print("\\n" + json.dumps(written))
"""


def chunks() -> list[Any]:
    """The JSON of the canned stream of a chat."""
    stream = EXAMPLES["chat"].stream
    assert stream is not None
    frames = stream.body.decode().split("\n\n")
    return [json.loads(each.removeprefix("data: ")) for each in frames if each.endswith("}")]


def test_canned_answers_are_written_by_the_types_of_opea_comps() -> None:
    """Each is read by its type, which writes it again with the same fields and values."""
    try:
        python = python_of(server("opea_comps"))
    except ServerNotInstalled as error:
        pytest.skip(str(error))
    canned = [(TYPES[name], json.loads(EXAMPLES[name].reply.body)) for name in TYPES]
    canned += [(CHUNK, chunk) for chunk in chunks()]
    done = subprocess.run(
        [str(python), "-c", WRITE], input=json.dumps(canned), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    written = json.loads(done.stdout.splitlines()[-1])
    assert written == [data for _, data in canned]
    assert len(chunks()) == 4
