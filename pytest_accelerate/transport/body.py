"""What stands in a request's body: JSON, or a form with files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeAlias

from pytest_accelerate.errors import InvalidParameters

FileInput: TypeAlias = (
    bytes
    | str
    | PathLike[str]
    | IO[bytes]
    | tuple[str, bytes | IO[bytes]]
    | tuple[str, bytes | IO[bytes], str]
)
"""Bytes, a path, an open binary file, or (name, content) and (name, content, media type)."""


_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form: read anew at each try."""

    field: str
    name: str
    content: bytes | Path | IO[bytes]
    media_type: str | None

    def open(self) -> bytes | IO[bytes]:
        """The content from its start."""
        if isinstance(self.content, Path):
            return self.content.open("rb")
        return self.content

    def size(self) -> int:
        """Bytes of the content."""
        if isinstance(self.content, bytes):
            return len(self.content)
        if isinstance(self.content, Path):
            return self.content.stat().st_size
        return self.content.seek(0, io.SEEK_END)

    def pieces(self) -> Iterator[bytes]:
        """The content from its start, in pieces."""
        source = self.open()
        if isinstance(source, bytes):
            yield source
            return
        source.seek(0)
        try:
            while piece := source.read(_PIECE):
                yield piece
        finally:
            if isinstance(self.content, Path):
                source.close()


@dataclass(frozen=True, slots=True)
class Parts:
    """A body that lies in several buffers, sent one after the other without joining them."""

    buffers: tuple[bytes | memoryview, ...]
    """Memory views of single bytes (``view.cast("B")``)."""
    media_type: str

    def size(self) -> int:
        """Bytes of all of it."""
        return sum(len(buffer) for buffer in self.buffers)

    def pieces(self) -> Iterator[bytes]:
        """All of it, in pieces."""
        for buffer in self.buffers:
            for start in range(0, len(buffer), _PIECE):
                yield bytes(buffer[start : start + _PIECE])


@dataclass(frozen=True, slots=True)
class Multipart:
    """A form: fields and files, sent as ``multipart/form-data``."""

    fields: tuple[tuple[str, str], ...]
    files: tuple[Upload, ...]

    def unbracketed(self) -> Multipart:
        """The same with the plain name before each entry of a list."""
        fields = tuple((name.removesuffix("[]"), value) for name, value in self.fields)
        files = (replace(each, field=each.field.removesuffix("[]")) for each in self.files)
        return Multipart(fields, tuple(files))


Body: TypeAlias = bytes | Multipart | Upload | Parts | None
"""JSON's bytes, a form, a file that is all of the body, or buffers that are."""


def dump_json(body: Mapping[str, Any]) -> bytes:
    """The bytes of a JSON body.

    Raises:
        InvalidParameters: the parameter that JSON or UTF-8 cannot hold.
    """
    try:
        return _dump(body)
    except (TypeError, ValueError, RecursionError) as error:
        name, why = _culprit(body, error)
    raise InvalidParameters(f"{name} cannot be sent as JSON: {why}")


def _dump(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def _culprit(body: Mapping[str, Any], error: Exception) -> tuple[str, str]:
    for name, value in body.items():
        try:
            _dump(value)
        except (TypeError, ValueError, RecursionError) as found:
            return f"parameter {name!r}", _explain(found)
    return "the body", _explain(error)


def _explain(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return (
            f"the text has a lone surrogate ({error.object[error.start]!r} at {error.start}), "
            "which UTF-8 cannot encode"
        )
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


def upload(field: str, given: Any) -> Upload:
    """Read what was given as a file.

    Raises:
        InvalidParameters: it is none, or there is no such file.
    """
    name, content, media_type = _unpack(field, given)
    if isinstance(content, (str, PathLike)):
        path = Path(content)
        if not path.is_file():
            raise InvalidParameters(f"parameter {field!r}: there is no file {str(path)!r}")
        return Upload(field, name or path.name, path, media_type)
    if isinstance(content, (bytes, bytearray, memoryview)):
        return Upload(field, name or field, bytes(content), media_type)
    return Upload(field, name or _name_of(content, field), _rewindable(field, content), media_type)


def _unpack(field: str, given: Any) -> tuple[str, Any, str | None]:
    if not isinstance(given, tuple):
        return "", given, None
    if len(given) not in (2, 3) or not isinstance(given[0], str):
        raise InvalidParameters(
            f"parameter {field!r}: expected (name, content) or (name, content, media type)"
        )
    return given[0], given[1], given[2] if len(given) == 3 else None


def _rewindable(field: str, stream: Any) -> bytes | IO[bytes]:
    if isinstance(stream, io.TextIOBase):
        raise InvalidParameters(f"parameter {field!r}: open the file in binary mode, 'rb'")
    if not hasattr(stream, "read"):
        raise InvalidParameters(
            f"parameter {field!r}: expected bytes, a path or a file opened in binary mode, "
            f"not {type(stream).__name__}"
        )
    if getattr(stream, "closed", False):
        raise InvalidParameters(
            f"parameter {field!r}: the file {_name_of(stream, field)} is closed"
        )
    if getattr(stream, "seekable", lambda: False)():
        return stream  # type: ignore[no-any-return]
    # Without a way back there would be no second try.
    content = stream.read()
    if not isinstance(content, bytes):
        raise InvalidParameters(f"parameter {field!r}: the stream does not give bytes")
    return content


def _name_of(stream: Any, field: str) -> str:
    name = getattr(stream, "name", None)
    return Path(name).name if isinstance(name, str) and name else field


def flatten(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Values for a form or a query string: ``a[b]`` for what is nested, ``a[]`` for lists."""
    return tuple(pair for name, value in values.items() for pair in _flat(name, value))


def _flat(name: str, value: Any) -> Sequence[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for key, item in value.items() for pair in _flat(f"{name}[{key}]", item)]
    if isinstance(value, (list, tuple)):
        return [pair for item in value for pair in _flat(f"{name}[]", item)]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    return [(name, str(value))]
