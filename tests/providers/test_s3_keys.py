"""Where S3's keys are found, that they sign, and that they show nowhere."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

from pytest_accelerate import errors, guard
from pytest_accelerate.commands.accounts import accounts
from pytest_accelerate.commands.credentials import template
from pytest_accelerate.commands.doctor import _source
from pytest_accelerate.providers import mocks
from pytest_accelerate.providers.examples.s3 import error_reply
from pytest_accelerate.providers.s3 import S3
from pytest_accelerate.providers.stages.loopback import Loopback
from pytest_accelerate.transport.policy import Policy
from tests.providers.s3_served import (
    FOUND,
    ID,
    SECRET,
    SLOW,
    TOKEN,
    Ways,
    ask,
    nothing_set,
    served,
)
from tests.providers.test_canary import told

_ = (ask, nothing_set)  # fixtures


def test_a_key_is_both_its_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key is found where both its parts are, with the token beside them, and nowhere else."""
    with pytest.raises(errors.InvalidParameters, match="give both or none"):
        S3(ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "without-an-id")
    (tmp_path / ".env").write_text(
        "AWS_ACCESS_KEY_ID=AKIADOTENV\nAWS_SECRET_ACCESS_KEY=from-dotenv\n"
        "AWS_SESSION_TOKEN=token-of-dotenv\nAWS_DEFAULT_REGION=eu-central-1\n"
    )
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-another-key")
    client = S3(bucket="models")
    assert (client.key_source, client.region) == (".env", "eu-central-1")
    assert client.base_url == "https://s3.eu-central-1.amazonaws.com"
    url = client.presign(key="a").url
    assert url.startswith("https://models.s3.eu-central-1.amazonaws.com/a?")
    assert "AKIADOTENV" in url
    assert "token-of-dotenv" in url
    assert "another" not in url
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    assert S3(bucket="models").key_source == "environment"
    assert S3(ID, SECRET, bucket="models").key_source == "argument"


def test_no_key_is_told_before_anything_is_sent(ask: Ways) -> None:
    """Without a key, the error names both variables, and nothing is sent."""
    with S3(bucket="models", base_url="http://127.0.0.1:9") as client:
        for name in ("get", "presign"):
            with pytest.raises(errors.MissingCredential) as caught:
                ask(client[name], key="a")
            assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in str(caught.value)


def test_the_environment_cannot_switch_signing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """What obstore would read from the environment by itself changes no request of ours."""
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-another-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    with served(FOUND) as (client, requests):
        client.get(key="a")
    assert requests[0].headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={ID}/")
    assert "x-amz-security-token" not in requests[0].headers


def test_the_session_token_is_sent_and_hidden() -> None:
    """A session token goes with each request, and shows nowhere else."""
    echo = mocks.response(error_reply(403, "InvalidToken", f"{TOKEN} and {SECRET}"))
    with served(echo, session_token=TOKEN) as (client, requests):
        with pytest.raises(errors.PermissionDenied) as caught:
            client.get(key="a")
        assert requests[0].headers["x-amz-security-token"] == TOKEN
        shown = [str(caught.value), repr(caught.value), repr(client), repr(vars(caught.value)),
                 repr(client.store("models")), str(client.store("models").config)]  # fmt: skip
    assert not [text for text in shown if TOKEN in text or SECRET in text]


def test_no_log_has_a_key_or_signature(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a secret nor a signature is logged, whatever is asked for."""
    caplog.set_level(logging.DEBUG)
    with served(SLOW, FOUND) as (client, requests):
        client.get(key="a")
        url = client.presign(key="a")
    signature = requests[0].headers["authorization"].partition("Signature=")[2]
    for hidden in (SECRET, signature, url.url.partition("X-Amz-Signature=")[2]):
        assert hidden not in caplog.text
        assert hidden not in repr(url)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(client)


CANARY = "canary/7f3a91c2d4"


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.parametrize("source", ["argument", "environment", ".env", "shared file"])
def test_a_key_shows_nowhere_when_calls_fail(
    ask: Ways,
    source: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Whatever the source and whatever goes wrong, even if a server echoes a secret or token."""
    caplog.set_level(logging.DEBUG)
    variables = {"AWS_ACCESS_KEY_ID": ID, "AWS_SECRET_ACCESS_KEY": CANARY,
                 "AWS_SESSION_TOKEN": f"{CANARY}-token"}  # fmt: skip
    given: dict[str, Any] = {}
    if source == "argument":
        given = {"access_key_id": ID, "secret_access_key": CANARY,
                 "session_token": f"{CANARY}-token"}  # fmt: skip
    elif source == "environment":
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
    else:
        path = tmp_path / (".env" if source == ".env" else ".ipfs_api_credentials")
        path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        path.chmod(0o600)
    echo = mocks.response(error_reply(status, "Code", f"{CANARY} and {CANARY}-token"))
    server = Loopback(lambda request: echo)
    policy = Policy(max_tries=2, backoff_initial=0.001)
    client = S3(**given, bucket="models", base_url=server.url, policy=policy)
    try:
        shown = [repr(client), repr(client.shared), repr(vars(client)), repr(client.metrics)]
        for name, parameters in {"list": {}, "put": {"key": "a", "file": b"x"}}.items():
            with pytest.raises(errors.ProviderError) as caught:
                ask(client[name], **parameters)
            shown += told(caught.value)
    finally:
        client.close()
        server.close()
    shown += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert [text for text in shown if CANARY in text] == []


def test_a_test_without_network_reaches_nothing_else(ask: Ways) -> None:
    """While a mocked test has the network off, a client of another machine sends nothing."""
    with guard.offline():
        with S3(ID, SECRET, bucket="models") as client, pytest.raises(errors.NetworkRefused):
            ask(client["get"], key="a")
        with served(FOUND) as (client, _):
            assert ask(client["get"], key="a").content == b"hello"


def test_doctor_and_template_name_both_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """doctor tells the source of S3's key and not the key; the template has a line a part."""
    (account,) = (each for each in accounts() if each.name == "s3")
    assert _source(account) == "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is not set"
    assert "AWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=\n" in template()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert _source(account) == "AWS_SECRET_ACCESS_KEY in environment"
