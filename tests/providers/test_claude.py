"""Claude's client: what its answers tell, what it refuses and how it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import pricing
from pytest_accelerate.providers.claude import Claude
from pytest_accelerate.providers.examples import CannedReply, json_reply, ndjson_reply
from pytest_accelerate.providers.examples.claude import EXAMPLES
from pytest_accelerate.transport.answers import ToolCall, Usage
from pytest_accelerate.transport.clock import FakeClock
from tests.providers.claude_client import HELLO, KEY, client, error_event, streamed
from tests.providers.claude_streams import CITATION, RICH, events_of

# What answers tell.


def test_message_tells_what_is_in_its_blocks() -> None:
    """Text, thinking, citations and tool calls are read from all blocks of the content."""
    mocked, _ = client(json_reply(RICH))
    answer = mocked.messages(**HELLO)
    assert answer.text == "Grass is green — 日本 too 🌱."
    assert answer.thinking == "They want the weather."
    assert answer.citations == (CITATION, CITATION)
    assert answer.tool_calls == (
        ToolCall(
            "toolu_01", "get_weather", {"city": "Zürich", "days": [1, 2], "in": {"unit": "C"}}
        ),
        ToolCall("toolu_02", "now", {}),
    )
    assert answer.blocks("server_tool_use")[0]["name"] == "web_search"
    assert (answer.id, answer.model, answer.finish_reason, answer.refused) == (
        "msg_01Rich", "claude-haiku-4-5", "tool_use", False,
    )  # fmt: skip
    assert dict(answer) == RICH
    assert answer.implementation_type == "MOCK"


def test_usage_counts_the_cache_as_input() -> None:
    """Tokens of the cache belong to the input, and those of thinking to the output."""
    usage = {
        "input_tokens": 3,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 100,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 30},
    }
    mocked, _ = client(json_reply({**RICH, "usage": usage}))
    expected = Usage(123, 50, 20, 30, cache_write_tokens=100)
    assert mocked.messages(**HELLO).usage == expected
    spent = mocked.metrics["messages"]
    assert (spent.input_tokens, spent.output_tokens) == (123, 50)
    assert spent.cost_usd == pricing.cost(expected, pricing.price("claude", RICH["model"]))
    assert spent.cost_usd is not None


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"content": None, "usage": None},
        {"content": "text", "usage": [], "stop_reason": None},
        {"content": [None, 3, {"type": "text"}, {"type": "tool_use", "input": [1]}]},
        {"usage": {"input_tokens": "many", "output_tokens_details": 3}},
    ],
)
def test_odd_message_does_not_break_its_properties(data: dict[str, Any]) -> None:
    """Of a message that is not what it should be, each property still gives its own type."""
    mocked, _ = client(json_reply(data))
    answer = mocked.messages(**HELLO)
    assert answer.text == answer.thinking == answer.finish_reason == ""
    assert answer.citations == ()
    assert all(isinstance(call.arguments, (dict, str)) for call in answer.tool_calls)
    assert answer.usage in (None, Usage())


def test_refusal_is_told() -> None:
    """A message that the model refused to go on with says so, with the provider's reason."""
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    mocked, _ = client(json_reply({**RICH, "stop_reason": "refusal", "stop_details": details}))
    answer = mocked.messages(**HELLO)
    assert answer.refused
    assert answer["stop_details"]["category"] == "cyber"


def test_token_count_and_model_tell_their_numbers() -> None:
    """Counts are whole numbers, and what a model can do is told or unknown."""
    mocked, _ = client(EXAMPLES["count_tokens"].reply)
    assert mocked.count_tokens(EXAMPLES["count_tokens"].parameters).input_tokens == 10
    mocked, _ = client(EXAMPLES["models_get"].reply)
    model = mocked.models_get(model_id="claude-haiku-4-5")
    assert (model.id, model.max_input_tokens, model.max_tokens) == (
        "claude-haiku-4-5-20251001", 200000, 64000,
    )  # fmt: skip
    assert model.supports("image_input") is True
    assert model.supports("effort") is False
    assert model.supports("telepathy") is None


