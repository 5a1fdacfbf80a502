"""What S3's operations give: a mapping of plain values, and properties that read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from pytest_accelerate.errors import UnsupportedOperation
from pytest_accelerate.transport.answers import Answer, BinaryAnswer, Origin, PageAnswer
from pytest_accelerate.transport.outcome import Reply


@dataclass(slots=True)
class StoreReply(Reply):
    """A reply of a store, whose headers obstore has read already."""

    data: Mapping[str, Any] = field(default_factory=dict)


def _data(reply: Reply) -> Mapping[str, Any]:
    assert isinstance(reply, StoreReply)
    return reply.data


@dataclass(frozen=True, eq=False)
class StoreAnswer(Answer):
    """What obstore has read already."""

    media_types: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> StoreAnswer:
        """Read a reply."""
        return cls(_data(reply), origin)


class _OfObject:
    """Reads the facts of one object."""

    data: Mapping[str, Any]

    @property
    def bucket(self) -> str:
        """Where it is."""
        return str(self.data["bucket"])

    @property
    def key(self) -> str:
        """Its name in the bucket."""
        return str(self.data["key"])

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def size(self) -> int:
        """Bytes of the whole object."""
        return int(self.data.get("size", 0))

    @property
    def etag(self) -> str:
        """As the server gives it, with its quotes; empty where it gives none."""
        return str(self.data.get("etag") or "")

    @property
    def last_modified(self) -> datetime | None:
        """With its time zone; ``None`` where it is not told."""
        told = self.data.get("last_modified")
        return datetime.fromisoformat(told) if told else None

    @property
    def content_type(self) -> str:
        """Its media type; empty where it is not told."""
        return str(self.data.get("content_type") or "")

    @property
    def metadata(self) -> Mapping[str, str]:
        """What was kept with it under names of its owner's."""
        return dict(self.data.get("metadata") or {})

    @property
    def version(self) -> str:
        """Its version; empty in a bucket without versions."""
        return str(self.data.get("version") or "")


@dataclass(frozen=True, eq=False)
class S3Object(_OfObject, StoreAnswer):
    """An object that was sent, asked for or copied."""


@dataclass(frozen=True, eq=False)
class S3Content(BinaryAnswer):
    """An object with its content, or the file that it was written to."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> S3Content:
        """Read a reply."""
        data = _data(reply)
        return cls(data, origin, bytes(reply.body), str(data.get("content_type") or ""))

    bucket = _OfObject.bucket
    key = _OfObject.key
    url = _OfObject.url
    size = _OfObject.size
    etag = _OfObject.etag
    last_modified = _OfObject.last_modified
    metadata = _OfObject.metadata
    version = _OfObject.version

    @property
    def range(self) -> tuple[int, int]:
        """The bytes of the object that these are: from the first, up to the second."""
        start, end = self.data["range"]
        return int(start), int(end)

    @property
    def path(self) -> Path | None:
        """The file that it was written to; ``None`` where it is in memory."""
        path = self.data.get("path")
        return Path(path) if path else None

    def write_to(self, path: str | Path) -> Path:
        """Write the content into a file.

        Raises:
            UnsupportedOperation: it was written into one already.
        """
        if self.path is not None:
            raise UnsupportedOperation(f"the content is in {self.path}, not in memory")
        return super().write_to(path)


@dataclass(frozen=True)
class ListedObject(_OfObject):
    """One entry of a list."""

    data: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class S3Listing(PageAnswer):
    """One page of objects, in the order of their keys."""

    media_types: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> S3Listing:
        """Read a reply."""
        return cls(_data(reply), origin)

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """The objects, as mappings."""
        return tuple(self.data["objects"])

    @property
    def objects(self) -> tuple[ListedObject, ...]:
        """The objects."""
        bucket = self.data["bucket"]
        return tuple(ListedObject({"bucket": bucket, **entry}) for entry in self.entries)

    @property
    def keys_found(self) -> tuple[str, ...]:
        """The keys of the objects."""
        return tuple(str(entry["key"]) for entry in self.entries)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What stands for folders, where ``recursive=False`` asked for it."""
        return tuple(self.data["prefixes"])


@dataclass(frozen=True, eq=False)
class S3Presigned(_OfObject, StoreAnswer):
    """A URL that anybody can use for its time: its signature permits it, so do not log it."""

    @property
    def url(self) -> str:
        """The URL, with its signature."""
        return str(self.data["url"])

    @property
    def method(self) -> str:
        """What it permits."""
        return str(self.data["method"])

    def __repr__(self) -> str:
        return f"<presigned {self.method} of s3://{self.bucket}/{self.key}, signature hidden>"


@dataclass(frozen=True, eq=False)
class S3Folder(StoreAnswer):
    """A folder that was sent or brought, and what of it had to be."""

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.data['bucket']}/{self.data['key']}"

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """``sha256`` and ``size`` of each file, by its path in the folder."""
        return dict(self.data["files"])

    @property
    def transferred(self) -> tuple[str, ...]:
        """Paths of the files that were sent or brought."""
        return tuple(self.data["transferred"])

    @property
    def kept(self) -> tuple[str, ...]:
        """Paths of the files that were there already, with the same checksum."""
        return tuple(self.data["kept"])
