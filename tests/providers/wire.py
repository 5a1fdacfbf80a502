"""Compares the requests that two clients send for the same call, and says where they differ.

::

    theirs, ours = recorded_pair(
        reply, lambda url: sdk(url).embed(...), lambda url: client(url).embed(...)
    )
    assert_same_request(theirs, ours, {"body.encoding_format": "the SDK asks for base64 itself"})

Each place has a name: ``method``, ``path``, ``query.NAME``, ``header.NAME``, ``body.KEY.0.KEY``,
``form.NAME`` for a field and ``form.NAME.filename``, ``.type`` and ``.content`` for a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pytest_accelerate.providers.examples import CannedReply
from tests.providers.recording import Recorded, RecordingServer

Difference: TypeAlias = tuple[str, Any, Any]
"""A place, what the SDK has there, what we have there."""

IGNORED_HEADERS: Mapping[str, str] = {
    "accept-encoding": "which compressions the HTTP library reads",
    "connection": "of the connection, not of the call",
    "content-length": "follows from the body, which is compared",
    "host": "the loopback server's own",
    "transfer-encoding": "how the HTTP library sends the body, which is compared",
    "user-agent": "each client's own name",
    "x-amzn-trace-id": "huggingface_hub numbers its requests",
    "x-stainless-": "telemetry of the generated SDKs",
    "x-goog-api-client": "telemetry of Google's SDKs",
    "x-server-timeout": "Google's SDK tells its own timeout",
}
"""Headers that may differ anywhere, by name or beginning, with the reason."""


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()


def recorded_pair(
    reply: CannedReply | Callable[[Recorded], CannedReply],
    theirs: Callable[[str], object],
    ours: Callable[[str], object],
) -> tuple[Recorded, Recorded]:
    """The last request of each of two callers, which get the server's URL and the same answer."""
    with RecordingServer(reply) as server:
        theirs(server.url)
        first = server.requests[-1]
        server.requests.clear()
        ours(server.url)
        return first, server.requests[-1]


def assert_same_request(
    theirs: Recorded,
    ours: Recorded,
    allowed: Mapping[str, str] | None = None,
    *,
    stream: bool = False,
) -> None:
    """Fail where the requests differ beyond the allowed, or where an allowed one does not.

    Args:
        theirs: of the official SDK.
        ours: of our client.
        allowed: from a place, or the beginning of one, to the reason why it may differ.
        stream: whether a stream was asked for: only then is ``accept`` compared.
    """
    table = allowed or {}
    found = list(differences(theirs, ours, stream=stream))
    wrong = [each for each in found if not any(_within(each[0], place) for place in table)]
    assert not wrong, f"{ours.method} {ours.path} differs from the SDK's request:\n" + "\n".join(
        f"  {place}: the SDK sends {_short(sdk)}, we send {_short(own)}"
        for place, sdk, own in wrong
    )
    stale = [place for place in table if not any(_within(each[0], place) for each in found)]
    assert not stale, f"{ours.method} {ours.path}: no difference any more in {', '.join(stale)}"


def differences(theirs: Recorded, ours: Recorded, *, stream: bool = False) -> Iterator[Difference]:
    """Every place in which the two requests differ."""
    yield from _compare("method", theirs.method, ours.method)
    yield from _compare("path", theirs.path, ours.path)
    yield from _compare("query", _grouped(theirs.query), _grouped(ours.query))
    yield from _compare("header", _headers(theirs, stream), _headers(ours, stream))
    yield from _bodies(theirs, ours)


def assert_parses(kind: Any, data: Any) -> None:
    """Fail unless ``data`` is valid for an SDK's own type, which the SDK itself never checks."""
    from pydantic import TypeAdapter

    TypeAdapter(kind).validate_python(data)


def _bodies(theirs: Recorded, ours: Recorded) -> Iterator[Difference]:
    kinds = {_kind(theirs), _kind(ours)}
    if len(kinds) > 1:
        return  # told already, as header.content-type
    if kinds == {"multipart/form-data"}:
        yield from _compare("form", _parts(theirs), _parts(ours))
    elif kinds == {"application/json"}:
        yield from _compare("body", theirs.json, ours.json)
    else:
        yield from _compare("body", theirs.body, ours.body)


def _kind(request: Recorded) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _headers(request: Recorded, stream: bool) -> dict[str, str]:
    ignored = (*IGNORED_HEADERS, *(() if stream else ("accept",)))
    headers = {name: value for name, value in request.headers.items()
               if not any(name == each or (each.endswith("-") and name.startswith(each))
                          for each in ignored)}  # fmt: skip
    # Without the boundary of a form, or a charset. An empty body has no type worth a name.
    headers.pop("content-type", None)
    if request.body:
        headers["content-type"] = _kind(request)
    return headers


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in groups.items()}


def _parts(request: Recorded) -> dict[str, Any]:
    groups: dict[str, list[Any]] = {}
    for name, filename, kind, content in request.form:
        value = {"filename": filename, "type": kind, "content": content} if filename else content
        groups.setdefault(name, []).append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in groups.items()}


def _compare(place: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            yield from _compare(f"{place}.{key}", theirs.get(key, ABSENT), ours.get(key, ABSENT))
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from _compare(f"{place}.{index}", one, other)
    elif type(theirs) is not type(ours) or theirs != ours:
        yield place, theirs, ours


def _within(place: str, table: str) -> bool:
    return place == table or place.startswith(f"{table}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
