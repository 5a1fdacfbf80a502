"""moto's server answers the client of S3, and boto3 reads what it writes: a real S3, no mock."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.s3 import S3
from pytest_accelerate.providers.s3_folders import MANIFEST
from pytest_accelerate.servers import server as server_named
from pytest_accelerate.servers.moto import BUCKET
from pytest_accelerate.servers.running import RunningServer
from pytest_accelerate.transport.policy import Policy
from pytest_accelerate.transport.progress import Progress
from tests.servers.boto import boto
from tests.servers.conftest import started

PART = 5 * 2**20
TRANSFER = Path(__file__).with_name("s3_transfer.py")
QUICK = Policy(backoff_initial=0.001, backoff_cap=0.01, concurrency=16, queue_size=5000)
ODD_KEYS = ["a b", "a#b", "a%20b", "ü/é", "a?b&c=d", "a+b", "a~b", "a'b(c)!", "a:b,c;d@e$f"]
OFFERED = sorted(server_named("moto").calls("s3", Path()))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that runs."""
    with started("moto", tmp_path_factory) as made:
        yield made


@pytest.fixture
def client(server: RunningServer) -> Iterator[S3]:
    """A client of it."""
    with server.client("s3", policy=QUICK) as made:
        yield made


def files(folder: Path, **contents: bytes) -> Path:
    """A folder with files."""
    for name, content in contents.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def transfer(server: RunningServer, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A transfer in a process of its own."""
    command = [sys.executable, str(TRANSFER), server.url, BUCKET, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("operation", OFFERED)
def test_each_operation_is_answered(
    server: RunningServer, client: S3, operation: str, tmp_path: Path
) -> None:
    """Each operation works from a thread and in an event loop, and frees its slot."""
    parameters = server.server.calls("s3", server.folder)[operation]
    called = client[operation](parameters)
    awaited = asyncio.run(client[operation].acall(parameters))
    assert type(called) is type(awaited)
    assert called.implementation_type == "REAL"
    assert client.shared.slots.active == 0


def test_all_operations_are_offered() -> None:
    """The server proves every operation that there is."""
    assert set(OFFERED) == set(S3.operations())


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_the_same_for_boto3(server: RunningServer, client: S3, key: str) -> None:
    """A key with any character is the key that boto3 reads and writes."""
    client.put(key=f"odd/{key}", file=b"ours")
    at = {"Bucket": BUCKET, "Key": f"odd/{key}"}
    read, _ = boto(server.url, ("get_object", at), ("put_object", {**at, "Body": b"theirs"}))
    assert read["Body"] == b"ours"
    assert client.get(key=f"odd/{key}").content == b"theirs"
    client.copy(source=f"odd/{key}", key="odd/copy")
    assert client.get(key="odd/copy").content == b"theirs"


def test_what_is_put_is_what_boto3_reads(server: RunningServer, client: S3) -> None:
    """Content, type, metadata and etag of an object are those that boto3 gets."""
    sent = client.put(key="facts", file=b"x" * 1000, content_type="text/x-facts",
                      metadata={"Owner": "me"}, cache_control="no-store")  # fmt: skip
    (read,) = boto(server.url, ("get_object", {"Bucket": BUCKET, "Key": "facts"}))
    head = client.head(key="s3://accelerate/facts")
    assert read["Body"] == b"x" * 1000
    assert read["ETag"] == sent.etag == head.etag
    assert read["ContentType"] == head.content_type == "text/x-facts"
    assert read["Metadata"] == head.metadata == {"owner": "me"}
    assert read["CacheControl"] == head["cache_control"] == "no-store"
    assert head.size == 1000
    assert head.last_modified is not None
    assert head.last_modified.isoformat() == read["LastModified"]


def test_a_list_has_all_pages(server: RunningServer, client: S3) -> None:
    """Beyond a thousand keys, the pages together are the list that boto3 has."""

    async def fill() -> None:
        await asyncio.gather(*(client.put.acall(key=f"many/{n:04}", file=b"") for n in range(1005)))

    asyncio.run(fill())
    pages = list(client.list.pages(prefix="many"))
    assert [len(page.entries) for page in pages] == [1000, 5]
    first, after = boto(
        server.url,
        ("list_objects_v2", {"Bucket": BUCKET, "Prefix": "many/"}),
        ("list_objects_v2", {"Bucket": BUCKET, "Prefix": "many/", "StartAfter": "many/0999"}),
    )
    theirs = [entry["Key"] for page in (first, after) for entry in page["Contents"]]
    assert [key for page in pages for key in page.keys_found] == theirs

    async def awaited() -> list[int]:
        return [len(page.entries) async for page in client.list.apages(prefix="many", limit=400)]

    assert asyncio.run(awaited()) == [400, 400, 205]


def test_one_level_of_a_list(client: S3) -> None:
    """Without recursion, what stands for folders is told."""
    client.put(key="level/a/b", file=b"")
    client.put(key="level/c", file=b"")
    page = client.list(prefix="level/", recursive=False)
    assert (page.prefixes, page.keys_found) == (("level/a",), ("level/c",))


@pytest.mark.parametrize("form", ["path", "file", "bytes"])
def test_parts(server: RunningServer, client: S3, tmp_path: Path, form: str) -> None:
    """A large file goes up in parts, with metadata, and is the same for boto3 and for us."""
    content = os.urandom(2 * PART + 77)
    (tmp_path / "large").write_bytes(content)
    reports: list[Progress] = []
    with (tmp_path / "large").open("rb") as opened:
        opened.seek(5)  # read from its start nevertheless
        given: Any = {"path": tmp_path / "large", "file": opened, "bytes": content}[form]
        sent = client.put(key="large", file=given, part_size=PART, metadata={"a": "b"},
                          progress=reports.append)  # fmt: skip
    assert [each.done for each in reports] == [PART, 2 * PART, 2 * PART + 77]
    assert {(each.direction, each.total) for each in reports} == {("sent", len(content))}
    assert sent.etag.endswith('-3"')  # S3 names the number of parts
    (read,) = boto(server.url, ("get_object", {"Bucket": BUCKET, "Key": "large"}))
    assert (read["Body"], read["Metadata"]) == (content, {"a": "b"})
    reports.clear()
    got = client.get(key="large", path=tmp_path / "got" / "large", progress=reports.append)
    assert got.path is not None
    assert got.path.read_bytes() == content
    assert reports[-1] == Progress("received", len(content), len(content))
    assert [path.name for path in got.path.parent.iterdir()] == ["large"]


def test_a_failed_upload_leaves_no_parts(server: RunningServer, client: S3, tmp_path: Path) -> None:
    """What ends an upload in its middle is raised as it is, and no parts are left to be paid."""
    (tmp_path / "large").write_bytes(bytes(3 * PART))

    def stop(progress: Progress) -> None:
        if progress.done > PART:
            raise OSError("no more")

    with pytest.raises(OSError, match=r"^no more$"):
        client.put(key="never", file=tmp_path / "large", part_size=PART, progress=stop)
    (left,) = boto(server.url, ("list_multipart_uploads", {"Bucket": BUCKET}))
    assert left.get("Uploads", []) == []
    with pytest.raises(errors.NotFound):
        client.head(key="never")


def test_presigned_urls_work(client: S3) -> None:
    """Anybody can use a URL for its method, and its repr does not show the signature."""
    client.put(key="signed a", file=b"signed")
    url = client.presign(key="signed a", expires_in=60)
    assert httpx.get(url.url).content == b"signed"
    assert "X-Amz-Expires=60" in url.url
    assert url.url.partition("X-Amz-Signature=")[2][:20] not in repr(url)
    put = client.presign(key="signed b", method="PUT")
    assert httpx.put(put.url, content=b"put").status_code == 200
    assert client.get(key="signed b").content == b"put"


def test_errors_are_those_of_their_status(client: S3) -> None:
    """What the server refuses is the typed error of its status, with code and request id."""
    client.put(key="there", file=b"content")
    etag = client.head(key="there").etag
    refused: list[tuple[type[errors.StatusError], int, str, Any]] = [
        (errors.NotFound, 404, "NoSuchKey", lambda: client.get(key="nothing")),
        (errors.NotFound, 404, "", lambda: client.head(key="nothing")),
        (errors.NotFound, 404, "NoSuchBucket", lambda: client.get(key="x", bucket="not-there")),
        (errors.NotFound, 404, "NoSuchBucket", lambda: client.list(bucket="not-there")),
        (errors.NotFound, 404, "NoSuchKey", lambda: client.copy(source="nothing", key="x")),
        (errors.BadRequest, 416, "InvalidRange", lambda: client.get(key="there", start=90)),
        (errors.Conflict, 304, "", lambda: client.get(key="there", if_none_match=etag)),
        (errors.Conflict, 412, "PreconditionFailed",
         lambda: client.get(key="there", if_match='"other"')),
        (errors.Conflict, 412, "PreconditionFailed",
         lambda: client.put(key="there", file=b"x", if_none_match="*")),
        (errors.Conflict, 412, "PreconditionFailed",
         lambda: client.put(key="there", file=b"x", if_match='"other"')),
    ]  # fmt: skip
    for kind, status, code, call in refused:
        with pytest.raises(kind) as caught:
            call()
        assert (type(caught.value), caught.value.status) == (kind, status)
        assert caught.value.code == code
        assert caught.value.attempts == 1
        assert bool(caught.value.request_id) is bool(code)
    assert client.get(key="there").content == b"content"


def test_ranges(client: S3, tmp_path: Path) -> None:
    """A range is from its first byte up to its end, in memory and in a file."""
    client.put(key="digits", file=b"0123456789")
    assert client.get(key="digits", start=2, end=5).content == b"234"
    assert client.get(key="digits", start=7).content == b"789"
    assert client.get(key="digits", end=2).content == b"01"
    last = client.get(key="digits", last=3)
    assert (last.content, last.range, last.size) == (b"789", (7, 10), 10)
    client.get(key="digits", start=4, end=6, path=tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == b"45"


def test_a_folder_goes_up_and_comes_down(client: S3, tmp_path: Path) -> None:
    """A folder comes down as it went up, and a second time nothing has to be transferred."""
    folder = files(tmp_path / "up", config_json=b"{}", sub__weights_bin=os.urandom(1000), empty=b"")
    up = client.upload_folder(folder=folder, key="s3://accelerate/models/a/")
    assert sorted(up.transferred) == ["config.json", "empty", "sub/weights.bin"]
    digest = hashlib.sha256((folder / "sub/weights.bin").read_bytes()).hexdigest()
    assert up.files["sub/weights.bin"] == {"size": 1000, "sha256": digest}
    assert client.head(key="models/a/sub/weights.bin").metadata == {"sha256": digest}
    again = asyncio.run(client.upload_folder.acall(folder=folder, key="models/a"))
    assert (again.transferred, len(again.kept)) == ((), 3)
    down = client.download_folder(key="models/a", folder=tmp_path / "down")
    assert sorted(down.transferred) == sorted(up.transferred)
    for name in up.files:
        assert (tmp_path / "down" / name).read_bytes() == (folder / name).read_bytes()
    (tmp_path / "down" / "config.json").write_bytes(b"[]")  # as long as it was
    mended = asyncio.run(client.download_folder.acall(key="models/a", folder=tmp_path / "down"))
    assert mended.transferred == ("config.json",)
    assert (tmp_path / "down" / "config.json").read_bytes() == b"{}"
    (folder / "config.json").write_bytes(b"[]")
    assert client.upload_folder(folder=folder, key="models/a").transferred == ("config.json",)


def test_progress_of_a_folder_is_of_all_its_files(client: S3, tmp_path: Path) -> None:
    """A folder's progress grows over its files up to the size of all."""
    folder = files(tmp_path / "up", a=bytes(10), b=bytes(20), c=bytes(30))
    up: list[Progress] = []
    down: list[Progress] = []
    client.upload_folder(folder=folder, key="models/p", progress=up.append)
    client.download_folder(folder=tmp_path / "down", key="models/p", progress=down.append)
    assert [each.done for each in up] == [10, 30, 60] == [each.done for each in down]
    assert {each.total for each in (*up, *down)} == {60}


def test_a_corrupted_file_is_refused(server: RunningServer, client: S3, tmp_path: Path) -> None:
    """A file whose content is not what the manifest says is told and not written."""
    folder = files(tmp_path / "up", a=b"right", b=b"b")
    client.upload_folder(folder=folder, key="models/bad")
    boto(server.url, ("put_object", {"Bucket": BUCKET, "Key": "models/bad/a", "Body": b"wrong"}))
    with pytest.raises(errors.InvalidResponse, match=r"models/bad/a does not have the sha256"):
        client.download_folder(key="models/bad", folder=tmp_path / "down")
    assert list((tmp_path / "down").iterdir()) == []


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        (b"nonsense", "no manifest"),
        (b'{"files": {"../evil": {"sha256": "%s", "size": 1}}}' % (b"0" * 64), "not in the folder"),
        (b'{"files": {"/evil": {"sha256": "%s", "size": 1}}}' % (b"0" * 64), "not in the folder"),
        (b'{"files": {"a": {"sha256": "short", "size": 1}}}', "no checksum"),
    ],
)
def test_a_wrong_manifest_is_refused(
    client: S3, tmp_path: Path, manifest: bytes, told: str
) -> None:
    """A manifest that is none, or names files outside the folder, is refused before it writes."""
    client.put(key=f"models/wrong/{MANIFEST}", file=manifest)
    with pytest.raises(errors.InvalidResponse, match=told):
        client.download_folder(key="models/wrong", folder=tmp_path / "down")
    assert not (tmp_path / "down").exists()


