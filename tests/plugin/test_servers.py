"""``--servers``: cells that real servers answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_accelerate.servers import server
from pytest_accelerate.servers.environments import is_installed

SUITE = "def test_operation(provider_cell):\n    provider_cell.verify()\n"


def test_an_unknown_server_ends_the_run(pytester: pytest.Pytester) -> None:
    """The message lists the known ones, before anything is collected."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("--servers", "nosuch")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*unknown server 'nosuch'; known: *moto*")


def test_a_server_that_is_not_installed_ends_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for by name and cannot be had is an error with its remedy, never a skip."""
    monkeypatch.setattr("sys.prefix", str(pytester.path))
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_inprocess("--servers", "moto")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*pytest-accelerate servers install moto*")


@pytest.mark.skipif(
    not is_installed(server("mlserver")), reason="pytest-accelerate servers install mlserver"
)
def test_cells_say_which_server_answered(pytester: pytest.Pytester) -> None:
    """Beside the mocked cells stand those of the server, real, with its name and version."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest(
        "--servers", "mlserver", "--providers", "ovms", "-k", "infer or server_ready"
    )
    result.assert_outcomes(passed=4)
    (file,) = Path(pytester.path, "matrix", "results").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    cells = {(each["operation"], each["mode"]): each for each in lines if "operation" in each}
    assert set(cells) == {("infer", "mock"), ("infer", "server"),
                          ("server_ready", "mock"), ("server_ready", "server")}  # fmt: skip
    real = cells["infer", "server"]
    assert real["verdict"] == "pass"
    assert real["measures"]["implementation_type"] == "REAL"
    assert real["measures"]["server"].startswith("mlserver 1.")
    assert [stage["stage"] for stage in real["stages"]] == ["request", "response", "stream"]
    page = Path(pytester.path, "matrix", "index.html").read_text()
    assert real["measures"]["server"] in page
