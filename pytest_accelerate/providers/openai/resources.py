"""What OpenAI's resources share: an id, a status, deletion, lists with a cursor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_accelerate.providers.operation import Paging
from pytest_accelerate.providers.reading import count_of, mapping, mappings, text_of
from pytest_accelerate.transport.answers import Answer, Origin, PageAnswer
from pytest_accelerate.transport.outcome import Reply


@dataclass(frozen=True, eq=False)
class Resource(Answer):
    """Something that the provider keeps."""

    @property
    def id(self) -> str:
        """What other calls name it by."""
        return text_of(self.data.get("id"))

    @property
    def status(self) -> str:
        """How far it is, in the provider's own word."""
        return text_of(self.data.get("status"))

    @property
    def error(self) -> str:
        """What went wrong with it; empty where nothing is told."""
        error = mapping(self.data.get("error")) or mapping(self.data.get("last_error"))
        return text_of(error.get("message"))


@dataclass(frozen=True, eq=False)
class Deleted(Answer):
    """That something was deleted."""

    @classmethod
    def of(cls, reply: Reply, origin: Origin) -> Answer:
        """Read a reply, which may be empty."""
        return super().of(reply, origin) if reply.body else cls({}, origin)

    @property
    def id(self) -> str:
        """Of what was deleted."""
        return text_of(self.data.get("id"))

    @property
    def deleted(self) -> bool:
        """Whether it is gone; also where the provider answered with nothing else."""
        return bool(self.data.get("deleted", True))


@dataclass(frozen=True, eq=False)
class Page(PageAnswer):
    """One page of a list; ``pages()`` of the operation gives them all."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the entries."""
        return tuple(text_of(mapping(each).get("id")) for each in self.entries)

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return bool(self.data.get("has_more"))


@dataclass(frozen=True, eq=False)
class Counted(Resource):
    """A resource with files in it, each in some state."""

    @property
    def file_counts(self) -> Mapping[str, int]:
        """How many files are ``completed``, ``failed``, ``in_progress``, ``total``..."""
        counts = mapping(self.data.get("file_counts"))
        return {name: count_of(value) for name, value in counts.items()}


def _last(page: Mapping[str, Any]) -> Any:
    entries = mappings(page.get("data"))
    return entries[-1].get("id") if page.get("has_more") and entries else None


def _first(page: Mapping[str, Any]) -> Any:
    entries = mappings(page.get("data"))
    return entries[0].get("id") if page.get("has_more") and entries else None


AFTER = Paging("after", _last)
"""The next page begins after the last entry of this one."""
EITHER_WAY = Paging("after", _last, back=Paging("before", _first))
"""Likewise, and from the end to the start where ``before`` was given."""
BETA: Mapping[str, str] = {"openai-beta": "assistants=v2"}
"""What the API asks of those who use vector stores."""
