"""What Gemini is sent: contents of parts, made of texts, of media and of what is shaped already.

https://ai.google.dev/api/caching#Content. A *part* is one piece of a message (text, media, a call
of a function); a *content* is a message: ``{"role": "user" or "model", "parts": [...]}``.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.parameters import Filled
from pytest_accelerate.transport.body import FileInput, Upload, upload

Part: TypeAlias = Mapping[str, Any]
Message: TypeAlias = str | Part | Sequence[str | Part]
"""One message: a text, a part, several of both, or a content."""
Contents = Annotated[str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]], Filled]
"""A text, a part or a content, or a list of these; texts and parts side by side are one message."""

_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)


def media_part(
    source: FileInput,
    media_type: str | None = None,
    *,
    video_metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A part that holds an image, a sound, a film or a document.

    Args:
        source: bytes, a path, an open binary file, or (name, content).
        media_type: such as ``image/png``; by default what the file's name says.
        video_metadata: what of a film is looked at, such as ``{"startOffset": "3s", "fps": 1}``.

    Raises:
        InvalidParameters: there is no such file, or no media type is known.
    """
    file = upload("source", source)
    content = _content(file)
    if not content:
        raise InvalidParameters("parameter 'source' must not be empty")
    part: dict[str, Any] = {
        "inlineData": {
            "mimeType": media_type_of(file, media_type),
            # Google reads both alphabets of base64, and its own client sends this one.
            "data": base64.urlsafe_b64encode(content).decode("ascii"),
        }
    }
    return part if video_metadata is None else {**part, "videoMetadata": dict(video_metadata)}


def file_part(
    file: str | Mapping[str, Any],
    media_type: str | None = None,
    *,
    video_metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A part that names an uploaded file.

    Args:
        file: its URI, or what ``files_upload`` or ``files_get`` gave.
        media_type: such as ``video/mp4``; by default the file's own.
        video_metadata: as for :func:`media_part`.

    Raises:
        InvalidParameters: no URI is in it.
    """
    known: Mapping[str, Any] = {"uri": file} if isinstance(file, str) else file.get("file", file)
    if not known.get("uri"):
        raise InvalidParameters("parameter 'file': expected a URI, or a file that has one")
    data = {"fileUri": known["uri"]}
    if media_type or known.get("mimeType"):
        data["mimeType"] = media_type or known["mimeType"]
    part: dict[str, Any] = {"fileData": data}
    return part if video_metadata is None else {**part, "videoMetadata": dict(video_metadata)}


def function_response(name: str, response: Mapping[str, Any], id: str = "") -> dict[str, Any]:
    """A part that tells a model what came of a function that it wanted to be called.

    Args:
        name: of the function.
        response: what it gave, as a JSON object.
        id: of the call, where it has one.
    """
    told = {"name": name, "response": dict(response)}
    return {"functionResponse": {"id": id, **told} if id else told}


def media_type_of(file: Upload, given: str | None) -> str:
    """The media type of a file: as given, or as its name says.

    Raises:
        InvalidParameters: it is not known, or not written as one.
    """
    found = given or file.media_type or mimetypes.guess_type(file.name)[0]
    if found is None:
        raise InvalidParameters(
            f"no media type is known for {file.name!r}: give one, such as 'image/png'"
        )
    if not _MEDIA_TYPE.fullmatch(found):
        raise InvalidParameters(f"{found!r:.100} is no media type, such as 'image/png'")
    return found


def contents(given: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]) -> list[Any]:
    """The contents that are sent; texts and parts side by side become one message of the user.

    Raises:
        InvalidParameters: a text is empty, or something is neither text, part nor content.
    """
    if isinstance(given, (str, Mapping)):
        return [content(given)]
    shaped: list[Any] = []
    gathered: list[Any] = []
    for each in given:
        if not _is_content(each):
            gathered.append(_part(each))
            continue
        if gathered:
            shaped.append(_of_user(gathered))
            gathered = []
        shaped.append(each)
    return [*shaped, _of_user(gathered)] if gathered else shaped


def content(given: Message) -> Mapping[str, Any]:
    """One content, of the user where nothing else is said.

    Raises:
        InvalidParameters: as for :func:`contents`; or there is nothing in it.
    """
    if _is_content(given):
        assert isinstance(given, Mapping)
        return given
    parts = [given] if isinstance(given, (str, Mapping)) else given
    if not isinstance(parts, Sequence) or not parts:
        raise InvalidParameters(f"expected a text, a part or a list of them, not {given!r:.60}")
    return _of_user([_part(each) for each in parts])


def _is_content(given: Any) -> bool:
    return isinstance(given, Mapping) and ("parts" in given or "role" in given)


def _of_user(parts: list[Any]) -> dict[str, Any]:
    return {"role": "user", "parts": parts}


def _part(given: Any) -> Any:
    if isinstance(given, str):
        if not given.strip():
            raise InvalidParameters("a text must not be empty")
        return {"text": given}
    if not isinstance(given, Mapping):
        raise InvalidParameters(
            f"expected a text or a part, not {type(given).__name__} (media_part makes one of "
            "bytes and files)"
        )
    if not given:
        raise InvalidParameters("a part must not be empty")
    return given


def _content(file: Upload) -> bytes:
    if isinstance(file.content, bytes):
        return file.content
    try:
        # A file that the caller opened stays open, and is read from where it stands.
        if isinstance(file.content, Path):
            return file.content.read_bytes()
        content = file.content.read()
    except (OSError, ValueError) as error:
        raise InvalidParameters(f"{file.name!r} cannot be read: {error}") from None
    if not isinstance(content, bytes):
        raise InvalidParameters(f"{file.name!r}: open the file in binary mode, 'rb'")
    return content
