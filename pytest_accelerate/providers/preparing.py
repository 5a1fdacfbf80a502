"""From what a caller gives to what is sent: checked, shaped and encoded, without credentials."""

from __future__ import annotations

import itertools
import math
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from pytest_accelerate.errors import InvalidParameters, UnsupportedOperation
from pytest_accelerate.providers.declaration import Declaration, Encoding
from pytest_accelerate.providers.parameters import OPTIONS
from pytest_accelerate.transport.body import (
    Body,
    Multipart,
    Parts,
    Upload,
    dump_json,
    flatten,
    upload,
)
from pytest_accelerate.transport.events import Streaming
from pytest_accelerate.transport.exchange import Call

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider
    from pytest_accelerate.providers.operation import Operation

_CALLS = itertools.count(1)
_PROCESS = secrets.token_hex(4)


def split(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and options, from a mapping or keywords.

    Raises:
        InvalidParameters: they are given in another way, or an option is no mapping.
    """
    if len(args) > 1 or (args and not isinstance(args[0], Mapping)):
        raise InvalidParameters(
            "parameters are given by name, or as one mapping of names to values, "
            f"not as {', '.join(type(each).__name__ for each in args)}"
        )
    given = {**args[0], **named} if args else dict(named)
    options = {name: given.pop(name) for name in OPTIONS if name in given}
    for name, expected in (("extra_body", Mapping), ("extra_headers", Mapping),
                           ("extra_query", Mapping)):  # fmt: skip
        if not isinstance(options.get(name) or {}, expected):
            raise InvalidParameters(f"{name}: expected a mapping")
    if not callable(options.get("progress") or callable):
        raise InvalidParameters("progress: expected a function that takes a Progress")
    return given, options


def call_of(
    provider: Provider,
    operation: Operation[..., Any],
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    streaming: bool,
) -> Call:
    """The call that parameters and options make.

    Raises:
        InvalidParameters: one of them cannot be sent.
        UnsupportedOperation: a stream is asked for, and the operation has none; or the reverse.
    """
    declared = operation.declaration
    form = declared.streaming if streaming else None
    if streaming and form is None:
        raise UnsupportedOperation(
            f"{provider.name}.{operation.name} does not stream", (operation.name,)
        )
    if not streaming and declared.streaming is not None and declared.streaming.only:
        raise UnsupportedOperation(
            f"{provider.name}.{operation.name} only streams: call its stream or astream",
            (operation.name,),
        )
    values = provider.prepare(operation.name, operation.signature.check(parameters))
    path = form.path if form is not None and form.path else declared.path
    path = path.format(**{name: _segment(name, values.pop(name), path)
                          for name in operation.path_parameters})  # fmt: skip
    query = {name: values.pop(name) for name in declared.query if name in values}
    body = _body(operation, values, query, options, form)
    pairs = (*flatten({**query, **(options.get("extra_query") or {})}),
             *(form.query if form is not None else ()))  # fmt: skip
    return Call(
        **common(provider, operation, options),
        url=provider.url(path) + (f"?{urlencode(pairs)}" if pairs else ""),
        headers=_headers(provider, declared, body, form, options),
        body=body,
        streaming=form,
    )


def common(
    provider: Provider, operation: Operation[..., Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """What a call has whatever it sends, by the names of its fields.

    Raises:
        InvalidParameters: an option is no number that can be one.
    """
    declared, policy = operation.declaration, provider.policy
    return {
        "provider": provider.name,
        "operation": operation.name,
        "id": f"{provider.name}-{_PROCESS}-{next(_CALLS)}",
        "method": declared.method,
        "resend": declared.resend,
        "priority": _number(options, "priority", 0),
        "deadline": _number(options, "timeout", policy.deadline),
        "max_tries": _number(options, "max_tries", policy.max_tries),
        "report": options.get("progress"),
        "answers": declared.answers,
    }


def _body(
    operation: Operation[..., Any],
    values: dict[str, Any],
    query: dict[str, Any],
    options: Mapping[str, Any],
    form: Streaming | None,
) -> Body:
    declared = operation.declaration
    extra = options.get("extra_body") or {}
    if declared.encoding is Encoding.QUERY:
        query.update(values)
        return dump_json(extra) if extra else None
    if declared.encoding is Encoding.CONTENT:
        ((name, given),) = values.items()
        return upload(name, given)
    if declared.shape is not None:
        values = declared.shape(values)
    if declared.streaming is not None:
        values |= form.body if form is not None else declared.streaming.plain_body
    if declared.encoding is Encoding.JSON:
        return dump_json({**values, **extra})
    parameters = operation.signature.parameters
    names = [name for name in values if name in parameters and parameters[name].is_file]
    files = [each for name in names for each in _files(name, values.pop(name))]
    multipart = Multipart(
        flatten({**values, **extra}), tuple(upload(name, given) for name, given in files)
    )
    return multipart if declared.bracketed else multipart.unbracketed()


def _headers(
    provider: Provider,
    declared: Declaration,
    body: Body,
    form: Streaming | None,
    options: Mapping[str, Any],
) -> dict[str, str]:
    headers = {**provider.headers, **declared.headers}
    if form is not None:
        headers["accept"] = form.framing.media_type
    elif declared.answer.media_types:
        headers["accept"] = declared.answer.media_types[0]
    if isinstance(body, bytes):
        headers["content-type"] = "application/json"
    elif isinstance(body, (Upload, Parts)):
        headers["content-type"] = body.media_type or "application/octet-stream"
    headers |= {name.lower(): value for name, value in
                (options.get("extra_headers") or {}).items()}  # fmt: skip
    return headers


def _number(options: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    value = options.get(name)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidParameters(f"{name}: expected a number, not {type(value).__name__}")
    if not (math.isfinite(value) and (value > 0 or name == "priority")):
        raise InvalidParameters(f"{name}: expected a number above 0, not {value}")
    return value


def _segment(name: str, value: Any, path: str) -> str:
    text = str(value)
    # What a path begins with is a path itself, such as models/NAME; anything else is one segment.
    several = path.startswith(f"/{{{name}}}")
    # "." and ".." would name another path, and "" the list instead of its entry.
    if any(part.strip(".") == "" for part in (text.split("/") if several else [text])):
        raise InvalidParameters(f"parameter {name!r}: {text!r} cannot stand in a path")
    return quote(text, safe=":/" if several else ":")


def _files(name: str, given: Any) -> list[tuple[str, Any]]:
    if isinstance(given, list):
        return [(f"{name}[]", each) for each in given]
    return [(name, given)]
