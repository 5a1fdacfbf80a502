"""Keys do not show."""

from __future__ import annotations

import pickle
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accelerate.transport.redaction import HIDDEN, Redactor, Secret

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=30)


def test_a_secret_shows_nothing() -> None:
    """Neither repr, str, format nor a pickle has the key."""
    secret = Secret("sk-canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    assert secret == Secret("sk-canary")
    assert len({secret, Secret("sk-canary")}) == 1
    assert secret.reveal() == "sk-canary"


@given(keys=st.lists(KEYS, min_size=1, max_size=3), before=st.text(max_size=9), data=st.data())
def test_no_key_is_left(keys: list[str], before: str, data: st.DataObject) -> None:
    """Wherever keys stand in a text, plain or as in a URL, they are hidden."""
    redact = Redactor(Secret(key) for key in keys)
    key = data.draw(st.sampled_from(keys))
    for form in (key, urllib.parse.quote(key, safe="")):
        text = redact(f"{before} {form} and {form}")
        assert form not in text.replace(HIDDEN, "")
        assert HIDDEN in text


def test_a_key_within_a_key() -> None:
    """The longer key is hidden whole where one begins with the other."""
    redact = Redactor([Secret("sk-abcdef"), Secret("sk-abcdef-123456")])
    assert redact("x sk-abcdef-123456 y sk-abcdef") == f"x {HIDDEN} y {HIDDEN}"


def test_other_text_stays() -> None:
    """What is no key is as it was, and a key too short to tell from words hides nothing."""
    assert Redactor([Secret("the")])("the text") == "the text"
    assert "sk-abcdef" not in repr(Redactor([Secret("sk-abcdef")]))
