"""S3's calls and answers: https://docs.aws.amazon.com/AmazonS3/latest/API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_accelerate.providers.examples import NEW_FOLDER, CannedReply, Example

BUCKET, KEY, COPY, CONTENT = "models", "models/hello.txt", "models/copy.txt", b"hello"
FOLDER_KEY, MANIFEST = "models/bert", "pytest-accelerate-manifest.json"
FOLDER = Path(__file__).with_name("s3_folder")
FILE = (FOLDER / "config.json").read_bytes()
DIGEST = hashlib.sha256(FILE).hexdigest()
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_MODIFIED = "Thu, 15 Jan 2026 10:00:00 GMT"
_MODIFIED_ISO = "2026-01-15T10:00:00.000Z"
_IDS = {
    "x-amz-request-id": "656c76696e6727732072657175657374",
    "x-amz-id-2": "Uuag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg==",
}


def etag(content: bytes) -> str:
    """The etag of an object that was sent in one request."""
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _xml(text: str) -> CannedReply:
    return CannedReply(f"{_XML}{text}".encode(), "application/xml", headers=_IDS)


def content_reply(content: bytes, media_type: str, **metadata: str) -> CannedReply:
    """An object."""
    told = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
    facts = {"etag": etag(content), "last-modified": _MODIFIED, "accept-ranges": "bytes",
             "content-length": str(len(content))}  # fmt: skip
    return CannedReply(content, media_type, headers={**_IDS, **facts, **told})


def put_reply(content: bytes) -> CannedReply:
    """That an object was taken."""
    return CannedReply(b"", "text/plain", headers={**_IDS, "etag": etag(content)})


def _entry(key: str, content: bytes) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{_MODIFIED_ISO}</LastModified>"
        f"<ETag>&quot;{etag(content)[1:-1]}&quot;</ETag><Size>{len(content)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def list_reply(prefix: str, objects: Mapping[str, bytes]) -> CannedReply:
    """A page of a list, the last one."""
    entries = "".join(_entry(key, content) for key, content in objects.items())
    return _xml(
        f"<ListBucketResult {_NAMESPACE}><Name>{BUCKET}</Name><Prefix>{prefix}</Prefix>"
        f"<KeyCount>{len(objects)}</KeyCount><MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
    )


_COPIED = _xml(
    f"<CopyObjectResult {_NAMESPACE}><LastModified>{_MODIFIED_ISO}</LastModified>"
    f"<ETag>&quot;{etag(CONTENT)[1:-1]}&quot;</ETag></CopyObjectResult>"
)
_MANIFEST: dict[str, Any] = {
    "version": 1,
    "files": {"config.json": {"size": len(FILE), "sha256": DIGEST}},
}
_MANIFEST_REPLY = content_reply(json.dumps(_MANIFEST).encode(), "application/json")
_LISTED = list_reply("models/", {KEY: CONTENT})
_DELETED = CannedReply(b"", "text/plain", 204, headers=_IDS)


def error_reply(status: int, code: str, message: str) -> CannedReply:
    """A refusal: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""
    text = (
        f"<Error><Code>{code}</Code><Message>{message}</Message><Resource>/{BUCKET}/{KEY}"
        f"</Resource><RequestId>{_IDS['x-amz-request-id']}</RequestId></Error>"
    )
    return CannedReply(f"{_XML}{text}".encode(), "application/xml", status, headers=_IDS)


def answer(method: str, path: str, url: Any) -> CannedReply:
    """What a server answers to the requests of a folder that has one file."""
    if method == "PUT":
        return put_reply(FILE)
    if url.params.get("list-type"):
        return list_reply(f"{FOLDER_KEY}/", {})
    if path.endswith(MANIFEST):
        return _MANIFEST_REPLY
    return content_reply(FILE, "application/json", sha256=DIGEST)


EXAMPLES: dict[str, Example] = {
    "put": Example({"key": KEY, "file": CONTENT, "content_type": "text/plain"}, put_reply(CONTENT)),
    "get": Example({"key": KEY}, content_reply(CONTENT, "text/plain"), live=False),
    "head": Example({"key": KEY}, content_reply(CONTENT, "text/plain"), live=False),
    "list": Example({"prefix": "models"}, _LISTED),
    "delete": Example({"key": KEY}, _DELETED, live=False),
    "copy": Example({"source": KEY, "key": COPY}, _COPIED, live=False),
    "presign": Example({"key": KEY}, CannedReply(b"")),
    "upload_folder": Example({"folder": FOLDER, "key": FOLDER_KEY}, _LISTED),
    "download_folder": Example(
        {"key": FOLDER_KEY, "folder": NEW_FOLDER}, _MANIFEST_REPLY, live=False
    ),
}
