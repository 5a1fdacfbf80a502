"""What an operation takes: its declared signature, checked before anything is sent.

The annotations are those of the declaration that type checkers see: ``str``, ``int``, ``float``,
``bool``, ``Literal``, ``Sequence``, ``Mapping``, unions of these, and :data:`FileInput`. A value is
checked one level deep: what is inside a message is the provider's to judge.
"""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict, get_args, get_origin

from pytest_accelerate.errors import InvalidParameters, nearest
from pytest_accelerate.transport.body import FileInput
from pytest_accelerate.transport.progress import Report


class Filled:
    """Marks a parameter that must not be empty: ``Annotated[str, Filled]``."""


class AFile:
    """Marks a parameter that is a file: ``File`` and ``Files`` below."""


File = Annotated[FileInput, AFile]
"""A parameter that is one file."""
Files = Annotated[FileInput | Sequence[FileInput], AFile]
"""A parameter that is one file or several."""


class CallOptions(TypedDict, total=False):
    """What every operation takes beside its own parameters."""

    extra_body: Mapping[str, Any]
    """Parameters of the provider that are not declared here, sent as they are."""
    extra_headers: Mapping[str, str]
    extra_query: Mapping[str, Any]
    timeout: float
    """Seconds for the whole call, in place of the policy's ``deadline``."""
    priority: int
    """The lower, the sooner out of the queue; 0 by default."""
    max_tries: int
    progress: Report
    """Called with a :class:`~pytest_accelerate.transport.progress.Progress` as bytes pass."""


OPTIONS: tuple[str, ...] = tuple(CallOptions.__annotations__)

Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter."""

    name: str
    accepts: Check
    expected: str
    """What it accepts, in words."""
    required: bool
    filled: bool
    """Whether it must not be empty."""
    is_file: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """All parameters of one operation."""

    parameters: Mapping[str, Parameter]
    required: frozenset[str]

    @classmethod
    def of(cls, declared: Callable[..., Any]) -> Signature:
        """Read a declaration."""
        hints = typing.get_type_hints(declared, include_extras=True)
        parameters = {
            name: _parameter(name, hints[name], parameter.default is inspect.Parameter.empty)
            for name, parameter in inspect.signature(declared).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        required = frozenset(name for name, each in parameters.items() if each.required)
        return cls(parameters, required)

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that were given, without those that are ``None``.

        Raises:
            InvalidParameters: one is unknown, missing, empty or of a wrong type.
        """
        values = {}
        for name, value in given.items():
            parameter = self.parameters.get(name)
            if parameter is None:
                raise InvalidParameters(self._unknown(name))
            if value is None and not parameter.required:
                continue
            if not parameter.accepts(value):
                raise InvalidParameters(
                    f"parameter {name!r}: expected {parameter.expected}, "
                    f"not {type(value).__name__} {_short(value)}"
                )
            if parameter.filled and not _has_content(value):
                raise InvalidParameters(f"parameter {name!r} must not be empty")
            values[name] = value
        if not self.required <= values.keys():
            absent = sorted(self.required - values.keys())
            raise InvalidParameters(f"missing parameter{'s' * (len(absent) > 1)}: "
                                    f"{', '.join(absent)}")  # fmt: skip
        return values

    def _unknown(self, name: str) -> str:
        known = [*self.parameters, *OPTIONS]
        hint = nearest(name, known) or f"; known: {', '.join(known)}"
        return f"unknown parameter {name!r}{hint} (what is not declared goes through extra_body)"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _has_content(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _parameter(name: str, hint: Any, required: bool) -> Parameter:
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is types.UnionType or get_origin(hint) is typing.Union:
        inner = [each for each in get_args(hint) if get_origin(each) is Annotated]
        marks = tuple(mark for each in inner for mark in get_args(each)[1:])
    elif get_origin(hint) is Annotated:
        marks = get_args(hint)[1:]
    if AFile in marks:
        return Parameter(name, _is_file, "a file (bytes, a path, an open binary file)",
                         required, False, True)  # fmt: skip
    return Parameter(name, _check(hint), _describe(hint), required, Filled in marks, False)


def _is_file(value: Any) -> bool:
    return not isinstance(value, (bool, int, float, Mapping))


def _check(hint: Any) -> Check:
    origin = get_origin(hint)
    if origin is Annotated:
        return _check(get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):
        checks = [_check(each) for each in get_args(hint)]
        return lambda value: any(check(value) for check in checks)
    if origin is Literal:
        choices = get_args(hint)
        return lambda value: any(value == each and type(value) is type(each) for each in choices)
    if origin is collections.abc.Sequence:
        return _sequence(get_args(hint))
    if origin is collections.abc.Mapping:
        return lambda value: isinstance(value, Mapping)
    return _plain(hint)


def _sequence(arguments: tuple[Any, ...]) -> Check:
    item = _check(arguments[0]) if arguments else lambda value: True
    return lambda value: (
        isinstance(value, Sequence)
        and not isinstance(value, (str, bytes, bytearray))
        and all(map(item, value))
    )


def _plain(hint: Any) -> Check:
    if hint is Any or hint is object:
        return lambda value: True
    if hint is None or hint is type(None):
        return lambda value: value is None
    if hint is float:
        return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(hint, type):
        raise TypeError(f"a parameter cannot be declared as {hint!r}")
    return lambda value: isinstance(value, hint)


_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    bytes: "bytes",
    Any: "anything",
    type(None): "None",
}


def _describe(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _describe(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(each) for each in arguments if each is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is collections.abc.Sequence:
        return f"a list of {_describe(arguments[0])}" if arguments else "a list"
    if origin is collections.abc.Mapping:
        return "a mapping"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))
