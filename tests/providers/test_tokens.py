"""Counting tokens: exact with a tokenizer, and otherwise called what it is."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace, WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from pytest_accelerate import errors
from pytest_accelerate.providers import Groq
from pytest_accelerate.providers.tokens import TokenCount, count_tokens

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": [{"type": "text", "text": "say hello now"}]},
]


@pytest.fixture
def tokenizer() -> Tokenizer:
    """A real tokenizer of words, which begins a text with a mark."""
    words = ["[UNK]", "[BOS]", "be", "brief", "say", "hello", "now"]
    made = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, "[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(single="[BOS] $A", special_tokens=[("[BOS]", 1)])
    return made


def rendered(messages: Sequence[Mapping[str, Any]]) -> str:
    """A chat template: a mark before each message, and one at the end."""
    parts = [part for each in messages for part in ("MARK", _text(each["content"]))]
    return " ".join([*parts, "MARK"])


def _text(content: Any) -> str:
    return content if isinstance(content, str) else content[0]["text"]


def test_text_is_counted_exactly(tokenizer: Tokenizer) -> None:
    """A text's tokens are the tokenizer's, with its own marks where they are asked for."""
    assert count_tokens("say hello now", tokenizer=tokenizer) == TokenCount(3, True)
    with_marks = count_tokens("say hello now", tokenizer=tokenizer, special_tokens=True)
    assert with_marks == TokenCount(4, True)
    assert count_tokens("", tokenizer=tokenizer) == TokenCount(0, True)


@pytest.mark.parametrize("kind", [str, Path])
def test_tokenizer_is_read_from_its_file(kind: Any, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """The path of a tokenizer.json is as good as the tokenizer, and is read again once changed."""
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    assert count_tokens("say hello now", tokenizer=kind(path)) == TokenCount(3, True)
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(path))
    os.utime(path, ns=(0, 1))  # a coarse clock may give both files one time
    assert count_tokens("say,hello now", tokenizer=kind(path)) == TokenCount(2, True)


@pytest.mark.parametrize("from_file", [False, True])
def test_cut_and_filled_texts_are_counted_whole(
    from_file: bool, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """A tokenizer that cuts texts off or fills them up still counts the whole text and no more."""
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=16)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    used: Any = path if from_file else tokenizer
    assert count_tokens("say hello now", tokenizer=used) == TokenCount(3, True)
    assert tokenizer.truncation is not None  # the caller's own is left as it was


def test_messages_are_exact_only_when_rendered(tokenizer: Tokenizer) -> None:
    """Messages without their template are counted too low, so the count is not called exact."""
    bare = count_tokens(MESSAGES, tokenizer=tokenizer)
    assert bare == TokenCount(5, False)
    assert count_tokens(MESSAGES, tokenizer=tokenizer, render=rendered) == TokenCount(8, True)


def test_image_among_the_messages_is_never_exact(tokenizer: Tokenizer) -> None:
    """What is no text comes to tokens that are not counted, so the count is not called exact."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "hello"}, image]}
    ]
    counted = count_tokens(messages, tokenizer=tokenizer, render=lambda given: "hello")
    assert counted == TokenCount(1, False)


@pytest.mark.parametrize("text", ["", "a", "Hello, world", "ü" * 9, "\ud800"])
def test_without_a_tokenizer_it_is_an_estimate(text: str) -> None:
    """An estimate is called one, whatever the text is, and grows with it."""
    estimate = count_tokens(text)
    assert not estimate.exact
    assert estimate.tokens == -(-len(text.encode("utf-8", "surrogatepass")) // 4)
    assert count_tokens(text + "more").tokens > estimate.tokens


def test_estimate_of_messages_counts_their_marks() -> None:
    """An estimate of messages is above that of their texts alone."""
    texts = sum(count_tokens(text).tokens for text in ("be brief", "say hello now"))
    assert count_tokens(MESSAGES) == TokenCount(texts + 8, False)
    assert count_tokens([{"role": "assistant", "content": None}]) == TokenCount(4, False)


@pytest.mark.parametrize("given", [7, None, b"bytes", ["text"], {"role": "user"}])
def test_neither_text_nor_messages_is_refused(given: Any) -> None:
    """What is neither a text nor a list of messages is a typed error."""
    with pytest.raises(errors.InvalidParameters, match="messages"):
        count_tokens(given)


def test_text_that_no_tokenizer_reads_is_refused(tokenizer: Tokenizer) -> None:
    """A lone surrogate is a typed error, not the tokenizer's own."""
    with pytest.raises(errors.InvalidParameters, match="tokenizer"):
        count_tokens("\ud800", tokenizer=tokenizer)


@pytest.mark.parametrize("content", [None, b"no json", b'{"model": 7}', b"\xff"])
def test_what_is_no_tokenizer_is_told(content: bytes | None, tmp_path: Path) -> None:
    """A path that leads to no tokenizer names the file."""
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.MalformedFile, match="tokenizer"):
        count_tokens("hello", tokenizer=path)


def test_missing_package_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path without the package tokenizers names what to install."""
    real = builtins.__import__

    def refusing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(errors.MissingPackage, match="pip install"):
        count_tokens("hello", tokenizer=path)


def test_a_client_counts_too(tokenizer: Tokenizer) -> None:
    """A Groq client counts without a key and without sending anything."""
    assert Groq("k").count_tokens("say hello", tokenizer=tokenizer) == TokenCount(2, True)
