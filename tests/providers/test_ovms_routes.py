"""The OVMS client: readiness, versions and labels in paths, and routes that are missing."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers.examples import CannedReply, examples, json_reply
from tests.providers.ovms_mock import LIST, mocked

EXAMPLES = examples("ovms")


@pytest.mark.parametrize("operation", ["server_live", "server_ready", "model_ready"])
@pytest.mark.parametrize("status", [400, 503])
def test_not_ready_is_an_answer(operation: str, status: int) -> None:
    """It is false, is asked once, and however often it is, the breaker stays closed."""
    seen: list[httpx.Request] = []
    client = mocked(CannedReply(b'{"error": "loading"}', status=status), seen)
    for _ in range(20):
        answer = client[operation](EXAMPLES[operation].parameters)
        assert not answer
        assert (answer.status, answer.reason) == (status, "loading")
    assert len(seen) == 20
    assert client.metrics[operation].errors == {}


def test_ready_is_true_though_nothing_is_told() -> None:
    """An empty answer is true; one that says that it is not ready is false."""
    assert mocked(CannedReply(b"")).server_ready()
    assert mocked(json_reply({"ready": True})).server_ready()
    assert not mocked(json_reply({"ready": False})).server_ready()
    assert not mocked(json_reply({"live": False})).server_live()


def test_an_unknown_model_is_not_ready_and_a_missing_route_an_error() -> None:
    """404 is an answer for a model; for the server it says that this is none of the protocol."""
    client = mocked(CannedReply(b"", status=404))
    assert not client.model_ready(model="m")
    with pytest.raises(errors.NotFound):
        client.server_ready()


@pytest.mark.parametrize("status", [401, 403, 418])
def test_other_statuses_are_errors_of_readiness_too(status: int) -> None:
    """Who may not ask is not told that something is not ready."""
    with pytest.raises(errors.StatusError):
        mocked(CannedReply(b"", status=status)).model_ready(model="m")


@pytest.mark.parametrize(
    ("operation", "place", "path"),
    [
        ("model_ready", {"version": 2}, "/v2/models/m/versions/2/ready"),
        ("model_metadata", {"version": "2"}, "/v2/models/m/versions/2"),
        ("infer", {"version": 2, "inputs": LIST}, "/v2/models/m/versions/2/infer"),
        ("model_status", {"version": 2}, "/v1/models/m/versions/2"),
        ("predict", {"version": 2, "instances": [1]}, "/v1/models/m/versions/2:predict"),
        ("predict", {"label": "new", "inputs": 1}, "/v1/models/m/labels/new:predict"),
        ("predict_metadata", {"label": "new"}, "/v1/models/m/labels/new/metadata"),
        ("predict", {"version": "a/b", "inputs": 1}, "/v1/models/m/versions/a%2Fb:predict"),
    ],
)
def test_versions_and_labels_stand_in_the_path(
    operation: str, place: dict[str, Any], path: str
) -> None:
    """A version or a label is part of the path where it is given."""
    seen: list[httpx.Request] = []
    mocked(EXAMPLES[operation].reply, seen)[operation]({"model": "m", **place})
    assert seen[0].url.raw_path.decode() == path


ABSENT = [404, 405]


@pytest.mark.parametrize("status", ABSENT)
@pytest.mark.parametrize(
    ("operation", "place", "asked"),
    [
        ("predict", {"model": "a/b", "instances": [1]}, "/v2/models/a%2Fb"),
        ("predict", {"model": "m", "version": 3, "inputs": 1}, "/v2/models/m/versions/3"),
        ("predict_metadata", {"model": "m"}, "/v2/models/m"),
        ("model_status", {"model": "m", "version": 3}, "/v2/models/m/versions/3"),
        ("config", {}, "/v2"),
        ("config_reload", {}, "/v2"),
        ("server_metrics", {}, "/v2"),
    ],
)
def test_a_missing_route_is_told_from_a_missing_model(
    operation: str, place: dict[str, Any], asked: str, status: int
) -> None:
    """Where the model or the server is there, the route is missing; else the answer stands."""
    seen: list[httpx.Request] = []

    def there(request: httpx.Request) -> CannedReply:
        known = request.url.raw_path.decode() == asked
        return json_reply({}) if known else CannedReply(b"Not Found", "text/plain", status)

    with pytest.raises(errors.UnsupportedOperation, match=f"ovms.{operation}") as caught:
        mocked(there, seen)[operation](place)
    assert caught.value.operations == (operation,)
    assert [(each.method, each.content) for each in seen[1:]] == [("GET", b"")]
    gone = mocked(CannedReply(b"", "text/plain", status))
    with pytest.raises(errors.StatusError) as refused:
        gone[operation](place)
    assert refused.value.status == status


def test_tasks_are_told_of_a_missing_route_too() -> None:
    """The second question is asked from an event loop as well."""

    async def ask() -> None:
        def there(request: httpx.Request) -> CannedReply:
            found = request.url.path.startswith("/v2")
            return json_reply({}) if found else CannedReply(b"", status=404)

        async with mocked(there) as client:
            await client.predict.acall(model="m", instances=[1])

    with pytest.raises(errors.UnsupportedOperation):
        asyncio.run(ask())


def test_what_is_not_implemented_is_unsupported_at_once() -> None:
    """501 says it by itself, of any operation."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.UnsupportedOperation, match="501"):
        mocked(CannedReply(b"", status=501), seen).infer(model="m", version=1, inputs=LIST)
    assert len(seen) == 1


def test_other_errors_of_such_routes_stand() -> None:
    """A refusal is no missing route, and no second question is asked."""
    seen: list[httpx.Request] = []
    with pytest.raises(errors.BadRequest, match="wrong shape"):
        mocked(CannedReply(b'{"error": "wrong shape"}', status=400), seen).predict(
            model="m", instances=[1]
        )
    assert len(seen) == 1
