"""From obstore's exceptions to outcomes: the one place that reads its texts.

obstore (0.12) raises exceptions of few types: a status of 400, 416, 429 or 5xx, a connection that
was refused, broke or timed out are all ``GenericError``, without ``__cause__`` or attributes. What
they have is the text of Rust's ``Debug`` behind the line ``Debug source:``, where a status, a body
or the kind of a failure stand alone on their lines. What a server or a caller wrote is escaped in
it, on one line, so it cannot be taken for one of these. Where a later obstore writes it otherwise,
the exception's type still tells the statuses that it knows, and the rest is a lost connection.
"""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import httpx

from pytest_accelerate.transport.outcome import Failure, FailureKind, Outcome, Reply

_DEBUG = "\n\nDebug source:\n"
_STATUS = re.compile(r"^ +status: ([0-9]{3}),$", re.MULTILINE)
_BODY = re.compile(r'^ +(?:body: )?"(.*)",$', re.MULTILINE)
_BODY_START = re.compile(r'^ +body: (?:Some\($|")', re.MULTILINE)
_KIND = re.compile(r"^ +kind: (Connect|Request|Timeout|Interrupted|Decode|Unknown),$", re.MULTILINE)
_CONNECTING = re.compile(r"^ +Connect,$", re.MULTILINE)
_REDIRECT = re.compile(r"^ +(?:inner: )?BareRedirect,$", re.MULTILINE)
_ESCAPED = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|(.))")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}

_STATUS_OF_TYPE = {
    "FileNotFoundError": 404,
    "NotFoundError": 404,
    "PermissionDeniedError": 403,
    "UnauthenticatedError": 401,
    "AlreadyExistsError": 412,
    "PreconditionError": 412,
    "NotModifiedError": 304,
}
_UNREADABLE = re.compile(
    r"^ +source: (?:Invalid|Parse|Metadata|NotPartial|UnexpectedRange|Content)", re.MULTILINE
)
"""What Rust calls an answer that is not what the protocol says."""


class StoreFailed(Exception):
    """A call of obstore did not succeed."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


def outcome_of(error: BaseException) -> Outcome:
    """What an exception that obstore raised means for the call."""
    shown, found, debug = str(error).rpartition(_DEBUG)
    if not found:
        shown, debug = debug, ""
    status = _status(error, debug)
    if status is not None:
        return _refusal(status, _body(debug))
    kind = _KIND.search(debug)
    if kind is not None:
        return _failure(kind[1], debug)
    if _UNREADABLE.search(debug):
        return Failure(FailureKind.DECODING, f"the answer is not S3's: {_first_line(shown)}")
    if isinstance(error, ValueError):
        return Failure(FailureKind.UNSENDABLE, _first_line(shown))
    return Failure(FailureKind.LOST, f"the call did not succeed: {_first_line(shown)}")


def _status(error: BaseException, debug: str) -> int | None:
    found = _STATUS.search(debug)
    if found is not None:
        # S3 answers 200 before a long copy or the end of a multipart upload has succeeded, and may
        # then write an error: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html.
        return 500 if found[1] == "200" else int(found[1])
    if _REDIRECT.search(debug):
        return 301  # S3's own, to a region that it does not name
    return _STATUS_OF_TYPE.get(type(error).__name__)


def _failure(kind: str, debug: str) -> Failure:
    if kind == "Timeout":
        if _CONNECTING.search(debug):
            return Failure(FailureKind.CONNECT_TIMEOUT, "no connection in time")
        return Failure(FailureKind.TIMEOUT, "no answer in time")
    if kind == "Connect":
        refused = ": refused" if "ConnectionRefused" in debug else ""
        return Failure(FailureKind.CONNECT, f"no connection{refused}")
    return Failure(FailureKind.LOST, "the connection broke, or the answer did before its end")


def _body(debug: str) -> str:
    start = _BODY_START.search(debug)
    found = _BODY.search(debug, start.start()) if start is not None else None
    return _ESCAPED.sub(_unescaped, found[1]) if found is not None else ""


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is not None:
        return chr(int(found[1], 16))
    return _CONTROLS.get(found[2], found[2])


def _refusal(status: int, body: str) -> Reply:
    """The reply as the other providers' are: its message, code and id where they are looked for."""
    message, code, request_id = described(body)
    told = json.dumps({"error": {"message": message, "code": code}}).encode()
    headers = {"x-request-id": request_id} if request_id else {}
    return Reply(status, httpx.Headers(headers), told)


def described(body: str) -> tuple[str, str, str]:
    """Message, code and request id of an error in S3's XML; of other text, the text itself.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    # No entities: a server could make a few bytes fill the memory.
    if "<!" not in body:
        try:
            root = ElementTree.fromstring(body.strip())
        except ElementTree.ParseError:
            pass
        else:
            message, code, id = (root.findtext(n) or "" for n in ("Message", "Code", "RequestId"))
            return message, code, id
    return body.strip()[:200], "", ""


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:300]
