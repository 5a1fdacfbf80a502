"""Images for Ollama: bytes and files become base64 in the JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from pytest_accelerate.errors import InvalidParameters

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


def with_images(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters with their images, and those of their messages, in base64.

    Raises:
        InvalidParameters: an image is neither bytes, a file, nor base64.
    """
    if "images" in values:
        values = {**values, "images": _encoded(values["images"])}
    if any(message.get("images") for message in values.get("messages", ())):
        values = {**values, "messages": [_message(each) for each in values["messages"]]}
    return values


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if not message.get("images"):
        return message
    return {**message, "images": _encoded(message["images"])}


def _encoded(images: Any) -> list[str]:
    if not isinstance(images, (list, tuple)):
        raise InvalidParameters(
            f"parameter 'images': expected a list of images, not {type(images).__name__}"
        )
    return [encoded(each) for each in images]


def encoded(image: Any) -> str:
    """One image in base64.

    Text that names a file is that file, as in Ollama's own client, and other text is base64.

    Raises:
        InvalidParameters: it is neither bytes, a file, nor base64.
    """
    if isinstance(image, (bytes, bytearray, memoryview)):
        return base64.b64encode(image).decode("ascii")
    if isinstance(image, PathLike):
        return _of_file(Path(image))
    if not isinstance(image, str):
        raise InvalidParameters(
            f"parameter 'images': expected bytes, a path or base64, not {type(image).__name__}"
        )
    path = _path(image)
    return _of_file(path) if path is not None else _checked(image)


def _path(text: str) -> Path | None:
    """The file that a text names; one that looks like it is named even where there is none."""
    path = Path(text)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero in it: base64 is
        return None
    return path if is_file or path.suffix.lower() in _SUFFIXES else None


def _of_file(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError as error:
        raise InvalidParameters(
            f"parameter 'images': {str(path)!r}: {error.strerror or error}"
        ) from None


def _checked(text: str) -> str:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise InvalidParameters(
            f"parameter 'images': {text[:40]!r} is no file, and no image in base64"
        )
    return text
