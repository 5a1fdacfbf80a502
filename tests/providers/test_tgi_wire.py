"""huggingface_hub's client and ours send TGI the same, and its types read what our examples answer.

It knows text generation, chats, ``/info`` and ``/health``. The other operations are held against
TGI's OpenAPI document (docs/openapi.json of huggingface/text-generation-inference, 2.4.1): their
fields stand in the tables below.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.inference._generated import types as generated

from pytest_accelerate.providers import TGI
from pytest_accelerate.providers.examples import CannedReply, examples
from tests.providers.wire import assert_same_request, recorded_pair

KEY = "tgi-test-key"
hub: Any = generated
EXAMPLES = examples("tgi")
MESSAGES = [{"role": "user", "content": "hi"}]

PARAMETERS: Mapping[str, Any] = {
    "adapter_id": "a",
    "best_of": 2,
    "decoder_input_details": True,
    "details": True,
    "do_sample": True,
    "frequency_penalty": 0.5,
    "grammar": {"type": "regex", "value": "[a-z]+"},
    "max_new_tokens": 9,
    "repetition_penalty": 1.5,
    "return_full_text": True,
    "seed": 7,
    "stop": ["."],
    "temperature": 0.5,
    "top_k": 5,
    "top_n_tokens": 2,
    "top_p": 0.9,
    "truncate": 100,
    "typical_p": 0.8,
    "watermark": True,
}
CHAT: Mapping[str, Any] = {
    "frequency_penalty": 0.5,
    "logit_bias": [0.5],
    "logprobs": True,
    "max_tokens": 9,
    "n": 1,
    "presence_penalty": 0.5,
    "response_format": {"type": "json_object", "value": {"type": "object"}},
    "seed": 7,
    "stop": ["."],
    "temperature": 0.5,
    "tool_choice": "auto",
    "tool_prompt": "Use one of:",
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "top_logprobs": 2,
    "top_p": 0.9,
}
GENERATED: Mapping[str, str] = {
    "path": "hub posts to the root, where TGI streams or not as the body says",
}
ALONE: Mapping[str, str] = {
    "body.parameters": "hub says that no details are asked for, as if nothing is said",
}
CHATTED: Mapping[str, str] = {
    "body.model": "hub fills in a name where none is given; TGI needs none",
}
PLAIN: Mapping[str, str] = {"body.stream": "hub says false, which is what TGI takes nothing for"}
STREAMED: Mapping[str, str] = {
    "header.accept": "hub names no type of answer, and gets events as TGI documents",
}
ROOT: Mapping[str, str] = {"body.stream": "how the root is asked; a named route needs no such word"}


def theirs(call: Callable[[Any], Any]) -> Callable[[str], Any]:
    """A call through huggingface_hub."""

    def run(url: str) -> Any:
        with InferenceClient(url, provider="hf-inference", token=KEY) as client:
            given = call(client)
            return list(given) if isinstance(given, Iterator) else given

    return run


def ours(operation: str, parameters: Mapping[str, Any], stream: bool = False) -> Callable[..., Any]:
    """A call through our client."""

    def call(url: str) -> Any:
        with TGI(KEY, base_url=url) as client:
            handler = client.handler(operation)
            return list(handler.stream(parameters)) if stream else handler(parameters)

    return call


def reply_of(operation: str, stream: bool = False) -> CannedReply:
    """The canned reply of an operation."""
    found = EXAMPLES[operation].stream if stream else EXAMPLES[operation].reply
    assert found is not None
    return found


def test_generate_sends_what_hub_sends() -> None:
    """Every generation parameter stands where hub puts it."""
    pair = recorded_pair(
        reply_of("generate"),
        theirs(lambda client: client.text_generation("hi", **PARAMETERS)),
        ours("generate", {"inputs": "hi", **PARAMETERS}),
    )
    assert_same_request(*pair, GENERATED)
    assert pair[1].path == "/generate"


@pytest.mark.parametrize("operation", ["generate", "generate_stream"])
def test_streams_are_asked_for_with_what_hub_sends(operation: str) -> None:
    """Both ways to a stream post the same to ``/generate_stream``."""
    pair = recorded_pair(
        reply_of(operation, stream=True),
        theirs(lambda client: client.text_generation("hi", stream=True, **PARAMETERS)),
        ours(operation, {"inputs": "hi", **PARAMETERS}, stream=True),
    )
    assert_same_request(*pair, {**GENERATED, **ROOT, **STREAMED}, stream=True)
    assert pair[1].path == "/generate_stream"


def test_a_prompt_alone_is_sent_alone() -> None:
    """Nothing is sent that was not given, where hub sends ``details`` all the same."""
    pair = recorded_pair(
        reply_of("generate"),
        theirs(lambda client: client.text_generation("hi")),
        ours("generate", {"inputs": "hi"}),
    )
    assert_same_request(*pair, {**GENERATED, **ALONE})
    assert pair[1].json == {"inputs": "hi"}


@pytest.mark.parametrize("stream", [False, True])
def test_chat_sends_what_hub_sends(stream: bool) -> None:
    """Every parameter of a chat, and the stream's options, go where hub sends them."""
    more = {"stream_options": {"include_usage": True}} if stream else {}
    parameters = {**CHAT, **more}
    pair = recorded_pair(
        reply_of("chat", stream),
        theirs(lambda client: client.chat_completion(MESSAGES, stream=stream, **parameters)),
        ours("chat", {"messages": MESSAGES, **parameters}, stream=stream),
    )
    differing = STREAMED if stream else PLAIN
    assert_same_request(*pair, {**CHATTED, **differing}, stream=stream)


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("info", lambda client: client.get_endpoint_info()),
        ("health", lambda client: client.health_check()),
    ],
)
def test_what_is_asked_of_the_server_itself(operation: str, call: Callable[..., Any]) -> None:
    """``/info`` and ``/health`` are asked for as hub asks, and hub reads our replies."""
    given: list[Any] = []
    pair = recorded_pair(
        reply_of(operation),
        theirs(lambda client: given.append(call(client))),
        ours(operation, {}),
    )
    assert_same_request(*pair)
    assert given == [json.loads(reply_of("info").body) if operation == "info" else True]


