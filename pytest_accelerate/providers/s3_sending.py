"""Sending an object: in one request where it is small, else in parts that are read as they go."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.s3_names import Place
from pytest_accelerate.providers.s3_requests import done, version_of
from pytest_accelerate.transport.body import Upload
from pytest_accelerate.transport.exchange import Send
from pytest_accelerate.transport.outcome import Reply
from pytest_accelerate.transport.stores import Counter, native

PART = 8 * 2**20
"""Bytes of one part, by default."""
SMALLEST_PART = 5 * 2**20
MOST_PARTS = 10_000
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""
AT_ONCE = 4
"""Parts under way at once: with the one that is read, this many times their size is in memory."""


@dataclass(frozen=True)
class Put:
    """Sends one object; each try reads it from its start."""

    store: Any
    place: Place
    file: Upload
    size: int
    attributes: Mapping[str, str]
    part: int
    condition: Any = None
    """obstore's ``mode``: what must be there before, or must not."""
    digest: str = ""
    """The sha256 that it is known to have: what has changed meanwhile is not sent."""

    async def __call__(self, step: Send) -> Reply:
        """Send it."""
        counter = Counter(step.call.report, "sent", self.size)
        with contextlib.closing(_Source(self.file)) as source:
            if self.size <= self.part or self.condition is not None:
                sent = await self._whole(source, counter)
            else:
                sent = await self._in_parts(source, counter)
        return done({"bucket": self.place.bucket, "key": self.place.key, "size": self.size,
                     "etag": sent["e_tag"], "version": version_of(sent)})  # fmt: skip

    async def _whole(self, source: _Source, counter: Counter) -> Any:
        content = await source.read(-1)
        self._check(hashlib.sha256(content).hexdigest() if self.digest else "", len(content))
        sent = await native(
            obstore.put_async(
                self.store, self.place.key, content, attributes=dict(self.attributes),
                mode=self.condition, use_multipart=False,
            )
        )  # fmt: skip
        counter.passed(len(content))
        return sent

    async def _in_parts(self, source: _Source, counter: Counter) -> Any:
        part = max(self.part, -(-self.size // MOST_PARTS))
        pieces = _Pieces(self, source, counter, part)
        try:
            return await native(
                obstore.put_async(
                    self.store, self.place.key, aiter(pieces), attributes=dict(self.attributes),
                    use_multipart=True, chunk_size=part, max_concurrency=AT_ONCE,
                )
            )  # fmt: skip
        except Exception:
            # obstore has removed the parts that were there; why the source ended is the news.
            if pieces.error is not None:
                raise pieces.error from None
            raise

    def _check(self, digest: str, size: int) -> None:
        if size != self.size or digest != self.digest:
            raise InvalidParameters(f"{self.file.name!r} has changed while it was sent")


class _Pieces:
    """The parts, and what ended them."""

    def __init__(self, put: Put, source: _Source, counter: Counter, part: int) -> None:
        self._put, self._source, self._counter, self._part = put, source, counter, part
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._read():
                yield piece
        except Exception as error:
            self.error = error
            raise

    async def _read(self) -> AsyncIterator[bytes]:
        put, digest, size = self._put, hashlib.sha256(), 0
        while piece := await self._source.read(self._part):
            size += len(piece)
            if put.digest:
                await asyncio.to_thread(digest.update, piece)
            if size >= put.size:
                # Before the last part: once that is there, the object is.
                put._check(digest.hexdigest() if put.digest else "", size)
            self._counter.passed(len(piece))
            yield piece
        put._check(digest.hexdigest() if put.digest else "", size)


class _Source:
    """A file that is read from its start, without blocking the event loop."""

    def __init__(self, file: Upload) -> None:
        self._file = file
        self._opened = file.open()
        self._content = self._opened if isinstance(self._opened, bytes) else None
        self._position = 0
        if not isinstance(self._opened, bytes):
            self._opened.seek(0)

    async def read(self, size: int) -> bytes:
        if self._content is not None:
            start, self._position = self._position, self._position + size
            return self._content[start : self._position] if size >= 0 else self._content
        assert not isinstance(self._opened, bytes)
        return await asyncio.to_thread(self._opened.read, size)

    def close(self) -> None:
        if isinstance(self._file.content, Path) and not isinstance(self._opened, bytes):
            self._opened.close()
