"""The comparison of requests that the tests of all providers rest on."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.providers.recording import Recorded
from tests.providers.wire import assert_same_request, differences

JSON = {"content-type": "application/json", "authorization": "Bearer k", "user-agent": "a"}
REQUEST = Recorded("POST", "/v1/x", (("a", "1"),), JSON, b'{"a": {"b": [1, 2]}}')


def form(name: str, filename: str, content: str) -> Recorded:
    """A request with a form of one file."""
    body = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        f"Content-Type: text/plain\r\n\r\n{content}\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    return Recorded("POST", "/v1/x", (), headers, body.encode())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"method": "GET"}, "method"),
        ({"path": "/v1/y"}, "path"),
        ({"query": (("a", "2"),)}, "query.a"),
        ({"query": ()}, "query.a"),
        ({"headers": {**JSON, "authorization": "Bearer l"}}, "header.authorization"),
        ({"headers": {**JSON, "openai-beta": "x"}}, "header.openai-beta"),
        ({"body": b'{"a": {"b": [1, 3]}}'}, "body.a.b.1"),
        ({"body": b'{"a": {"b": [1, 2.0]}}'}, "body.a.b.1"),
        ({"body": b'{"a": {"b": [1, 2], "c": null}}'}, "body.a.c"),
        ({"body": b"", "headers": {"authorization": "Bearer k"}}, "header.content-type"),
    ],
)
def test_each_difference_is_found_in_its_place(change: dict[str, Any], place: str) -> None:
    """A request that differs in one place fails, unless that place is allowed to."""
    other = dataclasses.replace(REQUEST, **change)
    assert [each[0] for each in differences(REQUEST, other)] == [place]
    with pytest.raises(AssertionError, match=place):
        assert_same_request(REQUEST, other)
    assert_same_request(REQUEST, other, {place: "for a reason"})


def test_what_is_of_the_connection_may_differ() -> None:
    """Names of clients and the like are no difference; ``accept`` is one for streams alone."""
    headers = {**JSON, "user-agent": "b", "x-stainless-os": "c", "content-length": "9",
               "accept": "text/event-stream"}  # fmt: skip
    other = dataclasses.replace(REQUEST, headers=headers)
    assert_same_request(REQUEST, other)
    assert [each[0] for each in differences(REQUEST, other, stream=True)] == ["header.accept"]


def test_an_allowed_difference_that_is_none_fails() -> None:
    """The table of allowed differences cannot outlive them."""
    with pytest.raises(AssertionError, match=r"no difference any more in body\.b"):
        assert_same_request(REQUEST, REQUEST, {"body.b": "once"})


def test_forms_are_compared_part_by_part() -> None:
    """A file's name and its content have places of their own."""
    first = form("file", "a.txt", "x")
    assert_same_request(first, form("file", "a.txt", "x"))
    places = [each[0] for each in differences(first, form("file", "b.txt", "y"))]
    assert places == ["form.file.content", "form.file.filename"]