def test_every_parameter_that_hub_knows_is_declared() -> None:
    """No more and no fewer than hub's own types of TGI's requests have."""
    declared = TGI.operations()
    own = hub.TextGenerationInputGenerateParameters.__dataclass_fields__
    for operation in ("generate", "generate_stream"):
        assert set(declared[operation].signature.parameters) == {"inputs", *own}
    assert set(PARAMETERS) == set(own)
    chat = set(hub.ChatCompletionInput.__dataclass_fields__) - {"stream"}
    assert set(declared["chat"].signature.parameters) == chat | {"guideline"}
    completions = set(declared["completions"].signature.parameters)
    assert completions == set(OPENAPI["CompletionRequest"]) - {"stream"}


def parse(kind: Any, data: Any, place: str = "answer") -> None:
    """Fail unless hub's type reads ``data`` wholly: it takes any JSON without a word."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in typing.get_args(kind):
            return
        (kind,) = (each for each in typing.get_args(kind) if each is not type(None))
        parse(kind, data, place)
    elif origin is list:
        assert isinstance(data, list), place
        for index, each in enumerate(data):
            parse(typing.get_args(kind)[0], each, f"{place}.{index}")
    elif origin is typing.Literal:
        assert data in typing.get_args(kind), place
    elif dataclasses.is_dataclass(kind):
        assert isinstance(data, dict), place
        hints = typing.get_type_hints(kind)
        for each in dataclasses.fields(kind):
            required = each.default is dataclasses.MISSING
            assert each.name in data or not required, f"{place}.{each.name} is missing"
            if each.name in data:
                parse(hints[each.name], data[each.name], f"{place}.{each.name}")
        beyond = set(data) - set(hints) - {"object"}
        assert not beyond, f"{place}: hub does not know {beyond}"
    else:
        assert isinstance(data, (int, float) if kind is float else kind), place


def events(operation: str) -> list[Any]:
    """The JSON of each event of the canned stream."""
    frames = reply_of(operation, stream=True).body.decode().split("\n\n")
    return [json.loads(each[6:]) for each in frames if each and "[DONE]" not in each]


def test_hub_types_read_the_examples() -> None:
    """Each answer and each event is what hub's generated types of TGI declare."""
    parse(hub.TextGenerationOutput, json.loads(reply_of("generate").body))
    parse(hub.ChatCompletionOutput, json.loads(reply_of("chat").body))
    for event in events("generate"):
        parse(hub.TextGenerationStreamOutput, event)
    for event in events("chat"):
        parse(hub.ChatCompletionStreamOutput, event)
    with pytest.raises(AssertionError, match="missing"):
        parse(hub.TextGenerationOutput, {})


