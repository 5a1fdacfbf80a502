"""Uploads to Gemini: one request that starts an upload, and one with the content.

https://ai.google.dev/gemini-api/docs/files, with the resumable protocol that google-genai speaks.
The second request goes where the answer to the first says, and carries no key: its URL is the
permission.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

from pytest_accelerate.errors import InvalidParameters, InvalidResponse
from pytest_accelerate.providers.gemini_content import media_type_of
from pytest_accelerate.providers.operation import Handler, Operation
from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.body import Upload, upload
from pytest_accelerate.transport.exchange import Call, Step, exchange
from pytest_accelerate.transport.outcome import Reply

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

P = ParamSpec("P")
A = TypeVar("A", bound=Answer)

_PRINTABLE = "".join(map(chr, range(32, 127)))
_FINISH = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}


@dataclass(frozen=True, slots=True)
class UploadCall(Call):
    """The call that starts an upload, and the file that is to follow."""

    file: Upload


class UploadOperation(Operation[P, A]):
    """An operation whose ``file`` follows in a request of its own."""

    @classmethod
    def of(cls, operation: Operation[P, A]) -> UploadOperation[P, A]:
        """Make one of a declared operation."""
        return cls(operation.declared, operation.declaration)

    def handler(self, provider: Provider) -> UploadHandler[P, A]:
        """The handler for one client."""
        return UploadHandler(provider, self)


class UploadHandler(Handler[P, A]):
    """Starts an upload and sends the content; ``timeout`` is for each of the two requests."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Upload a file.

        Raises:
            ProviderError: see :mod:`pytest_accelerate.errors` for the kinds.
        """
        call = self._prepare(args, kwargs, streaming=False)
        return self._provider.threads.run(self._steps(call))

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """The same, awaitable."""
        call = self._prepare(args, kwargs, streaming=False)
        return await self._provider.tasks.run(self._steps(call))

    def _call(
        self, parameters: dict[str, Any], options: dict[str, Any], *, streaming: bool
    ) -> Call:
        checked = self.operation.signature.check(parameters)
        file = _checked(upload("file", checked["file"]), checked.get("mime_type"))
        call = super()._call({**parameters, "file": file}, options, streaming=streaming)
        known = {field.name: getattr(call, field.name) for field in fields(Call)}
        known["headers"] = {**call.headers, **_start_headers(file)}
        return UploadCall(**known, file=file)

    def _steps(self, call: Call) -> Generator[Step, Any, A]:
        assert isinstance(call, UploadCall)
        shared = self._provider.shared
        started = yield from exchange(call, shared)
        following = self._content_call(call, started)
        reply = yield from exchange(following, replace(shared, authorise=_no_key))
        status = reply.headers.get("x-goog-upload-status", "")
        if status != "final":
            raise self._invalid(
                call, f"the upload did not come to its end: its status is {status or 'not told'}"
            )
        return self._answer(reply, call)

    def _content_call(self, call: UploadCall, started: Reply) -> Call:
        """The request with the content: where the answer says, on the server that was asked."""
        target = urlsplit(started.headers.get("x-goog-upload-url", ""))
        if not target.path:
            raise self._invalid(
                call, "the answer does not say where to upload: it has no x-goog-upload-url"
            )
        base = urlsplit(self._provider.base_url)
        target = target._replace(scheme=base.scheme, netloc=base.netloc, fragment="")
        dropped = ("content-type", *_start_headers(call.file))
        kept = {name: value for name, value in call.headers.items() if name not in dropped}
        known = {field.name: getattr(call, field.name) for field in fields(Call)}
        known |= {"url": target.geturl(), "headers": kept | _FINISH, "body": call.file}
        return Call(**known)

    def _invalid(self, call: Call, message: str) -> InvalidResponse:
        message = self._provider.shared.redact(message)
        return InvalidResponse(
            message, provider=call.provider, operation=call.operation, call_id=call.id
        )


def file_body(values: dict[str, Any]) -> dict[str, Any]:
    """The JSON that starts an upload."""
    file: Upload = values["file"]
    described = {"mimeType": file.media_type, "sizeBytes": file.size()}
    if "name" in values:
        described["name"] = f"files/{values['name'].removeprefix('files/')}"
    if "display_name" in values:
        described["displayName"] = values["display_name"]
    return {"file": described}


def _no_key(operation: str) -> Mapping[str, str]:
    return {}


def _checked(file: Upload, media_type: str | None) -> Upload:
    try:
        file.size()
        if isinstance(file.content, Path):
            file.content.open("rb").close()
    except (OSError, ValueError) as error:
        raise InvalidParameters(
            f"parameter 'file': {file.name!r} cannot be read: {error}"
        ) from None
    return replace(file, media_type=media_type_of(file, media_type))


def _start_headers(file: Upload) -> dict[str, str]:
    headers = {
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-length": str(file.size()),
        "x-goog-upload-header-content-type": str(file.media_type),
    }
    if isinstance(file.content, Path):
        headers["x-goog-upload-file-name"] = quote(file.name, safe=_PRINTABLE)
    return headers
