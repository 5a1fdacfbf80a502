"""moto_server: Amazon's S3, as moto keeps it in memory and on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.request import ProxyHandler, Request, build_opener

from pytest_accelerate.servers.base import Server

if TYPE_CHECKING:
    from pytest_accelerate.providers.base import Provider

BUCKET = "accelerate"
"""The bucket that is made for calls."""
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "AKIAACCELERATETESTS1", "a-secret-that-opens-moto-alone"


class Moto(Server):
    """moto's server: https://docs.getmoto.org/en/latest/docs/server_mode.html."""

    name: ClassVar[str] = "moto"
    distribution: ClassVar[str] = "moto"
    # Without the extra "server": it brings the services that are not S3.
    requirements: ClassVar[tuple[str, ...]] = (
        "moto[s3]==5.2.5",
        "boto3==1.44.8",
        "flask==3.1.3",
        "flask-cors==6.0.5",
    )
    quick: ClassVar[bool] = True
    health: ClassVar[str] = "/moto-api/data.json"
    providers: ClassVar[tuple[str, ...]] = ("s3",)

    def command(self, python: Path, folder: Path, port: int) -> Sequence[str]:
        """The command that starts it on ``127.0.0.1:port``."""
        return [str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    def environment(self, folder: Path) -> Mapping[str, str]:
        """What is too large for memory is spooled into files: here, where they end with it."""
        return {"TMPDIR": str(folder)}

    def client(self, provider: str, url: str, **options: Any) -> Provider:
        """A client with a bucket of its own making."""
        from pytest_accelerate.providers.s3 import S3

        options = {"bucket": BUCKET, "region": "us-east-1", **options}
        make_bucket(url, options["bucket"])
        return S3(ACCESS_KEY_ID, SECRET_ACCESS_KEY, base_url=url, **options)

    def calls(self, provider: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """One tiny call of each operation; those that read find what :meth:`before` made."""
        key = "made/hello.txt"
        return {
            "put": {"key": "sent/hello.txt", "file": b"hello", "content_type": "text/plain"},
            "get": {"key": key},
            "head": {"key": key},
            "list": {"prefix": "made"},
            "copy": {"source": key, "key": "sent/copy.txt"},
            "delete": {"key": "sent/never.txt"},
            "presign": {"key": key},
            "upload_folder": {"folder": folder / "model", "key": "sent/model"},
            "download_folder": {"key": "made/model", "folder": folder / "downloaded"},
        }

    def prepare(self, python: Path, folder: Path) -> None:
        """Write the folder that is uploaded."""
        (folder / "model").mkdir()
        (folder / "model" / "config.json").write_text('{"model_type": "bert"}\n')

    def before(self, client: Provider) -> None:
        """Put what is read."""
        client["put"](key="made/hello.txt", file=b"hello", content_type="text/plain")
        with _tiny_folder() as folder:
            client["upload_folder"](folder=folder, key="made/model")


def make_bucket(url: str, bucket: str) -> None:
    """Make a bucket; it is fine where it is there.

    The client has no operation for it, as obstore has none.
    """
    request = Request(f"{url}/{bucket}", method="PUT")
    with build_opener(ProxyHandler({})).open(request, timeout=30):
        pass


def _tiny_folder() -> Any:
    import contextlib
    import tempfile

    @contextlib.contextmanager
    def made() -> Any:
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "config.json").write_text('{"model_type": "bert"}\n')
            yield Path(name)

    return made()