def test_hub_gives_the_example_streams() -> None:
    """Hub's client reads the canned streams to their end, event by event."""
    given: list[list[Any]] = []
    calls: dict[str, Callable[[Any], Any]] = {
        "generate": lambda client: client.text_generation("hi", details=True, stream=True),
        "chat": lambda client: client.chat_completion(MESSAGES, stream=True),
    }
    for operation, call in calls.items():
        recorded_pair(
            reply_of(operation, stream=True),
            lambda url: given.append(theirs(call)(url)),  # noqa: B023
            ours(operation, EXAMPLES[operation].parameters, stream=True),
        )
    assert [len(each) for each in given] == [len(events("generate")), len(events("chat"))]
    assert given[0][-1].generated_text == "Hello!"
    assert {type(each) for each in given[1]} == {hub.ChatCompletionStreamOutput}


OPENAPI: Mapping[str, Mapping[str, Any]] = {
    "CompletionRequest": dict.fromkeys(
        ("frequency_penalty", "max_tokens", "model", "prompt", "repetition_penalty", "seed", "stop",
         "stream", "suffix", "temperature", "top_p")
    ),
    "CompletionFinal": {"id": str, "created": int, "model": str, "system_fingerprint": str,
                        "choices": list, "usage": dict},
    "CompletionComplete": {"index": int, "text": str, "finish_reason": str},
    "ModelInfo": {"id": str, "object": str, "created": int, "owned_by": str},
    "SimpleToken": {"id": int, "text": str, "start": int, "stop": int},
    "ChatTokenizeResponse": {"tokenize_response": list, "templated_text": str},
    "Info": {"model_id": str, "max_concurrent_requests": int, "max_best_of": int,
             "max_stop_sequences": int, "max_input_tokens": int, "max_total_tokens": int,
             "validation_workers": int, "max_client_batch_size": int, "router": str,
             "version": str},
}  # fmt: skip
"""What TGI's document requires of each object, with its type."""


def assert_has(schema: str, data: Mapping[str, Any]) -> None:
    """Fail where a required field is absent or of another type."""
    for name, kind in OPENAPI[schema].items():
        assert isinstance(data[name], kind), f"{schema}.{name}"


def test_examples_have_what_the_document_requires() -> None:
    """The answers that hub has no type for carry each field that TGI's document requires."""
    read = {name: json.loads(each.reply.body) for name, each in EXAMPLES.items()
            if each.reply.media_type == "application/json"}  # fmt: skip
    assert_has("Info", read["info"])
    assert_has("CompletionFinal", read["completions"])
    assert_has("ChatTokenizeResponse", read["chat_tokenize"])
    for model in read["models_list"]["data"]:
        assert_has("ModelInfo", model)
    for token in [*read["tokenize"], *read["chat_tokenize"]["tokenize_response"]]:
        assert_has("SimpleToken", token)
    for piece in [read["completions"], *events("completions")]:
        for choice in piece["choices"]:
            assert_has("CompletionComplete", choice)


def test_no_operation_is_forgotten() -> None:
    """Each operation has an example, and each route that TGI documents has an operation."""
    assert set(EXAMPLES) == set(TGI.operations())
    routes = {each.declaration.path for each in TGI.operations().values()}
    documented = {
        "/chat_tokenize", "/generate", "/generate_stream", "/health", "/info", "/metrics",
        "/tokenize", "/v1/chat/completions", "/v1/completions", "/v1/models",
    }  # fmt: skip
    assert routes == documented  # beside "/" and "/invocations", other names of these
