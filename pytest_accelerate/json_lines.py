"""The lines on which the entries of a JSON file stand, so that errors can name them."""

from __future__ import annotations

import json
import re

_SPACE = re.compile(r"[\s,]*")
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"\s*:\s*')
_LIST_KEY = re.compile(r'"model_types"\s*:\s*\[')


def lines_of_entries(text: str) -> list[int]:
    """The line (from 1) of each entry of the outermost list or object in valid JSON.

    The list is the one under ``"model_types"`` where the outermost value is an object that has it.
    """
    nested = _LIST_KEY.search(text)
    start = nested.end() if nested else re.search(r"[\[{]", text).end()  # type: ignore[union-attr]
    decoder = json.JSONDecoder()
    lines: list[int] = []
    position = _SPACE.match(text, start).end()  # type: ignore[union-attr]
    while text[position] not in "]}":
        lines.append(text.count("\n", 0, position) + 1)
        key = _KEY.match(text, position)
        _, position = decoder.raw_decode(text, key.end() if key else position)
        position = _SPACE.match(text, position).end()  # type: ignore[union-attr]
    return lines
