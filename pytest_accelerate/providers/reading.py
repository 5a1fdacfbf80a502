"""Reading JSON that a server may have filled with anything: what is not there reads as empty."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_accelerate.errors import InvalidResponse


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` where it is a JSON object, else an empty one: a server may send anything."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The JSON objects of a list; none where it is no list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """``value`` where it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def count_of(value: Any) -> int:
    """``value`` where it is a number, as a whole one, else 0."""
    return int(value) if isinstance(value, (int, float)) and abs(value) < 1e15 else 0


def decoded(pieces: Iterable[Any]) -> bytes:
    """The bytes of pieces of base64, each with its own padding.

    Raises:
        InvalidResponse: one is no base64.
    """
    try:
        return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
    except (binascii.Error, TypeError, ValueError) as error:
        raise InvalidResponse(f"expected base64: {error}") from None


def parsed(text: str, why: str) -> Any:
    """The JSON that a text is; ``None`` for no text.

    Raises:
        InvalidResponse: it is not JSON, as where it was cut off.
    """
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(f"the text is not JSON ({why}): {error}: {text[:80]!r}") from None
