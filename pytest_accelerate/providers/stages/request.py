"""``request``: what goes out is what the declaration and the example say, and the key is safe."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from pytest_accelerate.cells import Verdict
from pytest_accelerate.errors import InvalidResponse
from pytest_accelerate.providers.mocks import KEY
from pytest_accelerate.providers.operation import Encoding
from pytest_accelerate.providers.stages.base import Context, check
from pytest_accelerate.providers.stages.stored import check_stored
from pytest_accelerate.stages.base import Outcome


def request(context: Context) -> Outcome:
    """Send the example in every way there is, and look at what was sent."""
    if context.client is not None:
        return _live(context)
    for way in context.ways:
        with context.mocked(then=context.answered) as bench:
            context.call(way, bench.handler)
            context.per_call = bench.sent
            if context.provider.native:
                check_stored(context, bench)
            else:
                _check(context, bench.requests, streaming=context.streams_only)
        if context.streams and not context.streams_only:
            with context.mocked(context.streamed) as bench:
                way.events(bench.handler, context.parameters)
                _check(context, bench.requests, streaming=True)
    return Outcome()


def _live(context: Context) -> Outcome:
    """The real API takes it."""
    assert context.client is not None
    handler = context.client.handler(context.operation.name)
    started = time.perf_counter()
    try:
        context.answer = context.call(context.ways[0], handler)
    except InvalidResponse as error:
        context.failure = error  # for the next stage to tell
    context.seconds = time.perf_counter() - started
    return Outcome(Verdict.PASS)


def _check(context: Context, requests: Sequence[httpx.Request], *, streaming: bool) -> None:
    """The first request is what is declared; the content of a file may follow it."""
    sent, declared = requests[0], context.declared
    check(sent.method == declared.method, f"sent by {sent.method}, not {declared.method}")
    base = httpx.URL(context.provider.default_base_url)
    check(sent.url.host == base.host and sent.url.scheme == base.scheme, f"sent to {sent.url.host}")
    _check_key(context, sent)
    for each in requests:
        _check_hidden(context, each)
    _check_parameters(context, sent, b"".join(each.content for each in requests))
    _check_content_type(context, sent)
    if declared.streaming is not None:
        _check_streaming(context, sent, streaming)


def _check_key(context: Context, sent: httpx.Request) -> None:
    header = context.provider.key_header
    expected = context.provider.key_format.format(KEY)
    check(sent.headers.get(header) == expected, f"the header {header} does not carry the key")


def _check_hidden(context: Context, sent: httpx.Request) -> None:
    header = context.provider.key_header
    check(KEY not in str(sent.url), "the key stands in the URL")
    check(KEY.encode() not in sent.content, "the key stands in the body")
    others = [name for name, value in sent.headers.items() if KEY in value and name != header]
    check(not others, f"the key stands in {', '.join(others)} as well")


def _check_parameters(context: Context, sent: httpx.Request, content: bytes) -> None:
    """Each value of the example stands where its parameter belongs."""
    declared, signature = context.declared, context.operation.signature
    path = sent.url.path
    query = [value for _, value in sent.url.params.multi_items()]
    body = list(_leaves(_json(sent))) if declared.encoding is Encoding.JSON else []
    for name, value in context.parameters.items():
        if name in context.operation.path_parameters:
            # A resource's name may be given with or without the collection that it stands in.
            check(str(value).rpartition("/")[2] in path, f"{name} does not stand in the path")
        elif signature.parameters[name].is_file:
            check(_content(value) in content, f"the file {name} does not stand in the body")
        elif declared.encoding in (Encoding.QUERY, Encoding.CONTENT) or name in declared.query:
            missing = [leaf for leaf in _leaves(value) if _text(leaf) not in query]
            check(not missing, f"{name} does not stand in the query")
        elif declared.encoding is Encoding.JSON:
            missing = [leaf for leaf in _leaves(value) if not _among(leaf, body)]
            check(not missing, f"{name} does not stand in the body: {str(missing)[:80]}")
        else:
            missing = [leaf for leaf in _leaves(value) if _text(leaf).encode() not in sent.content]
            check(not missing, f"{name} does not stand in the form")


def _check_content_type(context: Context, sent: httpx.Request) -> None:
    found = sent.headers.get("content-type", "")
    expected = {Encoding.JSON: "application/json", Encoding.FORM: "multipart/form-data; boundary="}
    if context.declared.encoding in expected:
        start = expected[context.declared.encoding]
        check(found.startswith(start), f"sent as {found or 'no type'}, not {start}")
    elif context.declared.encoding is Encoding.QUERY:
        check(not sent.content, "there is a body")


def _check_streaming(context: Context, sent: httpx.Request, streaming: bool) -> None:
    form = context.declared.streaming
    assert form is not None
    if streaming:
        check(sent.headers["accept"] == form.framing.media_type, "no stream is accepted")
        params = sent.url.params.multi_items()
        check(all(pair in params for pair in form.query), "the query asks for no stream")
    if context.declared.encoding is Encoding.JSON:
        asked = form.body if streaming else form.plain_body
        body = _json(sent)
        check(asked.items() <= body.items(), f"the body lacks {asked}")


def _json(sent: httpx.Request) -> dict[str, Any]:
    body = json.loads(sent.content)
    check(isinstance(body, dict), "the body is no JSON object")
    return dict(body)


def _leaves(value: Any) -> Iterator[Any]:
    """All that stands in a structure, the names of its mappings left out."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _leaves(each)
    elif value is not None:
        yield value


def _among(leaf: Any, body: list[Any]) -> bool:
    if isinstance(leaf, (bytes, bytearray)):
        return _among(base64.b64encode(leaf).decode(), body)
    if isinstance(leaf, str):
        # A provider's own form may put a text into another: a data URL, a resource's name.
        return any(isinstance(each, str) and leaf in each for each in body)
    return leaf in body


def _text(leaf: Any) -> str:
    return str(leaf).lower() if isinstance(leaf, bool) else str(leaf)


def _content(given: Any) -> bytes:
    content = given[1] if isinstance(given, tuple) else given
    if isinstance(content, list):
        content = _content(content[0])
    return bytes(content) if isinstance(content, (bytes, bytearray)) else b""
