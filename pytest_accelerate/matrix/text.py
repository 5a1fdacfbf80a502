"""Text of unknown origin, made fit to be shown: names, reasons and tracebacks are hostile data."""

from __future__ import annotations

import unicodedata

_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def visible(text: str, limit: int) -> str:
    """``text`` with what cannot be seen, or changes how others are seen, as ``\\u202e``.

    These are control characters but tab and line feed, marks that turn the direction of writing,
    and lone surrogates, which UTF-8 cannot hold. What goes beyond ``limit`` characters is cut out
    of the middle, with a word about it.
    """
    text = text.replace("\r\n", "\n")
    if len(text) > limit:
        head, tail = text[: limit // 2], text[-(limit - limit // 2) :]
        text = f"{head}[... {len(text) - limit} characters cut ...]{tail}"
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_plain(character) else _escaped(character) for character in text)


def one_line(text: str, limit: int = 300) -> str:
    """``text`` without line breaks and runs of blanks, visible, cut at its end."""
    text = visible(" ".join(text[: 4 * limit].split()), 4 * limit)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _is_plain(character: str) -> bool:
    return character in "\n\t" or not (
        character in _BIDIRECTIONAL or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    )


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"