def test_a_folder_that_is_not_there(client: S3, tmp_path: Path) -> None:
    """Where there is no manifest, the error says what writes it."""
    with pytest.raises(errors.NotFound, match="upload_folder writes it last"):
        client.download_folder(key="models/none", folder=tmp_path)
    with pytest.raises(errors.InvalidParameters, match="no file in it"):
        client.upload_folder(folder=tmp_path, key="models/none")
    with pytest.raises(errors.InvalidParameters, match="there is no folder") as caught:
        client.upload_folder(folder=tmp_path / "not", key="models/none")
    assert (caught.value.provider, caught.value.operation) == ("s3", "upload_folder")


def test_a_killed_upload_goes_on(server: RunningServer, client: S3, tmp_path: Path) -> None:
    """After its process was killed, an upload sends only what had not arrived."""
    folder = files(tmp_path / "up", a=b"a" * 1000, b=b"b" * 1000, c=b"c" * 1000)
    killed = transfer(server, "upload", "models/killed", folder, 2000)
    assert killed.returncode == -9
    with pytest.raises(errors.NotFound):  # it is not whole
        client.download_folder(key="models/killed", folder=tmp_path / "early")
    up = client.upload_folder(folder=folder, key="models/killed")
    assert (up.kept, up.transferred) == (("a", "b"), ("c",))
    client.download_folder(key="models/killed", folder=tmp_path / "down")
    assert (tmp_path / "down" / "c").read_bytes() == b"c" * 1000