def test_batch_tells_how_far_it_is() -> None:
    """A batch that has ended says so, with a count of each outcome."""
    mocked, _ = client(EXAMPLES["batches_create"].reply, EXAMPLES["batches_get"].reply)
    made = mocked.batches_create(EXAMPLES["batches_create"].parameters)
    assert (made.status, made.ended, made.counts["processing"]) == ("in_progress", False, 1)
    later = mocked.batches_get(message_batch_id=made.id)
    assert (later.status, later.ended, later.counts["succeeded"]) == ("ended", True, 1)


def test_results_of_a_batch_are_typed() -> None:
    """Each result has its request's name and either a message or the error of its own call."""
    mocked, _ = client(EXAMPLES["batches_results"].reply)
    answer = mocked.batches_results(message_batch_id="msgbatch_1")
    first, second, third, fourth = answer.results()
    assert [each.custom_id for each in (first, second, third, fourth)] == list(answer)
    assert first.message is not None
    assert (first.type, first.message.text, first.error) == ("succeeded", "Hi there!", None)
    assert first.message.usage == Usage(10, 6)
    assert isinstance(second.error, errors.BadRequest)
    assert (second.error.status, second.error.code, second.error.request_id) == (
        400, "invalid_request_error", "req_01ExampleRequest",
    )  # fmt: skip
    assert second.message is None
    assert (third.type, third.message, third.error) == ("canceled", None, None)
    assert (fourth.type, fourth.message, fourth.error) == ("expired", None, None)


def test_results_may_be_none_at_all() -> None:
    """No lines are no results, and a last line may lack its end."""
    mocked, _ = client(CannedReply(b"", "application/x-jsonl"))
    assert list(mocked.batches_results(message_batch_id="b").results()) == []
    body = b'\n{"custom_id": "a", "result": {"type": "expired"}}\r\n{"custom_id": "b"}'
    mocked, _ = client(CannedReply(body, "application/binary"))
    assert list(mocked.batches_results(message_batch_id="b")) == ["a", "b"]


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"result": {}}', b'{"custom_id": 1}'])
def test_results_that_are_none_raise(body: bytes) -> None:
    """A line that is no result is an InvalidResponse that says which line it is."""
    good = ndjson_reply([{"custom_id": "a", "result": {"type": "expired"}}]).body
    mocked, _ = client(CannedReply(good + body, "application/x-jsonl"))
    with pytest.raises(errors.InvalidResponse, match=r"claude\.batches_results: line 2"):
        mocked.batches_results(message_batch_id="b")


# Errors outside streams.


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", errors.BadRequest),
        (401, "authentication_error", errors.AuthenticationFailed),
        (403, "permission_error", errors.PermissionDenied),
        (404, "not_found_error", errors.NotFound),
        (413, "request_too_large", errors.PayloadTooLarge),
        (429, "rate_limit_error", errors.RateLimited),
        (500, "api_error", errors.ServerError),
        (529, "overloaded_error", errors.Overloaded),
    ],
)
def test_error_status_raises_its_kind(
    status: int, kind: str, error: type[errors.StatusError]
) -> None:
    """An error's status gives its class; its body and headers the code, text and request id."""
    body = json.dumps(error_event(kind)).encode()
    mocked, _ = client(CannedReply(body, status=status, headers={"request-id": "req_9"}))
    with pytest.raises(errors.StatusError, match="so it is") as caught:
        mocked.messages(**HELLO, max_tries=2)
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (
        status, kind, "req_9",
    )  # fmt: skip


def test_retry_after_is_waited_for() -> None:
    """A limited call is sent again, and not before the time that the provider asks for."""
    limited = CannedReply(b"{}", status=429, headers={"retry-after": "7"})
    clock = FakeClock()
    mocked, sent = client(limited, json_reply(RICH))
    mocked.shared.clock = clock
    assert mocked.messages(**HELLO).id == "msg_01Rich"
    assert len(sent) == 2
    assert 7 <= clock.slept[0] < 8


