"""Amazon's S3 and what speaks its protocol: https://docs.aws.amazon.com/AmazonS3/latest/API.

obstore makes the requests, its own retries switched off: queue, retries, breaker, metrics and
errors are those of all providers. It does not show an answer's headers, so a ``Retry-After`` is not
seen: what is overloaded is tried again by the policy's backoff.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Generator, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Unpack
from urllib.parse import urlsplit

from pytest_accelerate.errors import InvalidParameters, MissingPackage, NetworkRefused
from pytest_accelerate.providers.base import Provider, _user_agent
from pytest_accelerate.providers.declaration import Effect, Paging
from pytest_accelerate.providers.operation import Operation
from pytest_accelerate.providers.parameters import CallOptions, File, Filled
from pytest_accelerate.providers.s3_answers import (
    S3Content,
    S3Folder,
    S3Listing,
    S3Object,
    S3Presigned,
)
from pytest_accelerate.providers.s3_folders import DownloadFolderHandler, UploadFolderHandler
from pytest_accelerate.providers.s3_names import Place, place
from pytest_accelerate.providers.s3_operations import GetHandler, PresignHandler, stored
from pytest_accelerate.transport import credentials
from pytest_accelerate.transport.answers import MOCK, REAL
from pytest_accelerate.transport.body import upload
from pytest_accelerate.transport.clock import Clock
from pytest_accelerate.transport.credentials import Credential
from pytest_accelerate.transport.exchange import Call, Step, exchange
from pytest_accelerate.transport.outcome import Reply
from pytest_accelerate.transport.policy import Policy
from pytest_accelerate.transport.redaction import Redactor, Secret

if TYPE_CHECKING:
    from pytest_accelerate.transport.stores import StoreTasks, StoreThreads

Text = Annotated[str, Filled]
_FOR_EVER = timedelta(days=365)
_REGION = "us-east-1"


def _put(client: S3, at: Place, values: dict[str, Any]) -> Any:
    from pytest_accelerate.providers import s3_requests, s3_sending

    file = upload("file", values["file"])
    try:
        size = file.size()
    except (OSError, ValueError) as error:
        raise InvalidParameters(f"parameter 'file': it cannot be read: {error}") from None
    part = values.get("part_size", s3_sending.PART)
    if part < s3_sending.SMALLEST_PART:
        raise InvalidParameters(f"parameter 'part_size': at least {s3_sending.SMALLEST_PART} bytes")
    condition: Any = None
    if "if_match" in values:
        condition = {"e_tag": values["if_match"]}
    elif values.get("if_none_match"):
        condition = "create"
    if file.media_type and "content_type" not in values:
        values["content_type"] = file.media_type
    attributes = s3_requests.attributes_of(values)
    return s3_sending.Put(client.store(at.bucket), at, file, size, attributes, part, condition)


def _get(client: S3, at: Place, values: dict[str, Any]) -> Any:
    from pytest_accelerate.providers.s3_receiving import Download, Get

    conditions = ("if_match", "if_none_match", "version")
    options: dict[str, Any] = {name: values[name] for name in conditions if name in values}
    asked = _range(values)
    if asked is not None:
        options["range"] = asked
    if "path" in values:
        return Download(client.store(at.bucket), at, Path(values["path"]), options)
    return Get(client.store(at.bucket), at, options)


def _range(values: Mapping[str, Any]) -> Any:
    start, end, last = (values.get(name) for name in ("start", "end", "last"))
    if last is not None:
        if start is not None or end is not None or "path" in values or last < 1:
            raise InvalidParameters(
                "parameter 'last': a number of bytes above 0, without start, end and path"
            )
        return {"suffix": last}
    start = start or 0
    if start == 0 and end is None:
        return None
    if start < 0 or (end is not None and end <= start):
        raise InvalidParameters(f"parameter 'start': no bytes are from {start} up to {end}")
    return {"offset": start} if end is None else (start, end)


def _head(client: S3, at: Place, values: dict[str, Any]) -> Any:
    from pytest_accelerate.providers.s3_requests import Head

    return Head(client.store(at.bucket), at)


def _list(client: S3, at: Place, values: dict[str, Any]) -> Any:
    from pytest_accelerate.providers.s3_requests import PAGE, List

    limit, recursive = values.get("limit", PAGE), values.get("recursive", True)
    if not 1 <= limit <= PAGE:
        raise InvalidParameters(f"parameter 'limit': expected 1 to {PAGE}")
    if not recursive and ("start_after" in values or "limit" in values):
        raise InvalidParameters("parameter 'recursive': one level of a prefix comes as a whole")
    return List(client.store(at.bucket), at, values.get("start_after"), limit, recursive)


def _delete(client: S3, at: Place, values: dict[str, Any]) -> Any:
    from pytest_accelerate.providers.s3_requests import Delete

    return Delete(client.store(at.bucket), at)


def _copy(client: S3, at: Place, values: dict[str, Any]) -> Any:
    from pytest_accelerate.providers.s3_requests import Copy

    source = place(values["source"], at.bucket, name="source")
    if source.bucket != at.bucket:
        raise InvalidParameters("parameter 'source': what is copied stays in its bucket")
    return Copy(client.store(at.bucket), source, at)


def _presign(client: S3, at: Place, values: dict[str, Any]) -> Any:
    from pytest_accelerate.providers.s3_requests import presigned

    return client.store(at.bucket), presigned(at, values), at


class S3(Provider):
    """The client of S3, or of a server that speaks its protocol, such as MinIO's.

    A ``key`` may be ``s3://bucket/key``; else the bucket is the call's, or the client's.
    """

    name = "s3"
    default_base_url = "https://s3.us-east-1.amazonaws.com"
    base_url_variable = "AWS_ENDPOINT_URL_S3"
    credential: ClassVar[Credential] = Credential(
        ("AWS_SECRET_ACCESS_KEY",), along=("AWS_ACCESS_KEY_ID",)
    )

    native = True
    sees_delays = False
    stand_in = False
    """Whether another server stands in for S3, as in tests: then answers say ``MOCK``."""

    @property
    def implementation_type(self) -> str:
        """``REAL``, or ``MOCK`` where another server stands in."""
        return MOCK if self.stand_in else REAL

    def __init__(
        self,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        *,
        session_token: str | None = None,
        bucket: str | None = None,
        region: str | None = None,
        base_url: str | None = None,
        policy: Policy | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make a client; nothing is imported or connected before the first call.

        What is not given is looked for in the environment, ``.env`` and
        ``~/.ipfs_api_credentials``: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and
        ``AWS_SESSION_TOKEN``, all in one place; ``AWS_REGION`` or ``AWS_DEFAULT_REGION``;
        ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL``.

        Args:
            access_key_id: the public half of a key.
            secret_access_key: the other half; both are given, or none.
            session_token: of a key that is valid for a time only.
            bucket: of calls that name none.
            region: by default ``us-east-1``.
            base_url: of another server; its buckets stand in the path.
            policy: queue, retries, timeouts.
            clock: the time; for tests.

        Raises:
            UnsafeCredentials: a file of keys that others can read.
            InvalidParameters: a base URL that is none, or half a key.
        """
        if (access_key_id is None) != (secret_access_key is None):
            raise InvalidParameters("an access key is two parts: give both or none", provider="s3")
        found = credentials.find(self.credential) if secret_access_key is None else None
        secret = [secret_access_key or ""] if found is None else [_text(found.keys)]
        self.region = region or credentials.setting("AWS_REGION", "AWS_DEFAULT_REGION") or _REGION
        super().__init__(secret, base_url=base_url, policy=policy, clock=clock)
        if found is not None:
            self._found = found
            named = credentials.settings(found.source) if found.source else {}
            access_key_id = (named.get("AWS_ACCESS_KEY_ID") or "").strip()
            session_token = session_token or (named.get("AWS_SESSION_TOKEN") or "").strip()
        self._access_key_id = access_key_id or ""
        self._session_token = Secret(session_token) if session_token else None
        if self._session_token is not None:
            self.shared.redact = Redactor({*self._keyring.secrets, self._session_token})
        self.bucket = bucket or ""
        self._stores: dict[str, Any] = {}
        self._making = threading.Lock()

    @stored("PUT", "/{bucket}/{key}", answer=S3Object, work=_put, effect=Effect.CREATE)
    def put(
        *,
        key: Text,
        file: File,
        bucket: str | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        content_disposition: str | None = None,
        cache_control: str | None = None,
        metadata: Mapping[str, str] | None = None,
        part_size: int | None = None,
        if_none_match: Literal["*"] | None = None,
        if_match: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Send an object: bytes, a path or an open binary file, which is read from its start.

        What is larger than ``part_size`` (bytes, 8 MiB) is read and sent in parts, four at once; a
        part that fails fails the try. A failed upload's parts are removed; those of one that is
        killed or cancelled stay until the bucket's own rule removes them.

        ``if_none_match="*"`` refuses to replace an object, ``if_match`` (an etag) to replace
        another one: a Conflict. Then it is sent in one request, out of memory.
        """

    # client.get("put") is a mapping's get still: its handler sees to that.
    @stored("GET", "/{bucket}/{key}", answer=S3Content, work=_get, handler=GetHandler)
    def get(  # type: ignore[override]
        *,
        key: Text,
        bucket: str | None = None,
        path: str | Path | None = None,
        start: int | None = None,
        end: int | None = None,
        last: int | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
        version: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Bring an object into memory, or into the file ``path``.

        A file is written beside its place and put there whole; a further try goes on where the
        last one broke off. ``start`` (from 0) up to ``end``, or the ``last`` bytes, are a range.
        Conditions are etags: where they do not hold, it is a Conflict of status 304 or 412.
        """

    @stored("HEAD", "/{bucket}/{key}", answer=S3Object, work=_head)
    def head(*, key: Text, bucket: str | None = None, **options: Unpack[CallOptions]) -> None:
        """What is known of an object."""

    @stored(
        "GET",
        "/{bucket}",
        answer=S3Listing,
        work=_list,
        paging=Paging("start_after", lambda page: page.get("next")),
    )
    def list(
        *,
        prefix: str | None = None,
        bucket: str | None = None,
        start_after: str | None = None,
        limit: int | None = None,
        recursive: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """One page of at most ``limit`` (1000) objects below a prefix; ``pages`` gives them all.

        A prefix is whole names: ``models`` is of ``models/x`` and not of ``models-old/x``. With
        ``recursive=False``, one level of it as a whole, with ``prefixes`` for what is below.
        """

    @stored("DELETE", "/{bucket}/{key}", answer=S3Object, work=_delete, effect=Effect.DELETE)
    def delete(*, key: Text, bucket: str | None = None, **options: Unpack[CallOptions]) -> None:
        """Remove an object; S3 says the same where there is none."""

    @stored("PUT", "/{bucket}/{key}", answer=S3Object, work=_copy, effect=Effect.CREATE)
    def copy(
        *, source: Text, key: Text, bucket: str | None = None, **options: Unpack[CallOptions]
    ) -> None:
        """Have the server copy an object within its bucket."""

    @stored("GET", "/{bucket}/{key}", answer=S3Presigned, work=_presign, handler=PresignHandler,
            sends=False)  # fmt: skip
    def presign(
        *,
        key: Text,
        bucket: str | None = None,
        method: Literal["GET", "PUT", "HEAD", "DELETE"] | None = None,
        expires_in: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """A URL that permits one method for ``expires_in`` seconds (3600); nothing is sent."""

    @stored("GET", "/{bucket}", answer=S3Folder, handler=UploadFolderHandler, effect=Effect.CREATE)
    def upload_folder(
        *,
        folder: str | Path,
        key: Text,
        bucket: str | None = None,
        part_size: int | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Send the files of a folder below a key, and a manifest of them last.

        Those that are there with the same sha256 are not sent again.
        """

    @stored("GET", "/{bucket}/{key}", answer=S3Folder, handler=DownloadFolderHandler)
    def download_folder(
        *,
        key: Text,
        folder: str | Path,
        bucket: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        """Bring a folder that :attr:`upload_folder` has sent; each file is held to its sha256.

        Those that are there with the same sha256 are not brought again, and a file that broke off
        goes on where it was, also in another process. Other files in the folder stay.
        """

    def place(self, key: str, bucket: str, operation: Operation[..., Any]) -> Place:
        """Where a call goes.

        Raises:
            InvalidParameters: nowhere.
        """
        if operation.name == "list":
            return place(key, bucket, name="prefix", prefix=True)
        return place(key, bucket, prefix=operation.name.endswith("_folder"))

    def store(self, bucket: str) -> Any:
        """obstore's store of a bucket.

        Raises:
            MissingPackage: obstore is not installed.
        """
        with self._making:
            if bucket not in self._stores:
                self._stores[bucket] = self._made(bucket)
            return self._stores[bucket]

    def _made(self, bucket: str) -> Any:
        try:
            from obstore.store import S3Store
        except ImportError:
            raise MissingPackage("obstore", "providers") from None
        policy, endpoint = self.policy, self._endpoint(bucket)
        return S3Store(
            bucket,
            # All that obstore would read from the environment and that must not be other than here.
            endpoint=endpoint,
            aws_endpoint_url_s3=endpoint,
            region=self.region,
            virtual_hosted_style_request=endpoint != self.base_url,
            skip_signature=False,
            disable_bulk_delete=True,
            credential_provider=self._credentials,  # type: ignore[arg-type]
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "user_agent": _user_agent(),
                "connect_timeout": _time(policy.connect_timeout),
                "read_timeout": _time(policy.read_timeout),
                "timeout": _FOR_EVER,  # a call's own time ends it
            },
            retry_config={"max_retries": 0, "retry_timeout": timedelta(0)},
        )

    def _endpoint(self, bucket: str) -> str:
        """Where a bucket is: Amazon's in the host's name, as far as its certificate allows."""
        host = urlsplit(self.base_url).hostname or ""
        if not host.endswith(".amazonaws.com") or "." in bucket:
            return self.base_url
        return f"https://{bucket}.{host}"

    def _credentials(self) -> dict[str, Any]:
        key = self._keyring.next("")
        return {
            "access_key_id": self._access_key_id,
            "secret_access_key": key.reveal() if key is not None else "",
            "token": self._session_token.reveal() if self._session_token is not None else None,
            "expires_at": None,
        }

    def authorise(self, operation: str) -> Mapping[str, str]:
        """Hold that there is a key; obstore signs with it.

        Raises:
            MissingCredential: there is none.
            NetworkRefused: a test has the network off, and this would leave the machine.
        """
        if self._keyring.next(operation) is None:
            raise credentials.missing(self.name, self.credential)
        from pytest_accelerate import guard

        # Native code: the guard does not see its connections.
        if guard.is_active() and not _is_loopback(self.base_url):
            raise NetworkRefused(
                f"a test with a mocked provider tried to reach {self.base_url}: give it a server "
                "on this machine, or run with --live-apis"
            )
        return {}

    def exchange(self, call: Call) -> Generator[Step, Any, Reply]:
        """Bring a call to its reply, and put away what it used meanwhile."""
        try:
            return (yield from exchange(call, self.shared))
        finally:
            put_away = getattr(call.work, "put_away", None)  # type: ignore[attr-defined]
            if put_away is not None:
                put_away()

    @cached_property
    def threads(self) -> StoreThreads:
        """The driver for calls from threads."""
        from pytest_accelerate.transport.stores import StoreThreads

        return StoreThreads(self.shared.slots, self.shared.clock)

    @cached_property
    def tasks(self) -> StoreTasks:
        """The driver for calls from event loops."""
        from pytest_accelerate.transport.stores import StoreTasks

        return StoreTasks(self.shared.slots, self.shared.clock)

    def close(self) -> None:
        """Refuse further calls, wake those that wait, and let go of the connections."""
        super().close()
        if "threads" in vars(self):
            self.threads.close()
        self._stores.clear()

    def _named_url(self) -> str:
        named = credentials.setting(self.base_url_variable, "AWS_ENDPOINT_URL")
        return named or f"https://s3.{self.region}.amazonaws.com"


def _text(keys: tuple[Secret, ...]) -> str:
    return keys[0].reveal() if keys else ""


def _time(seconds: float) -> timedelta:
    return min(timedelta(seconds=max(seconds, 0.001)), _FOR_EVER)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
