"""Keys that never show: not in a repr, a message, a log line or a pickle."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable
from typing import NoReturn

HIDDEN = "[key hidden]"
_SHORTEST = 6
"""A shorter key would hide parts of ordinary words."""


class Secret:
    """A key whose text is had by :meth:`reveal` alone."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled: let the other process find its own")


class Redactor:
    """Hides known keys in texts that come from elsewhere, such as a server that echoes them."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            text = secret.reveal()
            if len(text) >= _SHORTEST:
                forms |= {text, urllib.parse.quote(text, safe="")}
        # The longest first: a key may hold another.
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """``text`` without any key."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._forms)} texts>"
