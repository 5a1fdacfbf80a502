"""Installed and unused, the plugin costs an unrelated suite next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "openvino", "httpx", "respx", "jinja2", "numpy")


def run_alone(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *args: str
) -> pytest.RunResult:
    """Run pytest with this plugin alone: respx, itself a plugin, imports httpx."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester.runpytest_subprocess("-p", "pytest_accelerate.plugin", *args)


def test_an_unrelated_suite_imports_nothing_heavy(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No library that runs models or talks to APIs is imported unless a test asks for it."""
    pytester.makeconftest(
        f"""
        import sys
        def pytest_unconfigure(config):
            print("LOADED", [name for name in {HEAVY!r} if name in sys.modules])
        """
    )
    pytester.makepyfile("def test_unrelated(): assert True")
    result = run_alone(pytester, monkeypatch)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["LOADED []"])


def test_an_unrelated_suite_is_left_without_a_trace(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder, file or line of output comes from a plugin that was not used."""
    pytester.makepyfile("def test_unrelated(): assert True")
    before = {path.name for path in pytester.path.iterdir()}
    result = run_alone(pytester, monkeypatch, "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    added = {path.name for path in pytester.path.iterdir()} - before
    assert added <= {"__pycache__", "runpytest-0", "runpytest-current", "stdout", "stderr"}
    assert "accelerate" not in result.stdout.str().replace("plugins: accelerate", "")


def test_an_unrelated_suite_imports_few_modules_of_the_plugin(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is imported is what parses and delegates: its time is measured in benchmarks/."""
    pytester.makeconftest(
        """
        import sys
        def pytest_unconfigure(config):
            parts = [name.split(".") for name in sys.modules]
            print("OURS", *sorted(p[1] for p in parts if p[0] == "pytest_accelerate" and p[1:]))
        """
    )
    pytester.makepyfile("def test_unrelated(): assert True")
    result = run_alone(pytester, monkeypatch)
    result.stdout.fnmatch_lines(
        ["OURS errors fixtures hookspecs options plan plugin provider_fixtures session vocabulary"]
    )


def test_loading_the_plugin_costs_less_than_20_ms() -> None:
    """Beside what pytest imports anyway, importing the plugin takes under 20 ms of processor time.

    Of many processes the least: other work on the machine adds to each, and takes from none.
    """
    code = (
        "import pytest, time, dataclasses, json, enum, subprocess, functools, pathlib\n"
        "started = time.process_time()\n"
        "import pytest_accelerate.plugin\n"
        "print(time.process_time() - started)"
    )
    seconds = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(10)
    ]
    assert min(seconds) < 0.020


def test_a_fixture_of_the_same_name_wins(pytester: pytest.Pytester) -> None:
    """A suite with its own fixtures named cell and hardware is not parametrized."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def cell():
            return "a table's cell"

        @pytest.fixture
        def hardware():
            return "nuts and bolts"

        def test_own(cell, hardware):
            assert (cell, hardware) == ("a table's cell", "nuts and bolts")

        @pytest.mark.parametrize("model_type", ["mine"])
        def test_direct(model_type):
            assert model_type == "mine"
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)