@pytest.mark.parametrize(
    "operation",
    ["batches_create", "files_upload", "skills_create", "skill_versions_create",
     "user_profiles_create", "user_profiles_action_url"],
)  # fmt: skip
def test_what_makes_something_is_not_sent_twice(operation: str) -> None:
    """A call that may have made something at the provider is not repeated blindly."""
    mocked, sent = client(httpx.ReadTimeout("slow"))
    with pytest.raises(errors.ProviderTimeout):
        mocked[operation](EXAMPLES[operation].parameters)
    assert len(sent) == 1


@pytest.mark.parametrize("operation", ["messages", "count_tokens", "batches_cancel", "models_list"])
def test_what_does_no_harm_twice_is_sent_again(operation: str) -> None:
    """After a broken connection other calls are tried again."""
    mocked, sent = client(httpx.ReadError("reset"), EXAMPLES[operation].reply)
    mocked[operation](EXAMPLES[operation].parameters)
    assert len(sent) == 2


# What is refused before anything is sent.


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"messages": []}, "'messages' must not be empty"),
        ({"messages": "Hello"}, "'messages': expected a list of a mapping"),
        ({"messages": [{"role": "user", "content": ""}]}, "message 0 has no content"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "message 0 has no content"),
        ({"messages": [{"role": "user", "content": []}]}, "message 0 has no content"),
        ({"messages": [{"role": "user"}]}, "message 0 has no content"),
        (
            {"messages": [{"role": "assistant", "content": ""}, HELLO["messages"][0]]},
            "message 0 has no content",
        ),
        ({"messages": [{"role": "user", "content": b"Hello"}]}, "'messages' cannot be sent"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "lone surrogate"),
        ({"max_tokens": None}, "'max_tokens': expected a whole number"),
        ({"max_tokens": "16"}, "'max_tokens': expected a whole number"),
        ({"max_tokens": True}, "'max_tokens': expected a whole number"),
        ({"service_tier": "priority"}, "'service_tier': expected one of 'auto'"),
        ({"stop_sequence": ["END"]}, "did you mean 'stop_sequences'"),
        ({"temperature": 0.5}, "unknown parameter 'temperature'.*extra_body"),
    ],
)
def test_bad_parameters_are_refused(changed: dict[str, Any], told: str) -> None:
    """What Claude would refuse is refused here, by the parameter's name, and nothing is sent."""
    mocked, sent = client(json_reply(RICH))
    for call in (mocked.messages, mocked.messages.stream):
        with pytest.raises(errors.InvalidParameters, match=told):
            call({**HELLO, **changed})
    assert sent == []


def test_max_tokens_is_needed() -> None:
    """A message without a limit of its length is refused, and a limit of 0 is one."""
    mocked, sent = client(json_reply(RICH))
    with pytest.raises(errors.InvalidParameters, match="missing parameter: max_tokens"):
        mocked.messages({"model": "m", "messages": HELLO["messages"]})
    assert sent == []
    mocked.messages({**HELLO, "max_tokens": 0})
    assert json.loads(sent[0].content)["max_tokens"] == 0


def test_what_is_to_be_continued_may_be_empty() -> None:
    """Only the last message may have no content, where it is the assistant's."""
    mocked, sent = client(json_reply(RICH))
    mocked.messages({**HELLO, "messages": [*HELLO["messages"], {"role": "assistant"}]})
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("operation", "parameters", "told"),
    [
        ("count_tokens", {"model": "m", "messages": []}, "'messages' must not be empty"),
        ("batches_create", {"requests": []}, "'requests' must not be empty"),
        (
            "batches_create",
            {"requests": [{"custom_id": "a", "params": {**HELLO, "messages": []}}]},
            r"'requests\[0\].params.messages' must not be empty",
        ),
        ("batches_get", {"message_batch_id": ""}, "message_batch_id"),
        ("models_get", {"model_id": ".."}, "model_id"),
        ("models_list", {"lifecycle": ["ancient"]}, "lifecycle"),
        ("files_upload", {"file": "no/such/file"}, "there is no file"),
        ("skills_create", {"files": []}, "'files' must not be empty"),
    ],
)
def test_bad_parameters_of_other_operations_are_refused(
    operation: str, parameters: dict[str, Any], told: str
) -> None:
    """The same for all other operations."""
    mocked, sent = client(json_reply({}))
    with pytest.raises(errors.InvalidParameters, match=told):
        mocked[operation](parameters)
    assert sent == []


