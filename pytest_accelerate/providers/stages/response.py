"""``response``: the answer is read into its declared type, and what is no answer is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx

from pytest_accelerate.cells import Verdict
from pytest_accelerate.errors import AccelerateError, InvalidResponse
from pytest_accelerate.providers.operation import Effect
from pytest_accelerate.providers.stages.base import Context, Way, check, error_of
from pytest_accelerate.stages.base import Outcome
from pytest_accelerate.transport.answers import (
    REAL,
    Answer,
    BinaryAnswer,
    ChatAnswer,
    EmbeddingAnswer,
    ListAnswer,
    TextAnswer,
    Usage,
)


def response(context: Context) -> Outcome:
    """Read what the server answered."""
    if context.client is not None:
        if context.failure is not None:
            raise context.failure
        check(context.answer.implementation_type == REAL, "a real answer says that it is none")
        check_answer(context, context.answer)
        return Outcome(Verdict.PASS)
    for way in context.ways:
        with context.mocked(then=context.answered) as bench:
            answer = context.call(way, bench.handler)
            bench.check_free("an answered call")
        check_answer(context, answer)
        if not context.streams_only:
            _check_whole(context, answer)
            _refuse_others(context, way)
    return Outcome()


def check_answer(context: Context, answer: Any) -> None:
    """Hold that an answer is of its declared type, and that all of it can be read."""
    declared = context.declared.answer
    check(isinstance(answer, declared), f"it gave {type(answer).__name__}, not {declared.__name__}")
    check(answer.origin.provider == context.provider.name, "it is said to be of another provider")
    check(answer.origin.operation == context.operation.name, "it is said to be of another call")
    for name in _properties(type(answer)):
        try:
            getattr(answer, name)
        except AccelerateError:
            continue  # it says that this answer has no such thing
        except Exception as error:
            check(False, f"{type(answer).__name__}.{name} cannot be read: {error!r}")
    if isinstance(answer, ChatAnswer) and context.declared.effect is Effect.INFER:
        check(answer.text or answer.tool_calls, "there is neither text nor a tool call in it")
    if isinstance(answer, EmbeddingAnswer):
        check(answer.vectors and all(answer.vectors), "there is no vector in it")
    if isinstance(answer, TextAnswer):
        check(answer.text, "there is no text in it")
    if isinstance(answer, BinaryAnswer):
        check(answer.content, "there is no content in it")
    usage = answer.usage
    check(usage is None or isinstance(usage, Usage), "its usage is none")


def _properties(kind: type[Answer]) -> list[str]:
    return [name for name in dir(kind) if isinstance(getattr(kind, name, None), property)]


def _check_whole(context: Context, answer: Answer) -> None:
    """Nothing of the provider's JSON is lost."""
    if type(answer).of.__func__ is Answer.of.__func__:  # type: ignore[attr-defined]
        check(dict(answer) == json.loads(context.canned.body), "not all of the JSON is in it")
    if isinstance(answer, ListAnswer):
        check(
            list(answer.entries) == json.loads(context.canned.body), "not all of the list is there"
        )
    if isinstance(answer, BinaryAnswer):
        check(answer.content == context.canned.body, "it is not the content that was sent")


def _refuse_others(context: Context, way: Way) -> None:
    """A page of HTML and half of a JSON object are no answers, and are not asked for again."""
    if context.declared.answer.media_types != ("application/json",):
        return
    others = {
        "HTML": httpx.Response(200, html="<p>It works!</p>"),
        "half an object": httpx.Response(
            200, content=b'{"half', headers={"content-type": "application/json"}
        ),
    }
    if issubclass(context.declared.answer, ListAnswer):
        others["an object"] = httpx.Response(200, json={"one": 1})
    else:
        others["a list"] = httpx.Response(200, json=[1])
    for name, reply in others.items():
        with context.mocked(reply) as bench:
            error_of(lambda: context.call(way, bench.handler), InvalidResponse, name)
            bench.check_free(name)
