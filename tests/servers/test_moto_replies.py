"""The canned replies of S3's mocks are read by boto3 as what they are meant to be."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pytest_accelerate.errors import ServerNotInstalled
from pytest_accelerate.providers import mocks
from pytest_accelerate.providers.examples import CannedReply
from pytest_accelerate.providers.examples.s3 import (
    BUCKET,
    CONTENT,
    COPY,
    EXAMPLES,
    KEY,
    error_reply,
)
from pytest_accelerate.providers.stages.loopback import Loopback
from pytest_accelerate.servers import server
from pytest_accelerate.servers.environments import python_of
from tests.servers.boto import boto

OBJECT = {"Bucket": BUCKET, "Key": KEY}
REPLIES: dict[tuple[str, str], CannedReply] = {
    ("PUT", KEY): EXAMPLES["put"].reply,
    ("PUT", COPY): EXAMPLES["copy"].reply,
    ("GET", KEY): EXAMPLES["get"].reply,
    ("HEAD", KEY): EXAMPLES["head"].reply,
    ("DELETE", KEY): EXAMPLES["delete"].reply,
    ("GET", ""): EXAMPLES["list"].reply,
    ("GET", "missing"): error_reply(404, "NoSuchKey", "The specified key does not exist."),
}


@pytest.fixture
def canned() -> Iterator[str]:
    """The URL of a server of canned replies."""

    def answer(request: httpx.Request) -> httpx.Response:
        key = request.url.path.removeprefix(f"/{BUCKET}").lstrip("/")
        return mocks.response(REPLIES[request.method, key])

    try:
        python_of(server("moto"))
    except ServerNotInstalled as error:
        pytest.skip(str(error))
    served = Loopback(answer)
    yield served.url
    served.close()


def test_boto3_reads_the_canned_replies(canned: str) -> None:
    """Sizes, etags, times and codes in boto3's answers are those that the replies carry."""
    put, copied, got, head, deleted, listed, missing = boto(
        canned,
        ("put_object", {**OBJECT, "Body": CONTENT}),
        ("copy_object", {"Bucket": BUCKET, "Key": COPY, "CopySource": f"{BUCKET}/{KEY}"}),
        ("get_object", OBJECT),
        ("head_object", OBJECT),
        ("delete_object", OBJECT),
        ("list_objects_v2", {"Bucket": BUCKET, "Prefix": "models/"}),
        ("get_object", {"Bucket": BUCKET, "Key": "missing"}),
    )
    etag = put["ETag"]
    assert (got["Body"], got["ContentType"], got["ETag"]) == (CONTENT, "text/plain", etag)
    assert (head["ContentLength"], head["ETag"]) == (len(CONTENT), etag)
    assert copied["CopyObjectResult"]["ETag"] == etag
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    (entry,) = listed["Contents"]
    assert (entry["Key"], entry["Size"], entry["ETag"]) == (KEY, len(CONTENT), etag)
    assert entry["LastModified"].startswith("2026-01-15T10:00:00")
    assert listed["IsTruncated"] is False
    assert missing["error"]["Error"]["Code"] == "NoSuchKey"
