"""Claude's client beside the official one: the same requests, and replies that it can read."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import anthropic
import pytest

from pytest_accelerate.providers.claude import Claude
from pytest_accelerate.providers.examples import CannedReply, json_reply, sse_reply
from pytest_accelerate.providers.examples.claude import EXAMPLES
from tests.providers.claude_streams import RICH, events_of
from tests.providers.recording import Recorded, RecordingServer
from tests.providers.wire import assert_parses, assert_same_request, recorded_pair

KEY = "sk-ant-test-0123456789"
Method = Callable[..., Any]

METHODS: Mapping[str, Callable[[anthropic.Anthropic], Method]] = {
    "messages": lambda sdk: sdk.messages.create,
    "count_tokens": lambda sdk: sdk.messages.count_tokens,
    "batches_create": lambda sdk: sdk.messages.batches.create,
    "batches_get": lambda sdk: sdk.messages.batches.retrieve,
    "batches_list": lambda sdk: sdk.messages.batches.list,
    "batches_cancel": lambda sdk: sdk.messages.batches.cancel,
    "batches_delete": lambda sdk: sdk.messages.batches.delete,
    "batches_results": lambda sdk: sdk.messages.batches.results,
    "models_list": lambda sdk: sdk.models.list,
    "models_get": lambda sdk: sdk.models.retrieve,
    "files_upload": lambda sdk: sdk.files.upload,
    "files_list": lambda sdk: sdk.files.list,
    "files_get": lambda sdk: sdk.files.retrieve_metadata,
    "files_download": lambda sdk: sdk.files.download,
    "files_delete": lambda sdk: sdk.files.delete,
    "skills_create": lambda sdk: sdk.skills.create,
    "skills_list": lambda sdk: sdk.skills.list,
    "skills_get": lambda sdk: sdk.skills.retrieve,
    "skills_delete": lambda sdk: sdk.skills.delete,
    "skill_versions_create": lambda sdk: sdk.skills.versions.create,
    "skill_versions_list": lambda sdk: sdk.skills.versions.list,
    "skill_versions_get": lambda sdk: sdk.skills.versions.retrieve,
    "skill_versions_delete": lambda sdk: sdk.skills.versions.delete,
    "user_profiles_create": lambda sdk: sdk.user_profiles.create,
    "user_profiles_list": lambda sdk: sdk.user_profiles.list,
    "user_profiles_get": lambda sdk: sdk.user_profiles.retrieve,
    "user_profiles_update": lambda sdk: sdk.user_profiles.update,
    "user_profiles_delete": lambda sdk: sdk.user_profiles.delete,
    "user_profiles_action_url": lambda sdk: sdk.user_profiles.action_urls.create,
}
"""The official client's method for each operation."""

ALLOWED_STREAM: Mapping[str, str] = {
    "header.accept": "the SDK asks for application/json though it reads a stream",
}
"""Places in which requests may differ, beyond those that no provider's count."""

NOT_PARAMETERS: Mapping[str, str] = {
    "extra_headers": "an option of every operation",
    "extra_query": "an option of every operation",
    "extra_body": "an option of every operation",
    "timeout": "an option of every operation",
    "stream": "a method of every operation that streams",
    "workspace_id": "a header, which goes through headers or extra_headers",
    "output_format": "makes the output_config of a Python type, and is not sent",
}
"""What the SDK's methods take and our operations do not declare."""

A_HEADER_TOO = {"messages", "count_tokens", "batches_create"}
"""Operations of the SDK whose user_profile_id is a header as well."""

_IMAGE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
_TOOL = {"name": "now", "description": "The time — now.", "input_schema": {"type": "object"}}
_COMMON: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this? 🌱"},
                {"type": "image", "source": _IMAGE},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Green."},
                    "citations": {"enabled": True},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}],
        },
    ],
    "cache_control": {"type": "ephemeral", "ttl": "1h"},
    "output_config": {"effort": "low"},
    "speed": "fast",
    "system": [{"type": "text", "text": "Be brief."}],
    "thinking": {"type": "adaptive"},
    "tool_choice": {"type": "auto"},
    "tools": [_TOOL],
}
_PROFILE = {
    "access_type": "passthrough",
    "external_user_details": {"country": "CH", "entity_type": "individual"},
    "metadata": {"team": "a"},
    "name": "Zoë",
}
_BOTH_WAYS = {"after_id": "id_1", "before_id": "id_9", "limit": 3}
_PAGED = {"limit": 3, "page": "token+/="}