def test_parameters_of_older_models_go_through_extra_body() -> None:
    """What is not declared is sent as it is where it is asked for by extra_body."""
    mocked, sent = client(json_reply(RICH))
    mocked.messages(**HELLO, extra_body={"temperature": 0.5})
    assert json.loads(sent[0].content) == {**HELLO, "temperature": 0.5}


# Pages.


def _pages(name: str) -> Callable[[httpx.Request], httpx.Response]:
    """Three pages, told apart by what the query asks for."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params)
        number = int(asked.get(name, "0")) + 1
        return httpx.Response(200, json={
            "data": [{"id": f"entry {number}"}],
            "has_more": number < 3,
            "first_id": str(number),
            "last_id": str(number),
            "next_page": str(number) if number < 3 else None,
            "asked": asked,
        })  # fmt: skip

    return answer


@pytest.mark.parametrize(
    ("operation", "name", "given"),
    [
        ("models_list", "after_id", {"limit": 1}),
        ("models_list", "before_id", {"limit": 1, "before_id": "0"}),
        ("batches_list", "after_id", {}),
        ("files_list", "page", {"limit": 1}),
        ("skills_list", "page", {"source": "custom"}),
        ("skill_versions_list", "page", {"skill_id": "s"}),
        ("user_profiles_list", "page", {}),
    ],
)
def test_pages_follow_each_other(operation: str, name: str, given: dict[str, Any]) -> None:
    """Every page of a list is asked for once, in the direction that was asked for."""
    mocked = Claude(KEY, transport=httpx.MockTransport(_pages(name)))
    # Should they go round in a circle, no more than a few.
    pages = list(islice(mocked[operation].pages(**given), 5))
    assert [page.entries[0]["id"] for page in pages] == ["entry 1", "entry 2", "entry 3"]
    assert [page["asked"].get(name) for page in pages[1:]] == ["1", "2"]
    assert {*pages[2]["asked"]} <= {name, *given}

    async def run() -> list[Any]:
        return [page async for page in mocked[operation].apages(**given)]

    assert [dict(page) for page in asyncio.run(run())] == [dict(page) for page in pages]


# Keys and addresses.


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    return


@pytest.mark.usefixtures("_environment")
def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL are used where no argument is given."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=RICH)

    Claude(transport=httpx.MockTransport(answer)).messages(**HELLO)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:9/proxy/")
    Claude(transport=httpx.MockTransport(answer)).messages(**HELLO)
    assert [str(request.url) for request in seen] == [
        "https://api.anthropic.com/v1/messages", "http://localhost:9/proxy/v1/messages",
    ]  # fmt: skip
    assert [request.headers["authorization"] for request in seen] == [f"Bearer {KEY}"] * 2


@pytest.mark.usefixtures("_environment")
def test_missing_key_names_the_variable() -> None:
    """Without a key nothing is sent, and the error says which variable to set."""
    mocked = Claude(transport=httpx.MockTransport(lambda request: pytest.fail("it was sent")))
    with pytest.raises(errors.MissingCredential, match="ANTHROPIC_API_KEY"):
        mocked.messages(**HELLO)


def test_key_is_not_told() -> None:
    """A key that the provider repeats in its error is in no text of ours."""
    body = json.dumps({"error": {"type": "authentication_error", "message": f"bad key {KEY}"}})
    mocked, sent = client(CannedReply(body.encode(), status=401))
    with pytest.raises(errors.AuthenticationFailed) as caught:
        mocked.messages(**HELLO)
    told = f"{caught.value} {caught.value!r} {mocked!r} {mocked.messages!r} {sent[0].url}"
    assert KEY not in told
    amid = error_event("api_error")
    amid["error"]["message"] = f"key {KEY}"
    mocked, _ = client(streamed([*events_of(RICH)[:2], amid]))
    with pytest.raises(errors.ServerError) as broken:
        list(mocked.messages.stream(HELLO))
    assert KEY not in f"{broken.value} {broken.value!r}"
