"""What is declared of an operation beside its signature, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pytest_accelerate.transport.answers import Answer
from pytest_accelerate.transport.events import Streaming


class Effect(StrEnum):
    """What a call leaves behind at the provider; a live test asks before all but the first two."""

    READ = "read"
    """Nothing."""
    INFER = "infer"
    """Nothing, and it costs tokens."""
    CREATE = "create"
    SPEND = "spend"
    """A job or an image: costs that a tiny prompt does not keep tiny."""
    DELETE = "delete"


class Encoding(StrEnum):
    """Where the parameters go that are not in the path."""

    JSON = "json"
    FORM = "form"
    """``multipart/form-data``, with files."""
    QUERY = "query"
    CONTENT = "content"
    """The one file among them is the body itself; the others stand in path and query."""


@dataclass(frozen=True)
class Paging:
    """How one page leads to the next."""

    parameter: str
    """Name of the parameter that asks for the next page."""
    next: Callable[[Mapping[str, Any]], Any]
    """From a page's JSON to that parameter's value; ``None`` after the last."""
    back: Paging | None = None
    """The way from the end to the start, taken where its parameter is given."""


@dataclass(frozen=True)
class Declaration:
    """All that is declared of an operation beside its signature."""

    method: str
    path: str
    """With ``{name}`` where a parameter stands."""
    answer: type[Answer]
    encoding: Encoding
    effect: Effect
    streaming: Streaming | None = None
    resend: bool = True
    """Whether it does no harm when it is processed twice."""
    shape: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """From parameters to the body's JSON, where these are not the same."""
    query: tuple[str, ...] = ()
    """Parameters that go into the query though others go into the body."""
    paging: Paging | None = None
    bracketed: bool = True
    """Whether the name of a list in a form ends in ``[]``; else it is repeated as it is."""
    headers: Mapping[str, str] = field(default_factory=dict)
    answers: frozenset[int] = frozenset()
    """Statuses of 400 and above that are no failure, such as a server's "not ready"."""
    sends: bool = True
    """Whether anything goes out; a signed URL is made here."""