def test_a_killed_download_goes_on(server: RunningServer, client: S3, tmp_path: Path) -> None:
    """After its process was killed, a download keeps files and goes on within one."""
    large = os.urandom(20 * 2**20)
    folder = files(tmp_path / "up", a=b"a" * 1000, b=large)
    client.upload_folder(folder=folder, key="models/cut")
    killed = transfer(server, "download", "models/cut", tmp_path / "down", 8 * 2**20)
    assert killed.returncode == -9
    (part,) = (tmp_path / "down").glob(".b.*.part")
    arrived = part.stat().st_size
    assert 0 < arrived < len(large)
    assert not (tmp_path / "down" / "b").exists()
    reports: list[Progress] = []
    down = client.download_folder(
        key="models/cut", folder=tmp_path / "down", progress=reports.append
    )
    assert (down.kept, down.transferred) == (("a",), ("b",))
    assert reports[0].done == 1000 + arrived  # these were not asked for again
    assert (tmp_path / "down" / "b").read_bytes() == large
    assert sorted(path.name for path in (tmp_path / "down").iterdir()) == ["a", "b"]


def test_a_process_ends_right_after_a_call(
    server: RunningServer, client: S3, tmp_path: Path
) -> None:
    """A process whose last act is a call ends with status 0: no thread of obstore is in its way."""
    (tmp_path / "large").write_bytes(bytes(4 * PART))
    ended = [transfer(server, "put", "end", tmp_path / "large").returncode for _ in range(5)]
    assert ended == [0] * 5


