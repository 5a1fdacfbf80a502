"""Bringing an object: into memory, or into a file whose broken download goes on where it was."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import obstore

from pytest_accelerate.providers.s3_names import Place
from pytest_accelerate.providers.s3_requests import done, facts
from pytest_accelerate.transport.exchange import Send
from pytest_accelerate.transport.outcome import Failure, FailureKind, Reply
from pytest_accelerate.transport.requests import TOO_LARGE
from pytest_accelerate.transport.store_errors import StoreFailed
from pytest_accelerate.transport.stores import Counter, native

_PIECE = 2**20
"""Bytes that a piece has at least."""


@dataclass(frozen=True)
class Get:
    """Brings an object, or a range of it, into memory."""

    store: Any
    place: Place
    options: Mapping[str, Any]
    """obstore's: conditions, range, version."""

    async def __call__(self, step: Send) -> Reply:
        """Send it."""
        asked = obstore.get_async(self.store, self.place.key, options={**self.options})  # type: ignore[arg-type]
        found = await native(asked)
        start, end = found.range
        limit = step.policy.max_response_bytes
        if end - start > limit:
            raise StoreFailed(Failure(FailureKind.TOO_LARGE, TOO_LARGE.format(limit)))
        counter = Counter(step.call.report, "received", end - start)
        stream, pieces = aiter(found.stream(min_chunk_size=_PIECE)), []
        while piece := await _next(stream):
            counter.passed(len(piece))
            pieces.append(piece)
        body = b"".join(pieces)
        _check_whole(len(body), end - start)
        return done({**facts(self.place, found.meta, found.attributes), "range": [start, end]},
                    body)  # fmt: skip


@dataclass
class Download:
    """Brings an object into a file, which is there when all of it is.

    What has come stands in a file beside it meanwhile. A further try asks for the rest alone, and
    only of the same object.
    """

    store: Any
    place: Place
    path: Path
    options: Mapping[str, Any]
    digest: str = ""
    """The sha256 that it must have."""
    size: int | None = None
    """Bytes that it must have."""
    kept: bool = False
    """Whether what has come of a failed call is kept for the next one."""
    _etag: str | None = field(default=None, init=False)
    _fresh: bool = field(default=True, init=False)

    @property
    def part(self) -> Path:
        """The file that it stands in meanwhile: one a content, so that nothing is mixed."""
        mark = self.digest[:16] or f"{os.getpid()}-{id(self)}"
        return self.path.with_name(f".{self.path.name}.{mark}.part")

    async def __call__(self, step: Send) -> Reply:
        """Send it."""
        there = self._there()
        found = await self._open(there)
        start, end = found.range
        beginning = start - there
        counter = Counter(step.call.report, "received", end - beginning)
        if there:
            counter.passed(there)
        self._etag, self._fresh = found.meta["e_tag"], False
        with self.part.open("ab") as file:
            await _write(found, file, counter, end - start)
        await self._check()
        os.replace(self.part, self.path)
        return done({**facts(self.place, found.meta, found.attributes),
                     "range": [beginning, end], "path": str(self.path)})  # fmt: skip

    def put_away(self) -> None:
        """The call is over: leave nothing behind that is of no further use."""
        if not self.kept:
            self.part.unlink(missing_ok=True)

    def _there(self) -> int:
        """Bytes that have come already."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._fresh and not self.kept:
            self.part.unlink(missing_ok=True)
        size = self.part.stat().st_size if self.part.exists() else 0
        if self.size is not None and size >= self.size > 0:  # nothing can be asked for behind it
            self.part.unlink()
            return 0
        return size

    async def _open(self, there: int) -> Any:
        options = {**self.options}
        if there:
            options["range"] = _behind(options.get("range"), there)
            if self._etag is not None:
                options.setdefault("if_match", self._etag)
        try:
            asked = obstore.get_async(self.store, self.place.key, options=options)  # type: ignore[arg-type]
            return await native(asked)
        except StoreFailed as error:
            status = getattr(error.outcome, "status", 0)
            if there and status in (412, 416):
                self._begin_again()
                raise _lost("the object is another than the one of which a part is here") from None
            raise

    def _begin_again(self) -> None:
        self.part.unlink(missing_ok=True)
        self._etag, self._fresh = None, True

    async def _check(self) -> None:
        """Hold the file to its checksum."""
        if not self.digest:
            return
        if await asyncio.to_thread(sha256_of, self.part) == self.digest:
            return
        self.part.unlink(missing_ok=True)
        message = f"{self.place.url} does not have the sha256 that its folder's manifest names"
        raise StoreFailed(Failure(FailureKind.DECODING, message))


async def _write(found: Any, file: IO[bytes], counter: Counter, expected: int) -> None:
    received, stream = 0, aiter(found.stream(min_chunk_size=_PIECE))
    while piece := await _next(stream):
        await asyncio.to_thread(file.write, piece)
        received += len(piece)
        counter.passed(len(piece))
    _check_whole(received, expected)


async def _next(stream: Any) -> bytes:
    try:
        piece: bytes = await native(anext(stream))
    except StopAsyncIteration:
        return b""
    return piece


def _check_whole(received: int, expected: int) -> None:
    if received != expected:
        raise _lost(f"the answer has {received} bytes of {expected}")


def _lost(message: str) -> StoreFailed:
    return StoreFailed(Failure(FailureKind.LOST, message))


def _behind(asked: Any, there: int) -> Any:
    """The range of what is still to come of an object, or of a range of it."""
    if isinstance(asked, tuple):
        return asked[0] + there, asked[1]
    start = asked["offset"] if isinstance(asked, dict) else 0
    return {"offset": start + there}


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
