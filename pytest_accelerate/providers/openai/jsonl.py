"""Files of JSON lines, looked at before they are sent: a bad one fails hours later otherwise."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.transport.body import Upload, upload


def checked_lines(parameter: str, given: Any) -> Any:
    """A file, if it is JSON objects in UTF-8, one a line; empty lines are let pass.

    Args:
        parameter: its name, for the error.
        given: bytes, a path, an open file, or a tuple with one of these.

    Returns:
        what can be sent: a stream that cannot go back was read, so it is its bytes.

    Raises:
        InvalidParameters: it is not, and in which line; or there is no such file.
    """
    file = upload(parameter, given)
    with _opened(file) as stream:
        count = sum(_check(parameter, number, line) for number, line in enumerate(stream, 1))
    if count == 0:
        raise InvalidParameters(f"parameter {parameter!r}: the file is empty")
    content = file.content
    return (file.name, content, file.media_type) if file.media_type else (file.name, content)


@contextmanager
def _opened(file: Upload) -> Iterator[IO[bytes]]:
    content = file.open()
    if isinstance(content, bytes):
        yield io.BytesIO(content)
        return
    content.seek(0)
    try:
        yield content
    finally:
        if content is file.content:
            content.seek(0)
        else:
            content.close()


def _check(parameter: str, number: int, line: bytes) -> int:
    if not line.strip():
        return 0
    where = f"parameter {parameter!r}, line {number}"
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidParameters(
            f"{where}: expected UTF-8, found byte 0x{line[error.start]:02x} at {error.start}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InvalidParameters(f"{where}: expected a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise InvalidParameters(f"{where}: expected a JSON object, not {type(value).__name__}")
    return 1
