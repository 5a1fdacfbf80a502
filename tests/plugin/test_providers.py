"""The fixtures and options of API providers: mocked unless the real ones are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_accelerate.commands import init
from pytest_accelerate.providers import names
from tests.plugin.conftest import CHAT, Matrix, result_of, verdicts

ROOT = Path(__file__).parents[2]


def test_this_repository_uses_the_suite_that_init_writes() -> None:
    """What ``init`` gives to others is what runs here."""
    text = (ROOT / init.API_SUITE).read_text(encoding="utf-8")
    assert text == init.suite_text(init.API_SUITE)


def test_provider_is_a_mocked_client_of_each_provider(api_suite: pytest.Pytester) -> None:
    """Without options a test runs once a provider, mocked, and the client is closed after it."""
    api_suite.makepyfile(
        f"""
        import asyncio
        import pytest
        from pytest_accelerate import errors, providers

        used = []

        def test_each(provider):
            assert provider.implementation_type == "MOCK"
            assert type(provider) is providers.provider_class(provider.name)
            used.append(provider)

        @pytest.mark.providers("openai")
        def test_calls(provider):
            answer = provider.chat({CHAT})
            assert answer.text and answer.implementation_type == "MOCK"
            assert asyncio.run(provider.chat.acall({CHAT})).text == answer.text
            assert "".join(provider.chat.stream({CHAT}).texts()) == answer.text

        def test_closed():
            assert [client.name for client in used] == list(providers.names())
            with pytest.raises(errors.ClientClosed):
                used[0].models_list()
        """
    )
    api_suite.runpytest_subprocess("test_provider_is_a_mocked_client_of_each_provider.py",
                                   "-v").assert_outcomes(passed=len(names()) + 2)  # fmt: skip


def test_marker_and_option_narrow_each_other(api_suite: pytest.Pytester) -> None:
    """A test runs for the providers that both name; where that is none, it skips."""
    api_suite.makepyfile(
        test_marked="""
        import pytest

        @pytest.mark.providers("openai", "claude")
        def test_two(provider):
            assert provider.name in ("openai", "claude")
        """
    )
    run = api_suite.runpytest_subprocess
    run("test_marked.py").assert_outcomes(passed=2)
    run("test_marked.py", "--providers", "claude,gemini").assert_outcomes(passed=1)
    run("test_marked.py", "--providers", "gemini").assert_outcomes(skipped=1)


def test_an_unknown_provider_in_a_marker_lists_the_known(api_suite: pytest.Pytester) -> None:
    """A name that no provider has ends the collection."""
    api_suite.makepyfile(
        test_marked="""
        import pytest

        @pytest.mark.providers("opnai")
        def test_marked(provider): pass
        """
    )
    result = api_suite.runpytest_subprocess("test_marked.py")
    assert result.ret != pytest.ExitCode.OK
    text = result.stdout.str() + result.stderr.str()
    assert "unknown provider 'opnai'; known: openai, claude, groq, gemini, ollama" in text


def test_replies_can_be_replaced(api_suite: pytest.Pytester) -> None:
    """provider_mock is a respx router: replies, failures and the requests that came are at hand."""
    api_suite.makepyfile(
        test_replaced=f"""
        import httpx
        import pytest
        from pytest_accelerate import errors

        pytestmark = pytest.mark.providers("openai")

        def test_limited(provider, provider_mock):
            provider_mock["chat"].respond(429, headers={{"retry-after": "3600"}})
            with pytest.raises(errors.RateLimited) as caught:
                provider.chat({CHAT})
            assert caught.value.retry_after == 3600
            assert provider_mock["chat"].call_count == 1

        def test_retried_without_waiting(provider, provider_mock):
            provider_mock["chat"].mock(side_effect=[
                httpx.ConnectError("no"), httpx.Response(503),
                httpx.Response(200, json={{"choices": [{{"message": {{"content": "mine"}}}}]}}),
            ])
            assert provider.chat({CHAT}).text == "mine"

        def test_by_path(provider, provider_mock):
            provider_mock.post("/chat/completions").respond(500)
            with pytest.raises(errors.ServerError):
                provider.chat(max_tries=1, {CHAT})

        def test_no_route(provider, provider_mock):
            provider_mock.pop("chat")
            with pytest.raises(AssertionError, match="no route for POST https://.*--live-apis"):
                provider.chat({CHAT})

        def test_untouched(provider):
            assert provider.chat({CHAT}).text
        """
    )
    result = api_suite.runpytest_subprocess("test_replaced.py", "--durations", "1")
    result.assert_outcomes(passed=5)


def test_the_network_is_refused_while_a_mocked_provider_is_in_use(
    api_suite: pytest.Pytester,
) -> None:
    """The guard stands for the time of such a test alone, also where it is not the first."""
    api_suite.makepyfile(
        test_refused="""
        import socket
        import pytest
        from pytest_accelerate import errors, guard

        @pytest.mark.providers("openai")
        def test_refused(provider):
            with pytest.raises(errors.NetworkRefused, match="192.0.2.1:80.*--live-apis"):
                socket.create_connection(("192.0.2.1", 80))

        def test_not_refused():
            assert not guard.is_active()

        @pytest.mark.providers("openai")
        def test_swallowed_by_nothing(provider):
            try:
                socket.create_connection(("192.0.2.1", 80))
            except OSError:
                pass
        """
    )
    result = api_suite.runpytest_subprocess("test_refused.py")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*NetworkRefused: *192.0.2.1:80*--live-apis*"])


def test_a_fixture_of_the_same_name_wins(api_suite: pytest.Pytester) -> None:
    """A suite with a fixture of its own named provider is not parametrized, and has its network."""
    api_suite.makepyfile(
        test_own="""
        import sys
        import pytest

        @pytest.fixture
        def provider():
            return "a provider of vegetables"

        def test_own(provider):
            assert provider == "a provider of vegetables"
            assert "pytest_accelerate.guard" not in sys.modules
        """
    )
    api_suite.runpytest_subprocess("test_own.py").assert_outcomes(passed=1)


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["serial", "n2"])
def test_each_operation_is_a_cell_of_the_matrix(
    api_suite: pytest.Pytester, matrix: Matrix, parallel: tuple[str, ...]
) -> None:
    """One item an operation, each with all stages, marked as mocked; page and results as ever."""
    args = ("--providers", "openai", "-k", "chat or embeddings or files_upload", *parallel)
    result = api_suite.runpytest_subprocess(*args)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["accelerate: openai; mocked", "*matrix/index.html*"])
    assert verdicts(matrix) == {
        "openai-chat-mock": "pass",
        "openai-embeddings-mock": "pass",
        "openai-files_upload-mock": "pass",
    }
    line = matrix.lines()[1]
    assert [stage["stage"] for stage in line["stages"]] == [
        "request", "response", "stream", "retry", "rate-limit", "timeout", "auth", "cancel",
    ]  # fmt: skip
    assert line["measures"]["implementation_type"] == "MOCK"
    assert line["measures"]["requests"] > 10
    embeddings = result_of(matrix, "embeddings")["stages"]
    assert isinstance(embeddings, list)
    assert embeddings[2]["verdict"] == "not-run"
    assert "openai" in (matrix.folder / "index.html").read_text(encoding="utf-8")


def test_providers_need_no_hardware_and_no_torch(
    api_suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of providers alone passes where nothing that runs models can be imported."""
    blocked = ("torch", "transformers", "openvino", "numpy")
    api_suite.makepyfile(
        sitecustomize=f"""
        import sys
        sys.modules.update(dict.fromkeys({blocked!r}))
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(api_suite.path))
    args = ("--providers", "openai", "-k", "openai-chat")
    api_suite.runpytest_subprocess(*args).assert_outcomes(passed=1)
    api_suite.runpytest_subprocess("-k", "openai-chat", "-n", "2").assert_outcomes(passed=1)


FAULTS = {
    "request": """
        from pytest_accelerate.providers import OpenAI
        found = OpenAI.authorise
        def authorise(self, operation):
            headers = found(self, operation)
            return {**headers, "x-copy": headers["authorization"]}
        OpenAI.authorise = authorise
        """,
    "response": """
        from pytest_accelerate.providers.openai_family import ChatCompletion
        ChatCompletion.finish_reason = property(lambda self: self.data["no such thing"])
        """,
    "stream": """
        from pytest_accelerate.providers.openai_family import ChatCompletion
        text = ChatCompletion.text.fget
        ChatCompletion.text = property(lambda self: text(self) + "!")
        """,
    "retry": """
        from pytest_accelerate.transport import backoff, exchange
        exchange.backoff.delay = lambda *_: 99.0
        """,
    "rate-limit": """
        from pytest_accelerate.transport import classify
        classify.retry_after = lambda *_: None
        """,
    "timeout": """
        from pytest_accelerate import errors
        errors.ProviderTimeout = errors.ConnectionFailed
        """,
    "auth": """
        from pytest_accelerate.transport.redaction import Redactor
        Redactor.__call__ = lambda self, text: text
        """,
    "cancel": """
        import sys
        from pytest_accelerate.transport.slots import Slots
        leave = Slots.leave
        def forgetful(self, ticket):
            if sys.exc_info()[0] is not GeneratorExit:
                leave(self, ticket)
        Slots.leave = forgetful
        """,
}
"""A fault for each stage, which it must find."""


@pytest.mark.parametrize("stage", FAULTS)
def test_each_stage_finds_its_fault(api_suite: pytest.Pytester, matrix: Matrix, stage: str) -> None:
    """What is broken in the client fails the stage that is for it, with the way to see it again."""
    api_suite.makeconftest(FAULTS[stage])
    result = api_suite.runpytest_subprocess("--providers", "openai", "-k", "openai-chat")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "openai-chat-mock: *",
            "reproduce: pytest api_tests --providers openai -k openai-chat-mock",
            "known and accepted: *--update-expectations",
        ]
    )
    stages = result_of(matrix, "chat")["stages"]
    assert isinstance(stages, list)
    found = {each["stage"]: each["verdict"] for each in stages}
    assert found[stage] in ("mismatch", "error")
    before = list(found)[: list(found).index(stage)]
    assert all(found[name] == "pass" for name in before)


def test_expectations_are_a_ratchet_for_providers_too(
    api_suite: pytest.Pytester, matrix: Matrix
) -> None:
    """A known failure is green once it is written down, and its repair fails until that is too."""
    args = ("--providers", "openai", "-k", "openai-chat")
    fault = api_suite.makeconftest(FAULTS["stream"])
    api_suite.runpytest_subprocess(*args).assert_outcomes(failed=1)
    updating = api_suite.runpytest_subprocess(*args, "--update-expectations")
    updating.assert_outcomes(xfailed=1)
    api_suite.runpytest_subprocess(*args).assert_outcomes(xfailed=1)
    fault.unlink()
    result = api_suite.runpytest_subprocess(*args)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["openai-chat-mock: pass*", "expected mismatch: *"])
    api_suite.runpytest_subprocess(*args, "--update-expectations").assert_outcomes(passed=1)
    api_suite.runpytest_subprocess(*args).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--providers", "opnai"), "unknown provider 'opnai'; known: openai, claude, groq, *"),
        (("--live-budget", "much"), "--live-budget 'much' is not an amount of USD, such as 0.50"),
        (("--live-budget", "-1"), "--live-budget '-1' is not an amount of USD, such as 0.50"),
        (("--live-writes",), "--live-writes allows nothing without --live-apis"),
    ],
)
def test_a_wrong_option_ends_the_run_before_collection(
    api_suite: pytest.Pytester, args: tuple[str, ...], told: str
) -> None:
    """A value that cannot be followed is one ERROR line and exit status 4."""
    result = api_suite.runpytest_subprocess(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {told}"])
    assert "Traceback" not in result.stderr.str()


def test_ini_keys_stand_in_for_options(api_suite: pytest.Pytester) -> None:
    """Providers and budget can be set once; that the real APIs are called cannot."""
    api_suite.makeini("[pytest]\naccelerate_providers = ollama\naccelerate_live_budget = 0.25\n")
    result = api_suite.runpytest_subprocess("--collect-only", "-q", "--live-apis")
    names = [line.split("[")[1] for line in result.outlines if "[" in line]
    assert names
    assert all(name.startswith("ollama-") and name.endswith("-live]") for name in names)
    result = api_suite.runpytest_subprocess("--collect-only", "--live-apis")
    result.stdout.fnmatch_lines(["accelerate: ollama; live, at most 0.25 USD"])
    api_suite.makeini("[pytest]\naccelerate_live_apis = true\n")
    result = api_suite.runpytest_subprocess("--collect-only", "--strict-config")
    assert result.ret != pytest.ExitCode.OK
