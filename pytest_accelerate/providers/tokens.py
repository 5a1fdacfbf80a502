"""Counting tokens on one's own side: exactly with the model's tokenizer, else an estimate.

::

    count_tokens("Hello", tokenizer="tokenizer.json")        # TokenCount(tokens=1, exact=True)
    count_tokens("Hello")                                    # TokenCount(tokens=2, exact=False)

A chat costs more tokens than its texts: the model's template adds marks between messages. So the
count of messages is exact only where ``render`` makes the prompt of them, for example with
``transformers``: ``partial(tokenizer.apply_chat_template, tokenize=False,
add_generation_prompt=True)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_accelerate.errors import InvalidParameters, MalformedFile, MissingPackage

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Messages: TypeAlias = Sequence[Mapping[str, Any]]
Render: TypeAlias = Callable[[Messages], str]

BYTES_PER_TOKEN = 4
"""Of text in UTF-8, for an estimate: near to what English and code come to with the vocabularies of
32,000 to 200,000 entries that models have. Other languages and numbers come to more tokens."""
TOKENS_PER_MESSAGE = 4
"""Marks around one message, for an estimate."""


@dataclass(frozen=True)
class TokenCount:
    """How many tokens something is."""

    tokens: int
    exact: bool
    """Whether they were counted with a tokenizer, and all of them; an estimate otherwise."""


def count_tokens(
    text_or_messages: str | Messages,
    *,
    tokenizer: Tokenizer | str | PathLike[str] | None = None,
    render: Render | None = None,
    special_tokens: bool = False,
) -> TokenCount:
    """Count the tokens of a text, or of the messages of a chat; nothing is sent.

    Args:
        text_or_messages: the text, or messages as a provider takes them.
        tokenizer: the model's, or the path of its ``tokenizer.json``.
        render: makes the prompt of messages, as the model's chat template does.
        special_tokens: whether the tokenizer adds those that it begins or ends a text with.

    Raises:
        InvalidParameters: it is neither text nor messages, or text that no tokenizer can read.
        MalformedFile: the path leads to no tokenizer.
        MissingPackage: a path was given, and the package ``tokenizers`` is not installed.
    """
    texts, complete = _texts(text_or_messages, render)
    if tokenizer is None:
        messages = 0 if isinstance(text_or_messages, str) else len(text_or_messages)
        return TokenCount(sum(map(_estimate, texts)) + messages * TOKENS_PER_MESSAGE, False)
    whole = _whole(_loaded(tokenizer))
    return TokenCount(sum(_count(whole, text, special_tokens) for text in texts), complete)


def _texts(given: Any, render: Render | None) -> tuple[list[str], bool]:
    """The texts to count, and whether they are all that the model reads."""
    if isinstance(given, str):
        return [given], True
    if not isinstance(given, Sequence) or not all(isinstance(each, Mapping) for each in given):
        raise InvalidParameters(
            f"expected a text, or a list of messages, not {type(given).__name__}"
        )
    parts = [part for message in given for part in _parts(message.get("content"))]
    texts = [part for part in parts if isinstance(part, str)]
    if render is None:
        return texts, False
    # What is no text, such as an image, comes to tokens that no rendering shows.
    return [render(given)], len(texts) == len(parts)


def _parts(content: Any) -> list[str | None]:
    """The pieces of a message's content; ``None`` for one that is no text."""
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    pieces = content if isinstance(content, (list, tuple)) else [content]
    return [_text(piece) for piece in pieces]


def _text(piece: Any) -> str | None:
    if isinstance(piece, str):
        return piece
    text = piece.get("text") if isinstance(piece, Mapping) else None
    return text if isinstance(text, str) else None


def _estimate(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def _count(tokenizer: Tokenizer, text: str, special_tokens: bool) -> int:
    try:
        return len(tokenizer.encode(text, add_special_tokens=special_tokens).ids)
    except (TypeError, UnicodeError) as error:
        raise InvalidParameters(f"the tokenizer cannot read the text: {error}") from None


def _whole(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer, neither cutting a text off nor filling it up, which would be counted."""
    if tokenizer.truncation is None and tokenizer.padding is None:
        return tokenizer
    copy = type(tokenizer).from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def _loaded(tokenizer: Any) -> Tokenizer:
    if not isinstance(tokenizer, (str, PathLike)):
        return tokenizer  # type: ignore[no-any-return]
    path = Path(tokenizer)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise MalformedFile(path, None, f"no tokenizer: {error.strerror or error}") from None
    return _read(path, changed)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Tokenizer:
    """A tokenizer from its file, read again when that has changed."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingPackage("tokenizers", "torch") from None
    try:
        return _whole(Tokenizer.from_file(str(path)))
    except Exception as error:  # tokenizers raises Exception itself
        raise MalformedFile(path, None, f"expected a tokenizer.json: {error}") from None