EVERYTHING: Mapping[str, dict[str, Any]] = {
    "messages": {
        **_COMMON,
        "max_tokens": 2000,
        "container": "container_1",
        "diagnostics": {"previous_message_id": "msg_1"},
        "inference_geo": "eu",
        "metadata": {"user_id": "u1"},
        "service_tier": "standard_only",
        "stop_sequences": ["END", "STOP"],
    },
    "count_tokens": _COMMON,
    "batches_list": _BOTH_WAYS,
    "models_list": {**_BOTH_WAYS, "lifecycle": ["active", "retired"]},
    "files_upload": {"file": ("a b.txt", b"\x00\xff"), "expires_in_seconds": 3600},
    "files_list": {**_PAGED, "ids": ["file_1", "file_2"]},
    "skills_list": {**_PAGED, "source": "custom"},
    "skill_versions_list": {**_PAGED, "skill_id": "skill_1"},
    "user_profiles_create": _PROFILE,
    "user_profiles_list": {
        **_PAGED,
        "enforcement_status": ["pending", "banned"],
        "order": "desc",
        "order_by": "name",
    },
    "user_profiles_update": {"user_profile_id": "uprof_1", **_PROFILE},
}
"""Every parameter of an operation, where the example does not have them all."""


def sdk(url: str) -> anthropic.Anthropic:
    """The official client, which tries once."""
    return anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0)


def served(operation: str) -> Callable[[Recorded], CannedReply]:
    """The canned reply; the SDK asks for a batch before it asks for its results."""

    def answer(request: Recorded) -> CannedReply:
        if operation != "batches_results" or request.path.endswith("/results"):
            return EXAMPLES[operation].reply
        batch = json.loads(EXAMPLES["batches_get"].reply.body)
        url = f"http://{request.headers['host']}{request.path}/results"
        return json_reply({**batch, "results_url": url})

    return answer


def pair(operation: str, parameters: Mapping[str, Any]) -> tuple[Recorded, Recorded]:
    """The requests of both clients for one call."""

    def theirs(url: str) -> None:
        with sdk(url) as client:
            METHODS[operation](client)(**parameters)

    def ours(url: str) -> None:
        with Claude(KEY, base_url=url) as client:
            client[operation](parameters)

    return recorded_pair(served(operation), theirs, ours)


def test_every_operation_has_an_example_and_a_counterpart() -> None:
    """No operation is left out of this comparison."""
    assert set(Claude.operations()) == set(METHODS) == set(EXAMPLES)


@pytest.mark.parametrize("operation", EXAMPLES)
def test_example_goes_over_the_wire_as_the_sdk_sends_it(operation: str) -> None:
    """The example's call makes the same request through both clients."""
    theirs, ours = pair(operation, EXAMPLES[operation].parameters)
    assert_same_request(theirs, ours)
    assert ours.headers["authorization"] == f"Bearer {KEY}"
    assert theirs.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("operation", EVERYTHING)
def test_every_parameter_goes_over_the_wire_as_the_sdk_sends_it(operation: str) -> None:
    """All parameters of an operation, given at once, make the same request through both."""
    theirs, ours = pair(operation, EVERYTHING[operation])
    assert_same_request(theirs, ours)


@pytest.mark.parametrize("operation", METHODS)
def test_declared_parameters_are_those_of_the_sdk(operation: str) -> None:
    """An operation declares what the SDK's method takes, and a call above sends all of it."""
    with sdk("http://127.0.0.1:1") as client:
        known = set(inspect.signature(METHODS[operation](client)).parameters)
    known -= set(NOT_PARAMETERS)
    if operation in A_HEADER_TOO:
        known -= {"user_profile_id"}
    assert set(Claude.operations()[operation].signature.parameters) == known
    assert set(EVERYTHING.get(operation, EXAMPLES[operation].parameters)) == known


@pytest.mark.parametrize("parameters", [EXAMPLES["messages"].parameters, EVERYTHING["messages"]])
def test_streamed_message_is_asked_for_as_the_sdk_does(parameters: dict[str, Any]) -> None:
    """A stream makes the same request through both, but for what it says it accepts."""

    def theirs(url: str) -> None:
        with sdk(url) as client:
            list(client.messages.create(**parameters, stream=True))

    def ours(url: str) -> None:
        with Claude(KEY, base_url=url) as client:
            list(client.messages.stream(parameters))

    stream = EXAMPLES["messages"].stream
    assert stream is not None
    theirs_sent, ours_sent = recorded_pair(stream, theirs, ours)
    assert_same_request(theirs_sent, ours_sent, ALLOWED_STREAM, stream=True)
    assert ours_sent.json["stream"] is True


