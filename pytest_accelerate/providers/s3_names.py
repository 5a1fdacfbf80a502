"""Buckets and keys: what is given, checked before anything is sent."""

from __future__ import annotations

import re
from typing import NamedTuple

from pytest_accelerate.errors import InvalidParameters

_URL = re.compile(r"s3://([^/]*)/?(.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_LONGEST_KEY = 1024
"""Bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html."""


class Place(NamedTuple):
    """Where an object is, or objects below a prefix."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


def is_url(text: str) -> bool:
    """Whether a text is ``s3://bucket/key``."""
    return text.startswith("s3://")


def place(given: str, bucket: str, *, name: str = "key", prefix: bool = False) -> Place:
    """Where a key is, which may be a URL with the bucket in it.

    Args:
        given: ``folder/name`` or ``s3://bucket/folder/name``.
        bucket: of the call or the client; empty where neither names one.
        name: of the parameter, for what is told.
        prefix: whether it may be empty or end with a slash.

    Raises:
        InvalidParameters: there is no bucket, or it cannot be one; or the key cannot be sent.
    """
    if is_url(given):
        found = _URL.fullmatch(given)
        assert found is not None
        bucket, given = found.groups()
    if not bucket:
        raise InvalidParameters(
            f"parameter {name!r}: no bucket: give the client one, or write s3://bucket/key"
        )
    if not _BUCKET.fullmatch(bucket):
        raise InvalidParameters(f"{bucket!r} cannot be a bucket")
    if prefix:
        given = given.removesuffix("/")
    if given or not prefix:
        _check(name, given)
    return Place(bucket, given)


def _check(name: str, key: str) -> None:
    """Refuse what obstore would send as another key, or not at all."""
    wrong = ""
    if any(part in ("", ".", "..") for part in key.split("/")):
        wrong = "between its slashes there must be names, and neither '.' nor '..'"
    elif any(ord(character) < 32 or ord(character) == 127 for character in key):
        wrong = "it has control characters"
    elif len(key.encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
        wrong = f"it is longer than {_LONGEST_KEY} bytes"
    elif any("\ud800" <= character <= "\udfff" for character in key):
        wrong = "UTF-8 cannot encode it"
    if wrong:
        raise InvalidParameters(f"parameter {name!r}: {key[:100]!r} cannot be a key: {wrong}")