MEGABYTE = 2**20
LARGE = pytest.param(2**31, marks=pytest.mark.skipif(
    not os.environ.get("PYTEST_ACCELERATE_LARGE"),
    reason="2 GB of transfers: make test-servers, or PYTEST_ACCELERATE_LARGE=1"))  # fmt: skip


@pytest.mark.parametrize("size", [64 * MEGABYTE, LARGE])
def test_memory_of_transfers(server: RunningServer, client: S3, tmp_path: Path, size: int) -> None:
    """Up and down, a file of any size takes less than 100 MB of memory and tells its progress."""
    file, back = tmp_path / "large", tmp_path / "back"
    with file.open("wb") as stream:
        block = os.urandom(MEGABYTE)
        for number in range(size // MEGABYTE):
            stream.write(number.to_bytes(8) + block[8:])
    for what, path in (("put", file), ("get", back)):
        done = transfer(server, what, "memory", path)
        assert done.returncode == 0, done.stderr
        _, last, total, reports, added = json.loads(done.stdout)
        print(what, size, reports, added)
        assert (last, total) == (size, size)
        assert reports >= size // (8 * MEGABYTE)
        assert added < 100e6, f"{what} took {added / 1e6:.0f} MB"
    assert _digest(back) == _digest(file)
    client.delete(key="memory")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
