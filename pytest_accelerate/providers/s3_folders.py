"""Folders of files, such as a model's, up and down: checked, and gone on with where it was.

Each object carries the sha256 of its file as metadata, so that what was sent is not sent again even
where the last attempt did not come to its end. A manifest of all files is written last: with it, a
folder is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, ParamSpec, TypeVar

from pytest_accelerate.errors import Conflict, InvalidParameters, InvalidResponse, NotFound
from pytest_accelerate.providers.s3_names import Place
from pytest_accelerate.providers.s3_names import place as placed
from pytest_accelerate.providers.s3_operations import StoreHandler
from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.body import Upload
from pytest_accelerate.transport.exchange import Call
from pytest_accelerate.transport.outcome import Reply
from pytest_accelerate.transport.progress import Progress, Report

P = ParamSpec("P")
A = TypeVar("A", bound=Answer)
Steps = Generator[Any, Any, Reply]

MANIFEST = "pytest-accelerate-manifest.json"
"""Name of the object that lists a folder's files."""
CHECKSUM = "sha256"
"""Name of the metadata that holds a file's checksum."""


@dataclass
class Transfer:
    """What is known of one folder while it is transferred."""

    place: Place
    folder: Path
    options: dict[str, Any]
    part: int = 0
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    transferred: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    passed: int = 0
    """Bytes of the files that are dealt with."""

    def at(self, name: str) -> Place:
        """Where a file's object is."""
        return Place(self.place.bucket, f"{self.place.key}/{name}".lstrip("/"))

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(each["size"] for each in self.files.values())

    def dealt_with(self, name: str, *, kept: bool) -> None:
        """A file is where it is to be."""
        (self.kept if kept else self.transferred).append(name)
        self.passed += self.files[name]["size"]

    def options_of_file(self) -> dict[str, Any]:
        """A call's options, with a report that counts the whole folder."""
        report: Report | None = self.options.get("progress")
        if report is None:
            return self.options
        return {**self.options, "progress": partial(_shifted, report, self.passed, self.total)}

    def answer(self) -> dict[str, Any]:
        """What the call gives."""
        return {
            "bucket": self.place.bucket, "key": self.place.key, "files": self.files,
            "transferred": self.transferred, "kept": self.kept,
        }  # fmt: skip


def _shifted(report: Report, passed: int, total: int, progress: Progress) -> None:
    report(Progress(progress.direction, passed + progress.done, total))


class FolderHandler(StoreHandler[P, A]):
    """Transfers a folder, a file after the other; ``timeout`` is for each of the requests."""

    def _made(self, place: Place, values: dict[str, Any], options: dict[str, Any]) -> Call:
        transfer = Transfer(place, Path(values["folder"]), options, values.get("part_size", 0))
        return self.call_of(place, transfer, options)

    def _steps(self, call: Call) -> Steps:
        from pytest_accelerate.providers.s3_requests import done

        transfer: Transfer = call.work  # type: ignore[attr-defined]
        yield from self._transfer(transfer)
        return done(transfer.answer())

    def _transfer(self, transfer: Transfer) -> Generator[Any, Any, None]:
        raise NotImplementedError

    def _asked(self, method: str, place: Place, work: Any, options: dict[str, Any]) -> Steps:
        return self._provider.exchange(self.call_of(place, work, options, method))


class UploadFolderHandler(FolderHandler[P, A]):
    """Sends what is not there."""

    def _transfer(self, transfer: Transfer) -> Generator[Any, Any, None]:
        from pytest_accelerate.transport.stores import Local

        transfer.files = yield Local(partial(local_files, transfer.folder))
        for name in transfer.files:
            placed(transfer.at(name).key, transfer.place.bucket, name=f"folder/{name}")
        there = yield from self._listed(transfer)
        for name, file in transfer.files.items():
            digest = yield Local(partial(checksum, transfer.folder / name))
            file["sha256"] = digest
            same = there.get(transfer.at(name).key) == file["size"]
            kept = same and (yield from self._has(transfer, name, digest))
            if not kept:
                yield from self._send(transfer, name, file)
            transfer.dealt_with(name, kept=kept)
        yield from self._send_manifest(transfer)

    def _listed(self, transfer: Transfer) -> Generator[Any, Any, dict[str, int]]:
        from pytest_accelerate.providers.s3_requests import PAGE, List

        found: dict[str, int] = {}
        after: str | None = None
        while True:
            store = self._provider.store(transfer.place.bucket)
            work = List(store, transfer.place, after, PAGE, recursive=True)
            reply = yield from self._asked("GET", transfer.place, work, _quiet(transfer))
            found |= {each["key"]: each["size"] for each in reply.data["objects"]}  # type: ignore[attr-defined]
            after = reply.data["next"]  # type: ignore[attr-defined]
            if after is None:
                return found

    def _has(self, transfer: Transfer, name: str, digest: str) -> Generator[Any, Any, bool]:
        from pytest_accelerate.providers.s3_requests import Head

        place = transfer.at(name)
        work = Head(self._provider.store(place.bucket), place)
        try:
            reply = yield from self._asked("HEAD", place, work, _quiet(transfer))
        except NotFound:  # removed since it was listed
            return False
        return bool(reply.data["metadata"].get(CHECKSUM) == digest)  # type: ignore[attr-defined]

    def _send(self, transfer: Transfer, name: str, file: Mapping[str, Any]) -> Steps:
        from pytest_accelerate.providers.s3_sending import PART, Put

        place, path = transfer.at(name), transfer.folder / name
        upload = Upload("folder", str(path), path, None)
        work = Put(
            self._provider.store(place.bucket), place, upload, file["size"],
            {CHECKSUM: file["sha256"]}, transfer.part or PART, digest=file["sha256"],
        )  # fmt: skip
        return self._asked("PUT", place, work, transfer.options_of_file())

    def _send_manifest(self, transfer: Transfer) -> Steps:
        from pytest_accelerate.providers.s3_sending import PART, Put

        text = json.dumps({"version": 1, "files": transfer.files}, indent=1, sort_keys=True)
        content, place = text.encode(), transfer.at(MANIFEST)
        work = Put(
            self._provider.store(place.bucket), place,
            Upload("folder", MANIFEST, content, None), len(content),
            {"Content-Type": "application/json"}, max(PART, len(content)),
        )  # fmt: skip
        return self._asked("PUT", place, work, _quiet(transfer))


