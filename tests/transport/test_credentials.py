"""Keys are found where people put them, in the order that is documented, and nowhere unsafe."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_accelerate import errors
from pytest_accelerate.providers import OpenAI
from pytest_accelerate.transport import credentials
from pytest_accelerate.transport.credentials import Credential, Found

WANTED = Credential(("OPENAI_API_KEY", "OPENAI_KEY"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and working folder, and no key in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in WANTED.variables:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def shared(home: Path, text: str, mode: int = 0o600) -> Path:
    """Write the shared file of keys."""
    path = home / ".ipfs_api_credentials"
    path.write_text(text)
    path.chmod(mode)
    return path


def keys(found: Found) -> list[str]:
    """The keys themselves."""
    return [key.reveal() for key in found.keys]


def test_the_sources_come_in_their_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over the environment, that over .env, that over the shared file."""
    shared(home, "OPENAI_API_KEY=from-shared\n")
    assert keys(credentials.find(WANTED)) == ["from-shared"]
    (home / ".env").write_text("export OPENAI_API_KEY='from-dotenv' # a comment\n")
    assert keys(credentials.find(WANTED)) == ["from-dotenv"]
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    assert keys(credentials.find(WANTED)) == ["from-environment"]
    found = credentials.find(WANTED, "from-argument")
    assert (keys(found), found.source) == (["from-argument"], "argument")


def test_the_first_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two names for one key, the first that is set counts; an empty one is not set."""
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    monkeypatch.setenv("OPENAI_KEY", "second")
    found = credentials.find(WANTED)
    assert (keys(found), found.variable) == (["second"], "OPENAI_KEY")


def test_a_shared_file_that_others_can_read_is_refused(home: Path) -> None:
    """The error names the file and the command that mends it, and holds no key."""
    path = shared(home, "OPENAI_API_KEY=canary-key\n", 0o640)
    with pytest.raises(errors.UnsafeCredentials, match=f"chmod 600 {path}") as caught:
        credentials.find(WANTED)
    assert "canary" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(home: Path) -> None:
    """Bytes that are not UTF-8 are a typed error that names the file."""
    (home / ".env").write_bytes(b"OPENAI_API_KEY=\xff\xfe\n")
    with pytest.raises(errors.UnsafeCredentials, match="not text in UTF-8"):
        credentials.find(WANTED)


def test_no_key_is_an_error_at_the_call_that_needs_it() -> None:
    """A client is made without a key; its first call names the variable and sends nothing."""
    with OpenAI(base_url="http://127.0.0.1:9") as client:
        with pytest.raises(errors.MissingCredential, match="OPENAI_API_KEY") as caught:
            client.models_list()
        assert client.metrics["models_list"].sent == 0
    assert caught.value.attempts == 0


def test_several_keys_are_taken_in_turn_by_each_endpoint() -> None:
    """Each operation goes round on its own; a key for one operation is used by it alone."""
    with OpenAI(["one-key", "two-key"], endpoint_keys={"models_get": "three-key"}) as client:
        turns = [client.authorise("chat")["authorization"] for _ in range(3)]
        assert turns == ["Bearer one-key", "Bearer two-key", "Bearer one-key"]
        assert client.authorise("models_list") == {"authorization": "Bearer one-key"}
        assert client.authorise("models_get") == {"authorization": "Bearer three-key"}


def test_a_key_for_an_operation_that_is_none_is_refused() -> None:
    """The error names the nearest operation."""
    with pytest.raises(errors.InvalidParameters, match="did you mean 'models_list'"):
        OpenAI("a-key", endpoint_keys={"model_list": "another"})
