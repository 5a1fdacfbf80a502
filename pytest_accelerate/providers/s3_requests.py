"""One try of each of S3's operations, as calls of obstore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import obstore

from pytest_accelerate.errors import InvalidParameters
from pytest_accelerate.providers.s3_answers import StoreReply
from pytest_accelerate.providers.s3_names import Place
from pytest_accelerate.transport.exchange import Send
from pytest_accelerate.transport.outcome import Reply
from pytest_accelerate.transport.stores import native

PAGE = 1000
"""Objects of one page: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html."""
_ATTRIBUTES = {
    "content_type": "Content-Type",
    "content_encoding": "Content-Encoding",
    "content_disposition": "Content-Disposition",
    "content_language": "Content-Language",
    "cache_control": "Cache-Control",
    "storage_class": "Storage-Class",
}
"""What obstore calls the headers of an object, by the name that parameters have."""


def done(data: Mapping[str, Any], body: bytes = b"", status: int = 200) -> Reply:
    """The reply of a call that succeeded."""
    return StoreReply(status, httpx.Headers(), body, data=data)


def facts(place: Place, meta: Mapping[str, Any], attributes: Mapping[str, str]) -> dict[str, Any]:
    """What is told of one object."""
    known = {told: name for name, told in _ATTRIBUTES.items()}
    return {
        "bucket": place.bucket,
        **_listed(meta),
        "key": place.key,
        **{known[name]: value for name, value in attributes.items() if name in known},
        "metadata": {name: value for name, value in attributes.items() if name not in known},
    }


def _listed(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": meta["path"],
        "size": meta["size"],
        "etag": meta["e_tag"],
        "last_modified": meta["last_modified"].isoformat(),
        "version": version_of(meta),
    }


def version_of(told: Mapping[str, Any]) -> str | None:
    """The version of an object; S3 calls that of one without versions ``null``."""
    version: str | None = told["version"]
    return None if version == "null" else version


def attributes_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The headers and metadata of an object that is to be sent.

    Raises:
        InvalidParameters: one cannot be a header.
    """
    metadata = values.get("metadata") or {}
    known = {told.lower() for told in _ATTRIBUTES.values()}
    for name, value in metadata.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidParameters("parameter 'metadata': expected texts by name")
        if name.lower() in known or not name.isascii() or not name.replace("-", "").isalnum():
            raise InvalidParameters(f"parameter 'metadata': {name!r:.60} cannot be a name")
    told = {_ATTRIBUTES[name]: values[name] for name in _ATTRIBUTES if name in values}
    for name, value in {**metadata, **told}.items():
        if not value.isascii() or not value.isprintable():
            raise InvalidParameters(f"{name!r}: expected printable ASCII, as HTTP's headers are")
    return {**{name.lower(): value for name, value in metadata.items()}, **told}


@dataclass(frozen=True)
class Head:
    """Asks for what is known of an object."""

    store: Any
    place: Place

    async def __call__(self, step: Send) -> Reply:
        """Send it."""
        asked = obstore.get_async(self.store, self.place.key, options={"head": True})
        found = await native(asked)
        return done(facts(self.place, found.meta, found.attributes))


@dataclass(frozen=True)
class List:
    """Asks for one page of objects."""

    store: Any
    place: Place
    start_after: str | None
    limit: int
    recursive: bool

    async def __call__(self, step: Send) -> Reply:
        """Send it."""
        objects, prefixes = await (self._page() if self.recursive else self._level())
        full = self.recursive and len(objects) == self.limit
        return done(
            {
                "bucket": self.place.bucket,
                "prefix": self.place.key,
                "objects": [_listed(meta) for meta in objects],
                "prefixes": list(prefixes),
                "next": objects[-1]["path"] if full else None,
            }
        )

    async def _page(self) -> tuple[Any, tuple[str, ...]]:
        stream = obstore.list(
            self.store, self.place.key or None, offset=self.start_after, chunk_size=self.limit
        )
        try:
            return await native(anext(stream)), ()
        except StopAsyncIteration:
            return [], ()

    async def _level(self) -> tuple[Any, Any]:
        asked = obstore.list_with_delimiter_async(self.store, self.place.key or None)
        found = await native(asked)
        return found["objects"], found["common_prefixes"]


@dataclass(frozen=True)
class Delete:
    """Removes an object."""

    store: Any
    place: Place

    async def __call__(self, step: Send) -> Reply:
        """Send it."""
        await native(obstore.delete_async(self.store, self.place.key))
        return done({"bucket": self.place.bucket, "key": self.place.key})


@dataclass(frozen=True)
class Copy:
    """Has the server copy an object within a bucket."""

    store: Any
    source: Place
    place: Place

    async def __call__(self, step: Send) -> Reply:
        """Send it."""
        await native(obstore.copy_async(self.store, self.source.key, self.place.key))
        return done({"bucket": self.place.bucket, "key": self.place.key,
                     "source": self.source.key})  # fmt: skip


def presigned(place: Place, values: Mapping[str, Any]) -> tuple[str, timedelta, dict[str, Any]]:
    """Method, time and the rest of the answer of a URL that is to be signed.

    Raises:
        InvalidParameters: it would be valid for too long, or for no time.
    """
    seconds, method = values.get("expires_in", 3600), values.get("method", "GET")
    if not 1 <= seconds <= 604_800:
        raise InvalidParameters("parameter 'expires_in': expected 1 to 604800 seconds (7 days)")
    told = {"bucket": place.bucket, "key": place.key, "method": method, "expires_in": seconds}
    return method, timedelta(seconds=seconds), told