class DownloadFolderHandler(FolderHandler[P, A]):
    """Brings what is not there."""

    def _transfer(self, transfer: Transfer) -> Generator[Any, Any, None]:
        from pytest_accelerate.transport.stores import Local

        transfer.files = yield from self._manifest(transfer)
        for name, file in transfer.files.items():
            path = transfer.folder / name
            kept = yield Local(partial(_is_there, path, file))
            if not kept:
                yield from self._bring(transfer, name, file, path)
            transfer.dealt_with(name, kept=kept)

    def _manifest(self, transfer: Transfer) -> Generator[Any, Any, dict[str, dict[str, Any]]]:
        from pytest_accelerate.providers.s3_receiving import Get

        place = transfer.at(MANIFEST)
        work = Get(self._provider.store(place.bucket), place, {})
        try:
            reply = yield from self._asked("GET", place, work, _quiet(transfer))
        except NotFound as error:
            if error.code == "NoSuchBucket":
                raise
            error.message = (
                f"{place.url} is not there, so no whole folder is: upload_folder writes it "
                f"last ({error.message})"
            )
            raise
        return files_of(reply.body, place, transfer.folder)

    def _bring(self, transfer: Transfer, name: str, file: Mapping[str, Any], path: Path) -> Steps:
        from pytest_accelerate.providers.s3_receiving import Download

        place = transfer.at(name)
        work = Download(
            self._provider.store(place.bucket), place, path, {},
            digest=file["sha256"], size=file["size"], kept=True,
        )  # fmt: skip
        return self._asked("GET", place, work, transfer.options_of_file())


def _quiet(transfer: Transfer) -> dict[str, Any]:
    """The options of a request that transfers no file."""
    return {name: value for name, value in transfer.options.items() if name != "progress"}


def local_files(folder: Path) -> dict[str, dict[str, Any]]:
    """The files of a folder, with their sizes, by their paths in it.

    Raises:
        InvalidParameters: there is no such folder, or it has no file.
    """
    if not folder.is_dir():
        raise InvalidParameters(f"parameter 'folder': there is no folder {str(folder)!r}")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size}
        for path in paths
        if path.name != MANIFEST and path.suffix != ".part"
    }
    if not found:
        raise InvalidParameters(f"parameter 'folder': {str(folder)!r} has no file in it")
    return found


def checksum(path: Path) -> str:
    """The sha256 of a file that is to be sent.

    Raises:
        InvalidParameters: it cannot be read.
    """
    from pytest_accelerate.providers.s3_receiving import sha256_of

    return _reading(path, sha256_of)


def _reading(path: Path, function: Callable[[Path], str]) -> str:
    try:
        return function(path)
    except OSError as error:
        raise InvalidParameters(f"{str(path)!r} cannot be read: {error.strerror}") from None


def _is_there(path: Path, file: Mapping[str, Any]) -> bool:
    """Whether a file is there, with the size and checksum that it is to have."""
    if path.is_dir():
        raise Conflict(f"there is a folder where the file {str(path)!r} is to be")
    if not path.is_file() or path.stat().st_size != file["size"]:
        return False
    return checksum(path) == str(file["sha256"])


def files_of(content: bytes | bytearray, place: Place, folder: Path) -> dict[str, dict[str, Any]]:
    """The files that a manifest names.

    Raises:
        InvalidResponse: it is none, or names what would be written beside the folder.
    """
    try:
        files = json.loads(content)["files"]
        found: dict[str, dict[str, Any]] = {
            name: {"sha256": str(each["sha256"]), "size": int(each["size"])}
            for name, each in files.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidResponse(f"{place.url} is no manifest of a folder") from None
    root = folder.resolve()
    for name, each in found.items():
        parts = PurePosixPath(name).parts
        within = (folder / name).resolve().is_relative_to(root)
        if not parts or ".." in parts or "\0" in name or name.startswith("/") or not within:
            raise InvalidResponse(f"{place.url} names {name!r:.100}, which is not in the folder")
        if len(each["sha256"]) != 64 or each["size"] < 0:
            raise InvalidResponse(f"{place.url} has no checksum of {name!r:.100}")
    return found