@pytest.mark.parametrize("operation", sorted({*A_HEADER_TOO, "models_get"}))
def test_headers_stand_for_the_sdks_header_parameters(operation: str) -> None:
    """What the SDK takes as workspace_id and user_profile_id goes through extra_headers."""
    named = {"workspace_id": "wrkspc_1"}
    headers = {"anthropic-workspace-id": "wrkspc_1"}
    if operation in A_HEADER_TOO:
        named["user_profile_id"] = headers["anthropic-user-profile-id"] = "uprof_1"
    given = EXAMPLES[operation].parameters

    def theirs(url: str) -> None:
        with sdk(url) as client:
            METHODS[operation](client)(**given, **named)

    def ours(url: str) -> None:
        with Claude(KEY, base_url=url) as client:
            client[operation]({**given, "extra_headers": headers})

    assert_same_request(*recorded_pair(served(operation), theirs, ours))


def test_fields_of_a_form_have_the_sdks_names() -> None:
    """Several files are sent under the name with brackets, one file alone as well."""
    files = [("s/SKILL.md", b"---\n---\n"), ("s/a.py", b"pass\n", "text/x-python")]
    for given in (files, files[:1]):
        theirs, ours = pair("skills_create", {"files": given})
        assert_same_request(theirs, ours)
    alone, listed = pair("skills_create", {"files": files[:1]})[1], None
    with RecordingServer(EXAMPLES["skills_create"].reply) as server:
        with Claude(KEY, base_url=server.url) as client:
            client.skills_create(files=files[0])
        listed = server.requests[-1]
    assert listed.form == alone.form


PLAIN = [name for name in EXAMPLES if name not in ("batches_results", "files_download")]


@pytest.mark.parametrize("operation", PLAIN)
def test_canned_reply_is_valid_as_the_sdks_own_type(operation: str) -> None:
    """What a mocked provider answers has every field of the SDK's type, of the right type."""
    example = EXAMPLES[operation]
    with RecordingServer(served(operation)) as server, sdk(server.url) as client:
        answer = METHODS[operation](client)(**example.parameters)
    assert_parses(type(answer), json.loads(example.reply.body))


def test_canned_results_are_valid_as_the_sdks_own_type() -> None:
    """Each line of a batch's results is one of the SDK's results."""
    example = EXAMPLES["batches_results"]
    with RecordingServer(served("batches_results")) as server, sdk(server.url) as client:
        results = list(client.messages.batches.results(**example.parameters))
    lines = example.reply.body.splitlines()
    assert len(results) == len(lines) == 4
    for result, line in zip(results, lines, strict=True):
        assert_parses(type(result), json.loads(line))
        assert_parses(type(result.result), json.loads(line)["result"])


def test_canned_file_is_what_the_sdk_downloads() -> None:
    """The SDK gives the same bytes as our client."""
    example = EXAMPLES["files_download"]
    with RecordingServer(example.reply) as server, sdk(server.url) as client:
        content = client.files.download(**example.parameters).read()
        with Claude(KEY, base_url=server.url) as ours:
            assert ours.files_download(example.parameters).content == content == b"Hello\n"


@pytest.mark.parametrize(
    "stream", [EXAMPLES["messages"].stream, sse_reply(events_of(RICH), named=True)]
)
def test_canned_stream_is_valid_event_by_event(stream: CannedReply) -> None:
    """The SDK reads every event but the pings, and each is valid as its own type."""
    with RecordingServer(stream) as server, sdk(server.url) as client:
        theirs = list(client.messages.create(**EXAMPLES["messages"].parameters, stream=True))
        with Claude(KEY, base_url=server.url) as ours:
            sent = [
                event.data
                for event in ours.messages.stream(EXAMPLES["messages"].parameters)
                if event.type != "ping"
            ]
    assert len(theirs) == len(sent)
    for event, data in zip(theirs, sent, strict=True):
        assert_parses(type(event), data)


def test_rich_message_is_valid_as_the_sdks_own_type() -> None:
    """The message that the behaviour of streams is tested with is one that the SDK knows."""
    assert_parses(anthropic.types.Message, RICH)


def test_collected_stream_is_what_the_sdk_collects() -> None:
    """Both clients make the same message of the same events."""
    given = EXAMPLES["messages"].parameters
    with RecordingServer(sse_reply(events_of(RICH), named=True)) as server:
        with sdk(server.url) as client, client.messages.stream(**given) as stream:
            theirs = stream.get_final_message().to_dict(mode="json")
        with Claude(KEY, base_url=server.url) as ours:
            collected = dict(ours.messages.stream(given).answer())
    assert collected == theirs
