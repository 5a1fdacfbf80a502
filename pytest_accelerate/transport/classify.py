"""From an outcome to an error and whether to try again: by status, never by text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pytest_accelerate import errors
from pytest_accelerate.transport.backoff import retry_after
from pytest_accelerate.transport.outcome import UNSENT, Failure, FailureKind, Outcome, Reply

_ERRORS: dict[int, type[errors.StatusError]] = {
    401: errors.AuthenticationFailed,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    409: errors.Conflict,
    304: errors.Conflict,  # a condition of the request does not hold; 412 says the same
    412: errors.Conflict,
    413: errors.PayloadTooLarge,
    429: errors.RateLimited,
    503: errors.Overloaded,
    529: errors.Overloaded,
}
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Statuses that may be another on the next try."""
_UNTOUCHED = frozenset({425, 429, 503, 529})
"""Of these, the ones that say that the request was not taken up."""
_TIMEOUTS = frozenset({FailureKind.TIMEOUT, FailureKind.CONNECT_TIMEOUT})
_LONGEST_MESSAGE = 2_000
_RETRY_INFO = b"google.rpc.RetryInfo"
_RETRY_INFO_TYPE = "type.googleapis.com/google.rpc.RetryInfo"
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]+)?)s", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """An outcome that is no success."""

    error: errors.ProviderError
    retry: bool
    after: float | None = None
    """Seconds that the provider asks to wait."""
    counts: bool | None = None
    """For the breaker: ``False`` is a failure of the provider, ``True`` says that it answers."""


def judge(
    outcome: Outcome,
    *,
    resend: bool,
    streaming: bool = False,
    answers: frozenset[int] = frozenset(),
) -> Problem | None:
    """What is wrong with an outcome.

    Args:
        outcome: of one try.
        resend: whether the request does no harm when it is processed twice.
        streaming: whether a stream was asked for.
        answers: statuses of 400 and above that are a success here.

    Returns:
        ``None`` for a success.
    """
    if isinstance(outcome, Failure):
        return _failure(outcome, resend)
    if 200 <= outcome.status < 300:
        return _no_stream(outcome) if streaming and outcome.stream is None else None
    if outcome.status in answers:
        return None
    if 300 <= outcome.status < 400 and outcome.status != 304:
        return Problem(_redirect(outcome), retry=False, counts=True)
    return _status(outcome, resend)


def _no_stream(reply: Reply) -> Problem:
    kind = reply.headers.get("content-type") or "of no content type"
    error = errors.InvalidResponse(f"expected a stream, the answer is {kind}: {reply.body[:80]!r}")
    return Problem(error, retry=False, counts=True)


def _failure(failure: Failure, resend: bool) -> Problem:
    if failure.kind is FailureKind.UNSENDABLE:
        return Problem(errors.InvalidParameters(failure.message), retry=False)
    if failure.kind in (FailureKind.TOO_LARGE, FailureKind.DECODING):
        return Problem(errors.InvalidResponse(failure.message), retry=False, counts=True)
    if failure.kind is FailureKind.EMPTY_STREAM:
        error: errors.ProviderError = errors.StreamInterrupted(failure.message, events=())
    elif failure.kind in _TIMEOUTS:
        error = errors.ProviderTimeout(failure.message)
    else:
        error = errors.ConnectionFailed(failure.message)
    return Problem(error, retry=resend or failure.kind in UNSENT, counts=False)


def _redirect(reply: Reply) -> errors.RedirectRefused:
    # The origin alone: what stands behind it may carry what must not be told.
    try:
        target = urlsplit(reply.headers.get("location", ""))
        where = f"{target.scheme}://{target.hostname}" if target.hostname else "another path"
    except ValueError:
        where = "what is no URL"
    return errors.RedirectRefused(
        f"redirected ({reply.status}) to {where}, and credentials do not follow a redirect: "
        "where that is the right place, give it as base_url"
    )


def _status(reply: Reply, resend: bool) -> Problem:
    status, after = reply.status, _asked_delay(reply)
    message, code = describe(reply.body)
    retry = status in _PASSING and (resend or status in _UNTOUCHED)
    told = reply.headers.get("x-should-retry")
    if told is not None:
        retry = told == "true" and (resend or status in _UNTOUCHED)
    error = status_error(status)(
        f"{status}{f' {code}' if code else ''}: {message}" if message else f"status {status}",
        status=status,
        code=code,
        request_id=request_id(reply.headers),
        retry_after=after,
    )
    return Problem(error, retry, after, counts=status < 500)


def _asked_delay(reply: Reply) -> float | None:
    told = retry_after(reply.headers)
    return retry_info(reply.body) if told is None else told


def retry_info(body: bytes | bytearray) -> float | None:
    """Seconds that Google's APIs ask to wait: a ``google.rpc.RetryInfo`` among an error's details.

    https://cloud.google.com/apis/design/errors#error_details; ``None`` where there is none.
    """
    if _RETRY_INFO not in body:
        return None  # nearly every error: not parsed twice
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    data = data[0] if isinstance(data, list) and data else data
    error = data.get("error") if isinstance(data, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict) and each.get("@type") == _RETRY_INFO_TYPE:
            return _seconds(each.get("retryDelay"))
    return None


def _seconds(duration: Any) -> float | None:
    """A ``google.protobuf.Duration`` in JSON, such as ``3.5s``."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    return float(found[1]) if found else None


def status_error(status: int) -> type[errors.StatusError]:
    """The error for a status of 400 and above, or below 200."""
    return _ERRORS.get(status) or (errors.ServerError if status >= 500 else errors.BadRequest)


def request_id(headers: Any) -> str:
    """The provider's own id of a request; empty where it gives none."""
    for name in ("x-request-id", "request-id", "x-goog-request-id"):
        if value := headers.get(name):
            return str(value)
    return ""


def describe(body: bytes | bytearray) -> tuple[str, str]:
    """Message and code of an error's body, in any of the forms that providers use."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return body[:_LONGEST_MESSAGE].decode("utf-8", "replace").strip()[:200], ""
    return described(data)


def described(data: Any) -> tuple[str, str]:
    """The same of a body that is parsed already."""
    if isinstance(data, list) and data:
        data = data[0]
    inner = data.get("error", data) if isinstance(data, dict) else data
    if isinstance(inner, str):
        kind = data.get("error_type") if isinstance(data, dict) else None  # as Hugging Face has it
        return inner[:_LONGEST_MESSAGE], kind[:100] if isinstance(kind, str) else ""
    if not isinstance(inner, dict):
        return "", ""
    message = inner.get("message") or inner.get("detail") or ""
    code = next((inner[key] for key in ("status", "type", "code") if inner.get(key)), "")
    return (
        str(message)[:_LONGEST_MESSAGE],
        str(code)[:100] if isinstance(code, (str, int)) else "",
    )
