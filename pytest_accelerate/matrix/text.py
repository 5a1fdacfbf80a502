"""Text of unknown origin, made fit to be shown: names, reasons and tracebacks are hostile data."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of writing
    "\u2028\u2029\ud800-\udfff]"  # line separators, lone surrogates
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
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str, limit: int = 300) -> str:
    """``text`` without line breaks and runs of blanks, visible, cut at its end."""
    text = visible(" ".join(text[: 4 * limit].split()), 4 * limit)
    return text if len(text) <= limit else text[: limit - 1] + "…"
