"""What README shows is run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_accelerate.providers.examples import CannedReply, examples
from tests.providers.recording import Recorded, RecordingServer

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_test_of_readme_passes(pytester: pytest.Pytester) -> None:
    """The example of someone's own test runs on both backends."""
    pytester.makepyfile(SNIPPETS[0])
    result = pytester.runpytest_subprocess("--hardware", "cpu,openvino")
    result.assert_outcomes(passed=4)


def test_the_library_of_readme_works() -> None:
    """The example of endpoints outside pytest runs as a script."""
    subprocess.run([sys.executable, "-c", SNIPPETS[1]], check=True)


def test_the_provider_test_of_readme_passes(pytester: pytest.Pytester) -> None:
    """The example of a test of API providers runs on both, mocked."""
    pytester.makepyfile(SNIPPETS[2])
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_the_client_of_readme_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of a client runs as a script, against a server that answers as OpenAI does."""
    example = examples("openai")["chat"]
    assert example.stream is not None

    def reply(recorded: Recorded) -> CannedReply:
        return example.stream if recorded.json.get("stream") else example.reply

    with RecordingServer(reply) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "a-test-key")
        subprocess.run([sys.executable, "-W", "error", "-c", SNIPPETS[3]], check=True)
        assert len(server.requests) == 3


def test_every_option_stands_in_readme(pytester: pytest.Pytester) -> None:
    """The table of options is complete."""
    shown = pytester.runpytest_subprocess("--help").stdout.str()
    group = shown.split("pytest-accelerate):")[1].split("\n\n")[0]
    for option in re.findall(r"^ +(--[a-z-]+)", group, re.MULTILINE):
        assert f"`{option}" in README, option
